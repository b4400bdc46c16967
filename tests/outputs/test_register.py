"""A user's own kind of output, as docs/extending.md says, through everything that legonet does."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest
import torch
from PIL import Image
from torch import nn

import legonet
from legonet import registration
from legonet.compile.export import export
from legonet.errors import GraphError, LegonetError
from legonet.graph.json_schema import graph_schema
from legonet.graph.output import OUTPUTS, Output
from legonet.outputs.vector import VectorOutput
from legonet.run.options import RunOptions
from tests.conftest import CATEGORIES, SHAPE, hurry

DOCS = Path(__file__).parents[2] / "docs" / "extending.md"


def example() -> str:
    """The section's first block of code."""
    section = DOCS.read_text().split("\n## An output kind\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0]


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is gone after it."""
    before = OUTPUTS.names()
    monkeypatch.setattr(registration, "_MODULES", {})
    yield
    for name in set(OUTPUTS.names()) - set(before):
        OUTPUTS.remove(name)


@pytest.fixture
def levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: None) -> Iterator[ModuleType]:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "levels.py").write_text(example())
    monkeypatch.syspath_prepend(folder)
    yield importlib.import_module("levels")
    del sys.modules["levels"]


@pytest.fixture
def network(
    levels: ModuleType, make_model: Callable[..., nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> legonet.Network:
    """Three teachers of a task with such an output, opened from a graph file."""
    hurry(monkeypatch)
    made = legonet.Network("glasses", SHAPE)
    made.add_task("fill", {"kind": "level", "top": 2})
    for seed, category in enumerate(CATEGORIES):
        made.add_teacher(f"{category}-v1", make_model(seed), category=category, task="fill", cut="pool1")
    return legonet.load(made.save(tmp_path / "glasses.yaml"))


def test_the_example_is_short() -> None:
    assert len(example().splitlines()) < 30


def test_a_registered_kind_goes_all_the_way(
    network: legonet.Network, images: torch.Tensor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "kind: level, top: 2" in (tmp_path / "glasses.yaml").read_text()
    labels = torch.linspace(0, 2, len(images))[:, None]
    samples = {"cow:fill": (images, labels)}
    assert [edge.action for edge in network.plan(samples)] == ["native", "add", "add"]
    run = network.transplant(samples, options=RunOptions(workers=2))
    assert {result.path for result in run.results} == {"dog:fill", "cow:fill"}

    compiled = network.compile()
    (first, *_) = compiled.results(images)["dog:fill"]
    assert 0 <= first.data()["values"]["level"] <= 2
    (row,) = network.evaluate(samples).rows
    assert (row.path, row.measure, row.images) == ("cow:fill", "RMSE", len(images))

    assert "level to 2" in network.render(tmp_path / "picture.dot").read_text()
    export(compiled, tmp_path / "app")
    assert json.loads((tmp_path / "app" / "card.json").read_text())["outputs"]["dog:fill"] == {
        "kind": "level",
        "labels": ["level of dog"],
        "category": "dog",
    }
    assert "*level*: one number from 0 to 2." in (tmp_path / "app" / "README.md").read_text()

    from legonet.cli import main

    Image.new("RGB", SHAPE[1:]).save(tmp_path / "glass.png")
    assert main(["predict", str(tmp_path / "glasses.yaml"), str(tmp_path / "glass.png")]) == 0
    assert len(re.findall(r"glass\.png  \w+:fill  level \+\d\.\d{3}\n", capsys.readouterr().out)) == 3


def test_other_settings_are_another_adapter(network: legonet.Network, tmp_path: Path) -> None:
    network.transplant()
    file = tmp_path / "glasses.yaml"
    assert not legonet.load(file).plan().changes
    file.write_text(file.read_text().replace("top: 2", "top: 3"))
    assert [edge.action for edge in legonet.load(file).plan().changes] == ["refit", "refit"]


def test_messages_and_the_schema_know_it(levels: ModuleType) -> None:
    network = legonet.Network("glasses", SHAPE)
    with pytest.raises(
        GraphError, match=r"unknown kind 'levle'; expected .* more; .*\. Did you mean 'level'\?"
    ):
        network.add_task("fill", {"kind": "levle"})
    with pytest.raises(GraphError, match=r"output\.top: found 'high'; expected a number; correct it"):
        network.add_task("fill", {"kind": "level", "top": "high"})
    assert "LevelOutput" in graph_schema()["$defs"]
    OUTPUTS.remove("level")
    assert "LevelOutput" not in graph_schema()["$defs"]
    with pytest.raises(GraphError, match=r"unknown kind 'level'; expected [a-z, ]*;"):
        network.add_task("fill", {"kind": "level"})


def test_each_member_that_is_missing_is_named(forgotten: None) -> None:
    class HalfOutput(Output):
        kind: Literal["half"]

        def shape(self, image: Any) -> tuple[int, ...]:
            return (1,)

    with pytest.raises(GraphError, match=r"HalfOutput: .* does not define annotation, channels"):
        legonet.register_output(HalfOutput)
    assert "half" not in OUTPUTS.names()
    assert registration.registered_modules() == ()


@pytest.mark.parametrize("name", OUTPUTS.names())
def test_a_name_that_is_taken_is_refused(name: str, forgotten: None) -> None:
    kind = type("AgainOutput", (VectorOutput,), {"__annotations__": {"kind": Literal[name]}})
    with pytest.raises(GraphError, match=f"'{name}' is there already, as legonet.outputs.{name}"):
        legonet.register_output(kind)


def test_a_kind_without_a_name_is_refused(forgotten: None) -> None:
    class NamelessOutput(VectorOutput):
        kind: str  # type: ignore[assignment]

    with pytest.raises(GraphError, match="NamelessOutput: found no kind"):
        legonet.register_output(NamelessOutput)


def test_workers_cannot_import_a_kind_of_the_running_script(
    network: legonet.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registration._MODULES, "output kind 'LevelOutput'", "__main__")
    with pytest.raises(LegonetError, match="LevelOutput': found it defined in the script that runs"):
        network.transplant(options=RunOptions(workers=2))
    assert network.transplant().results  # in this process it is known
