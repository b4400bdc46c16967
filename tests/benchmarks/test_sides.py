"""The network of four classes: what `python -m benchmarks sides` is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.sides import GRAPH, MODEL, Row, table
from legonet.blocks.files import find_block
from legonet.data import animals
from legonet.data.source import open_source
from legonet.errors import DataError
from legonet.graph.load import load_graph
from legonet.ir.sizes import output_shape
from legonet.outputs.classes import ClassesOutput
from legonet.store.workspace import shipped_folder
from legonet.teachers.cutting import block_graph


def test_the_graph_and_its_block_fit() -> None:
    graph = load_graph(shipped_folder("graphs") / GRAPH.name).graph
    meaning = graph.tasks["side"].output
    assert isinstance(meaning, ClassesOutput)
    assert meaning.labels == animals.SIDES
    assert {each.category for each in graph.teachers.values()} == set(animals.CATEGORIES)
    architecture = block_graph(find_block(MODEL, [shipped_folder("blocks")]))
    assert output_shape(architecture, graph.input.shape) == meaning.shape(graph.input.shape)


def test_the_label_says_where_the_back_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of images that are bright at the top, before they are turned."""

    def compose(rng: Any, kinds: Any, split: str, size: int) -> Any:
        images = np.zeros((len(kinds), 3, size, size), np.float32)
        images[:, :, 0] = 1
        return images, images[:, :1] > 0

    monkeypatch.setattr(animals, "_compose", compose)
    drawn = animals.turned("cat", count=8, size=8)
    assert drawn.labels.tolist() == [0, 1, 2, 3] * 2
    edges = {
        "up": (slice(None), 0),
        "left": (0, slice(None)),
        "down": (slice(None), -1),
        "right": (-1, slice(None)),
    }
    for image, mask, label in zip(drawn.images, drawn.masks, drawn.labels.tolist(), strict=True):
        columns, rows = edges[animals.SIDES[label]]
        assert (image[:, rows, columns] == 1).all()
        assert image.sum() == 3 * 8
        assert (mask[0] == (image[0] == 1)).all()


def test_every_category_and_split_has_images_of_its_own() -> None:
    drawn = [animals.turned(name, count=4).images for name in ("cat", "dog", "base")]
    drawn += [animals.turned("cat", "test", count=4).images, animals.single_category("cat", count=4).images]
    assert len({each.numpy().tobytes() for each in drawn}) == 5
    assert (animals.turned("cat", count=4).images == drawn[0]).all()
    with pytest.raises(DataError, match="no category 'bear'"):
        animals.turned("bear")


def test_the_source_knows_these_classes_only() -> None:
    source = open_source("animals", (3, 8, 8))
    images, labels = source.classes("cow", animals.SIDES)
    assert images.shape == (1000, 3, 8, 8)
    assert labels.bincount().tolist() == [250] * 4
    with pytest.raises(DataError, match="has no classes left, right; expected up, left, down, right"):
        source.classes("cow", ("left", "right"))


def test_three_points_are_allowed() -> None:
    rows = [Row("cat:side", 0.93, 0.4, 0.905, 0), Row("dog:side", 0.93, 0.4, 0.89, 10)]
    assert [row.met for row in rows] == [True, False]
    assert [line.split()[-1] for line in table(rows).splitlines()] == ["met", "yes", "no"]


def test_several_draws_are_one_line_and_their_mean_is_judged() -> None:
    rows = [Row("cat:side", 0.93, 0.4, found, 0, draw=draw) for draw, found in enumerate((0.88, 0.92), 1)]
    assert table(rows).splitlines()[1].split() == (
        ["cat:side", "0", "93.0%", "40.0%", "90.0%", "(88.0%", "to", "92.0%)", "yes"]
    )
