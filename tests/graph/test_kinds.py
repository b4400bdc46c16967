"""Open unions: what is added later is valid, described and named like what was there from the start."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from legonet.errors import GraphError
from legonet.graph.checks.structure import explain
from legonet.graph.fields import Model
from legonet.graph.json_schema import model_schema
from legonet.graph.kinds import Kinds


class Shape(Model):
    kind: Any

    @abstractmethod
    def area(self) -> float: ...


class Square(Shape):
    kind: Literal["square"]
    side: float = 2.0

    def area(self) -> float:
        return self.side**2


class Circle(Shape):
    kind: Literal["circle"]
    radius: float

    def area(self) -> float:
        return 3.0 * self.radius**2


class Flat(Shape):
    kind: Literal["flat"]


class SquareAgain(Square):
    pass


SHAPES: Kinds[Shape] = Kinds("shape", "kind", __name__)
NAMED: Kinds[Shape] = Kinds("shape", "kind", __name__, by_name=True)
for table in (SHAPES, NAMED):
    table.add(Square)


class Drawing(Model):
    shape: Annotated[Shape, SHAPES] = Field(description="what is drawn")
    also: Annotated[str | Shape, NAMED] = "square"


def test_one_that_is_added_is_valid_and_described_from_then_on():
    data = {"shape": {"kind": "circle", "radius": 1.0}}
    with pytest.raises(ValidationError):
        Drawing.model_validate(data)
    (problem,) = explain(data, Drawing)
    assert (problem.found, problem.expected) == ("unknown kind 'circle'", "expected square")
    SHAPES.add(Circle)
    try:
        drawing = Drawing.model_validate(data)
        assert drawing.shape == Circle(kind="circle", radius=1.0)
        assert drawing.model_dump(mode="json")["shape"] == data["shape"]
        assert not explain(data, Drawing)
        assert set(model_schema(Drawing)["$defs"]) == {"Square", "Circle"}
    finally:
        SHAPES.remove("circle")
    assert set(model_schema(Drawing)["$defs"]) == {"Square"}
    with pytest.raises(ValidationError):
        Drawing.model_validate(data)


def test_a_name_alone_stands_for_its_defaults_where_the_table_says_so():
    data = {"shape": {"kind": "square"}, "also": "square"}
    assert Drawing.model_validate(data).also == "square"
    assert NAMED.read("square") == Square(kind="square")
    assert [each.found for each in explain({**data, "shape": "square"}, Drawing)]
    with pytest.raises(ValidationError):
        Drawing.model_validate({**data, "shape": "square"})


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            SquareAgain,
            r"SquareAgain: the shape 'square' is there already, as \S+\.Square; expected",
        ),
        (Flat, r"Flat: the shape 'flat' does not define area; expected all that shapes have"),
        (Shape, r"Shape: found no kind; expected a field that names the shape; write kind: Literal"),
    ],
)
def test_what_cannot_be_added(kind: type[Shape], message: str):
    with pytest.raises(GraphError, match=message):
        SHAPES.add(kind)
    assert SHAPES.names() == ("square",)


def test_a_kind_that_is_defined_again_replaces_itself():
    """Such as when a cell of a notebook runs again."""

    class Again(Shape):
        __qualname__ = Square.__qualname__
        kind: Literal["square"]

        def area(self) -> float:
            return 1.0

    SHAPES.add(Again)
    try:
        assert SHAPES.names() == ("square",)
        assert SHAPES.read({"kind": "square"}).area() == 1.0
    finally:
        SHAPES.add(Square)
    assert SHAPES.read({"kind": "square"}).area() == 4.0
