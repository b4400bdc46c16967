"""What the README and the shorter pages say to type, typed."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
import yaml

import legonet
from legonet.cli import app, main
from legonet.graph.load import parse_graph
from tests.docs.conftest import ROOT

Blocks = Callable[[str, str], list[str]]


def commands(texts: list[str]) -> Iterator[list[str]]:
    """The commands of legonet in blocks, without prompts and remarks."""
    for text in texts:
        for line in text.replace("\\\n", " ").splitlines():
            for command in line.removeprefix("$ ").split(" && "):
                if command.startswith("legonet "):
                    yield shlex.split(command, comments=True)[1:]


def run(names: dict[str, Any], texts: list[str]) -> None:
    for text in texts:
        exec(text, names)  # noqa: S102 - our own


@pytest.fixture
def pets(names: dict[str, Any]) -> legonet.Network:
    """Two teachers in `graphs/pets.yaml`; nothing is fitted."""
    net = legonet.Network("pets", (3, 32, 32))
    for name in ("dog", "cat"):
        net.add_teacher(f"{name}-v1", names[name], category=name, task="classify", cut=0.5)
    net.save("graphs/pets.yaml")
    names["net"], names["legonet"] = net, legonet
    return net


def test_the_readme(blocks: Blocks, names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks("README.md", "python")
    assert len([line for line in code.splitlines() if line]) <= 12
    run(names, [code])
    out = capsys.readouterr().out
    assert "+  cat:classify  add" in out
    assert re.search(r"photos/cat/1\.jpg  cat:classify  (cat|other)  \d", out)
    assert Path("pets.pt2").is_file()
    assert not legonet.load("graphs/pets.yaml").plan().changes


def test_a_weak_path(
    blocks: Blocks,
    folder: Path,
    pets: legonet.Network,
    names: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (code,) = blocks("docs/weak.md", "python")
    run(names, [code])
    out = capsys.readouterr().out
    assert "refit" in out
    assert "transplanted" in out
    for command in commands(blocks("docs/weak.md", "sh")):
        assert main(command) == 0, capsys.readouterr().err
    assert "cat:classify" in capsys.readouterr().out


def test_teachers_that_share(
    blocks: Blocks, names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    names["classifier"] = names["cat"].eval()
    names["batches"] = [(torch.rand(4, 3, 32, 32), torch.rand(4, 2)) for _ in range(3)]
    run(names, blocks("docs/sharing.md", "python"))
    planned = capsys.readouterr().out
    assert re.findall(r"^=  (\S+) +native", planned, re.MULTILINE) == ["cat:classify", "cat:age"]
    lower = names["classifier"][0].weight
    assert torch.equal(lower, names["regressor"][0].weight)


def test_many_machines(
    blocks: Blocks, pets: legonet.Network, names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that need other machines are only looked at: the options are read, and nothing is done."""
    typed = list(commands(blocks("docs/machines.md", "sh")))
    assert len(typed) == 6
    for command in typed:
        away = ["--dry-run"] if "--address" in command else []
        assert main([*command, *away]) == 0, capsys.readouterr().err
    assert not legonet.load("graphs/pets.yaml").plan().changes
    run(names, blocks("docs/machines.md", "python"))


def test_the_graph_file_is_one(blocks: Blocks, folder: Path) -> None:
    graph, block = blocks("docs/graph-file.md", "yaml")
    assert list(parse_graph(graph, "pets.yaml").graph.teachers) == ["dog-v1", "cat-v1"]
    (folder / "blocks").mkdir()
    (folder / "blocks" / "resnet18-1.yaml").write_text(block, encoding="utf-8")
    assert main(["teacher", "inspect", "resnet18-1"]) == 0


