"""The picture of where a model can be cut."""

from __future__ import annotations

from legonet.render.dot import dot
from legonet.render.places import COLUMNS, Place, picture


def test_a_chain_in_rows() -> None:
    places = [Place(f"layer{i}", "4x8x8", i / 10, 1500 * i, i == 3) for i in range(COLUMNS + 2)]
    drawing = picture("net", "3x16x16", places, "2 · 10 weights")
    boxes = {box.id: box for box in drawing.layout.boxes}
    assert [boxes[str(i)].lines[0].text for i in (0, 1, COLUMNS + 3)] == ["image", "layer0", "output"]
    assert boxes["4"].kind == "adapter"
    assert boxes["4"].lines[2].text == "30% below · 4.5 k weights here"
    assert boxes[str(COLUMNS)].y < boxes["0"].y
    assert len(drawing.layout.curves) == COLUMNS + 3
    overlaps = {(box.x, box.y) for box in drawing.layout.boxes}
    assert len(overlaps) == len(boxes)
    text = dot(drawing)
    assert "layer3" in text
    assert dot(picture("net", "3x16x16", places, "2 · 10 weights")) == text


def test_a_model_without_places() -> None:
    assert len(picture("net", "3x1x1", [], "2").layout.curves) == 1
