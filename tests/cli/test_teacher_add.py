"""`legonet teacher inspect` and `legonet teacher add`, as a stranger uses them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

GRAPH = """\
# My zoo.
legonet: 1
name: zoo
input: {shape: [3, 16, 16]}
categories: {}  # none yet
tasks: {}
teachers: {}
"""


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.block = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.stem(images).relu()
        return self.head((x + self.block(x)).relu().mean((2, 3)))


CODE = "mynet:make"


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "graphs").mkdir()
    path = tmp_path / "graphs" / "zoo.yaml"
    path.write_text(GRAPH)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "mynet", _Module())
    torch.manual_seed(0)
    torch.save({"state_dict": {f"module.{k}": v for k, v in Net().state_dict().items()}}, "cat.pt")
    return path


class _Module:
    make = Net


def files(root: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}


def arguments(graph: Path, **changes: str) -> list[str]:
    given = {
        "name": "cat",
        "category": "cat",
        "task": "classify",
        "model": CODE,
        "weights": "cat.pt",
        "cut": "relu_2",
    }
    return [
        "teacher",
        "add",
        str(graph),
        *(part for key, value in (given | changes).items() for part in (f"--{key}", value)),
    ]


def test_a_model_becomes_a_teacher(run: Callable[..., Any], graph: Path) -> None:
    done = run(*arguments(graph), "--allow-code", CODE)
    assert (done.status, done.err) == (0, "")
    text = graph.read_text()
    assert text.startswith("# My zoo.\n")
    assert "# none yet" in text
    assert run("validate", graph).status == 0
    assert "native" in run("plan", graph).out
    before = files(graph.parents[1])
    again = run(*arguments(graph), "--allow-code", CODE)
    assert again.status == 1
    assert "teachers.cat: is there already" in again.err
    assert files(graph.parents[1]) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"cut": "block"},
            "2 tensors cross at 'block': relu_1, block; expected a place that one tensor crosses",
        ),
        ({"cut": "blok"}, "is no module and no operation"),
        ({"weights": "none.pt"}, "none.pt: cannot be read: No such file"),
        ({"model": "torchvision:resnet18"}, "the weights are of another model: "),
        ({"model": "torchvision:resnet81"}, "torchvision has no model 'resnet81'"),
        ({"model": "vgg-slum"}, "Did you mean 'vgg-slim'?"),
        ({"model": "os.path:getcwd"}, "model os.path:getcwd: would run code of os.path"),
    ],
)
def test_refusals_change_nothing(
    run: Callable[..., Any], graph: Path, changes: dict[str, str], message: str
) -> None:
    before = files(graph.parents[1])
    done = run(*arguments(graph, **changes), "--allow-code", CODE)
    assert done.status == 1
    assert message in done.err
    assert files(graph.parents[1]) == before


def test_where_a_model_can_be_cut(run: Callable[..., Any], graph: Path) -> None:
    done = run("teacher", "inspect", CODE, "--shape", "3,16,16", "--allow-code", CODE)
    assert done.status == 0
    assert "relu_1" in done.out
    assert "4x8x8" in done.out
    found = json.loads(
        run("teacher", "inspect", CODE, "--shape", "3,16,16", "--allow-code", CODE, "--json").out
    )
    cuts = {cut["name"]: cut for cut in found["cuts"]}
    assert list(cuts) == ["stem", "relu_1", "add", "relu_2", "mean"]
    assert cuts["add"]["parameters"] == [4 * 27 + 4 + 4 * 36 + 4, 5]
    assert cuts["add"]["operations"] == [64 * 4 * (27 + 36), 4]
    assert any(cut["recommended"] for cut in cuts.values())
    assert run("teacher", "inspect", "vgg-slim", "--shape", "3,32,32").status == 0
    refused = run("teacher", "inspect", CODE, "--shape", "3,16")
    assert "expected channels,height,width" in refused.err