def test_the_shell(
    blocks: Blocks, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From two files of weights to one network, with a small model in the ResNet's place."""
    torch.manual_seed(0)
    small = {"legonet-block": 1, "name": "resnet18-1", "input": [3, 64, 64], "layers": {
        "layer1": {"type": "conv", "in": 3, "out": 4, "kernel": 3, "stride": 4, "padding": 1},
        "layer2": {"type": "relu"}, "layer3": {"type": "conv", "in": 4, "out": 4, "kernel": 3, "stride": 4},
        "flatten": {"type": "flatten"}, "fc": {"type": "linear", "in": 64, "out": 1},
    }}  # fmt: skip
    assert "builder: torchvision:resnet18" in blocks("docs/shell.md", "yaml")[0]
    for name in ("dog", "cat"):
        tensors = {
            "layer1.weight": torch.randn(4, 3, 3, 3), "layer1.bias": torch.zeros(4),
            "layer3.weight": torch.randn(4, 4, 3, 3), "layer3.bias": torch.zeros(4),
            "fc.weight": torch.randn(1, 64), "fc.bias": torch.zeros(1),
        }  # fmt: skip
        torch.save(tensors, f"{name}.pt")
    typed = list(commands(blocks("docs/shell.md", "sh")))
    assert len(typed) == 11
    Path("blocks").mkdir()
    Path("blocks/resnet18-1.yaml").write_text(blocks("docs/shell.md", "yaml")[0])
    assert main(typed[1]) == 0  # the ResNet's cuts; all others are a small model's
    said = capsys.readouterr().out
    for number, command in enumerate(typed):
        assert main(command) == 0, (command, capsys.readouterr().err)
        captured = capsys.readouterr()
        said += captured.out + captured.err
        if number == 0:
            monkeypatch.chdir(folder / "pets")
            Path("blocks/resnet18-1.yaml").write_text(yaml.safe_dump(small, sort_keys=False))
            graph = Path("graphs/pets.yaml")
            graph.write_text(re.sub(r"shape: \[[^]]*\]", "shape: [3, 64, 64]", graph.read_text()))
    shown = [line for text in blocks("docs/shell.md", "text") for line in text.splitlines()]
    assert len(shown) == 15
    for line in shown:
        pattern = ".+".join(map(re.escape, line.split("…")))
        assert re.search(pattern.replace("\\ ", " +"), said), line
    assert Path("app/pets.pt2").is_file()


def test_no_page_is_longer_than_it_says() -> None:
    """The README is read in two minutes: at 200 words a minute, tables and code aside."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```|\|.*?\|\n|\(.*?\)", "", text, flags=re.DOTALL)
    assert len(prose.split()) <= 400


def test_the_front_pages_figures_are_the_demos() -> None:
    front = " ".join((ROOT / "docs" / "index.md").read_text(encoding="utf-8").split())
    tables = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8")
    means = re.search(r"mean of 4 transplanted +([\d.]+)% +([\d.]+)% +[\d.]+% +([\d.]+)%", tables)
    assert means
    teachers, unadapted, transplanted = means.groups()
    assert (
        f"the mean test error of four animals is {transplanted} %, their own teachers' is {teachers} %, "
        f"and that without adapters {unadapted} %"
    ) in front
    seconds = [float(each) for each in re.findall(r"^(?!mean).*% +(\d\.\d)$", tables, re.MULTILINE)]
    assert f"in {min(seconds)} to {max(seconds)} seconds each" in front


PAGES = sorted(
    file.relative_to(ROOT).as_posix()
    for file in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    if file.name != "CHANGELOG.md"
)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_every_code_is_one(blocks: Blocks, page: str) -> None:
    """Commands that pages show have these names and options, and code can be parsed, be it run or not."""
    for command in commands(blocks(page, "sh")):
        known: Any = typer.main.get_command(app)
        words = list(command)
        while hasattr(known, "commands"):
            name = words.pop(0)
            assert name in known.commands, command
            known = known.commands[name]
        known.make_context(name, words, resilient_parsing=False).close()
    for code in blocks(page, "python"):
        ast.parse(code)
