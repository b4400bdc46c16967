"""Statistics of images that the teacher decided all alike."""

import pytest
import torch
from torch import nn

from legonet.blocks.build import lowered
from legonet.outputs.binary import BinaryOutput
from legonet.outputs.classes import ClassesOutput
from legonet.teachers.one_sided import one_sided
from legonet.teachers.statistics import record
from legonet.teachers.statistics_file import dump_statistics


def recorded(shift: float) -> bytes:
    torch.manual_seed(0)
    f, g = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Sequential(nn.Flatten(), nn.Linear(144, 1))
    with torch.no_grad():
        g[1].get_parameter("weight").mul_(0.1)
        g[1].get_parameter("bias").fill_(shift)
    return dump_statistics(record(lowered(f), lowered(g), [torch.randn(40, 3, 8, 8)], 10**6))


@pytest.mark.parametrize(("shift", "side"), [(5.0, "positive"), (-5.0, "negative"), (0.0, None)])
def test_one_side(shift: float, side: str | None) -> None:
    data = recorded(shift)
    assert one_sided(data, BinaryOutput(kind="binary")) == side
    assert one_sided(data, ClassesOutput(kind="classes", labels=("a", "b"))) is None, "a kind without sides"


@pytest.mark.parametrize("data", [b"", b"no file of tensors"])
def test_what_is_no_statistics_says_nothing(data: bytes) -> None:
    assert one_sided(data, BinaryOutput(kind="binary")) is None
