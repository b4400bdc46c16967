"""What the shape of an output means."""

from __future__ import annotations

import re

import pytest
import yaml

from legonet.errors import TeacherError
from legonet.graph.output import OUTPUTS, Output
from legonet.outputs.binary import BinaryOutput
from legonet.outputs.mask import MaskOutput
from legonet.outputs.vector import VectorOutput
from legonet.teachers.outputs import check_output, output_of

SHAPE = (3, 8, 16)


@pytest.mark.parametrize(
    ("meaning", "shape"),
    [
        (BinaryOutput(kind="binary"), (1,)),
        (MaskOutput(kind="mask"), (1, 8, 16)),
        (MaskOutput(kind="mask", labels=("a", "b", "c")), (3, 8, 16)),
        (VectorOutput(kind="vector", names=("x", "y")), (2,)),
    ],
)
def test_expected(meaning: Output, shape: tuple[int, ...]) -> None:
    assert meaning.shape(SHAPE) == shape
    check_output(shape, meaning, SHAPE, "teachers.cat", "classify")
    with pytest.raises(
        TeacherError, match=r"teachers\.cat: its output has shape \(7\); task classify .* expects"
    ):
        check_output((7,), meaning, SHAPE, "teachers.cat", "classify")


@pytest.mark.parametrize("shape", [(1,), (2,), (5,), (1, 8, 16), (2, 8, 16), (4, 8, 16)])
def test_a_guess_fits_what_it_was_made_from(shape: tuple[int, ...]) -> None:
    meaning = OUTPUTS.read(output_of(shape, SHAPE, "teachers.cat"))
    assert meaning.shape(SHAPE) == shape


def test_maps_of_another_size_are_declared() -> None:
    with pytest.raises(TeacherError) as caught:
        output_of((3, 16, 32), SHAPE, "teachers.cat")
    (declared,) = re.findall(r"output: (\{.*\})\}\}`", str(caught.value))
    assert OUTPUTS.read(yaml.safe_load(declared)).shape(SHAPE) == (3, 16, 32)


@pytest.mark.parametrize("shape", [(), (1, 4, 8), (2, 3), (1, 1, 1)])
def test_what_no_task_has(shape: tuple[int, ...]) -> None:
    with pytest.raises(TeacherError, match=r"teachers\.cat: its output has shape"):
        output_of(shape, SHAPE, "teachers.cat")
