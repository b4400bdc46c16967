"""The network of detectors: what `python -m benchmarks scenes` is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import legonet
from benchmarks import scenes as benchmark
from benchmarks.scenes import (
    ENLARGED,
    GRAPH,
    MODEL,
    POINTS,
    POINTS_WITH_IMAGES,
    Effort,
    draw,
    make_teachers,
    meaning_of,
)
from benchmarks.sides import Row
from benchmarks.teacher_training import Schedule
from legonet.blocks.files import find_block
from legonet.data import animals
from legonet.data.animals import CATEGORIES
from legonet.data.scenes import OBJECTS, SIZE
from legonet.graph.load import load_graph
from legonet.ir.sizes import output_shape
from legonet.store.workspace import shipped_folder
from legonet.teachers.cutting import block_cut


def test_the_graph_and_its_block_fit() -> None:
    path = shipped_folder("graphs") / GRAPH.name
    graph, meaning = load_graph(path).graph, meaning_of(path)
    assert graph.input.shape == (3, SIZE, SIZE)
    assert meaning.objects == OBJECTS
    assert {each.category for each in graph.teachers.values()} == set(CATEGORIES)
    block = find_block(MODEL, [shipped_folder("blocks")])
    for name, each in graph.teachers.items():
        found = block_cut(block, each.cut, name, each.output)
        assert output_shape(found.graph, graph.input.shape) == meaning.shape(graph.input.shape)


def test_teachers_are_written_once_each_from_a_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of one round of few scenes: what is written can be merged."""
    said: list[str] = []
    short = Schedule(rounds=1, learning_rate=1e-3, weight_decay=0.0, warm_up=0.1)
    graph = tmp_path / "graphs" / "scenes.yaml"
    graph.parent.mkdir()
    text = (shipped_folder("graphs") / GRAPH.name).read_text()
    left_out = ("  cow-find", "  horse-find", "  sheep-find")
    kept = [line for line in text.splitlines() if not line.startswith(left_out)]
    graph.write_text("\n".join(kept).split("applications")[0])
    monkeypatch.setitem(animals.COUNTS, "train", 16)
    monkeypatch.setattr(benchmark, "RECORDED", 24)
    make_teachers(graph, Effort(short, short), said.append)
    files = [each.name for each in sorted((tmp_path / "build" / "scenes").iterdir())]
    assert [each for each in files if "statistics" not in each] == ["cat.safetensors", "dog.safetensors"]
    assert sum("written" in line for line in said) == 2
    make_teachers(graph, Effort(short, short), said.append)
    assert sum("written" in line for line in said) == 2
    network = legonet.load(graph)
    actions = [edge.action for edge in network.plan()]
    assert [each for each in actions if each != "open"] == ["native", "add"]
    app = network.compile("dog:find")
    assert isinstance(app, nn.Module)
    assert app(torch.rand(1, 3, SIZE, SIZE)).shape == (1, 100, 6)
    alone = graph.with_name("alone.yaml")
    alone.write_text("".join(line for line in graph.read_text().splitlines(True) if "cat-find" not in line))
    drawn = draw(alone)
    assert drawn.size == (SIZE * ENLARGED, 2 * SIZE * ENLARGED + 8)
    side = SIZE * ENLARGED
    above, below = (drawn.crop((0, top, side, top + side)) for top in (0, side + 8))
    assert above.tobytes() == below.tobytes()  # a native path is its teacher
    assert len(above.getcolors(2**16) or ()) > 100


def test_what_is_asked_of_a_path() -> None:
    assert Row("cat:find", 0.80, 0.1, 0.76, 0, POINTS).met
    assert not Row("cat:find", 0.80, 0.1, 0.76, 10, POINTS_WITH_IMAGES).met
