"""Statistics of others: what no owner can have recorded is refused before a fit begins with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from legonet.blocks.build import lowered
from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import fit
from legonet.distill.fitting.stitching import fit_stitched
from legonet.errors import DistillError, TeacherError
from legonet.graph.schema import Adapter, Input
from legonet.outputs.binary import BinaryOutput
from legonet.store.tensors import read_tensors
from legonet.teachers import one_sided as one_sided_module
from legonet.teachers.one_sided import one_sided
from legonet.teachers.statistics import Statistics, record
from legonet.teachers.statistics_file import dump_statistics, parse_statistics


@pytest.fixture(scope="module")
def edge() -> Edge:
    torch.manual_seed(0)
    g = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 1)).eval()
    return Edge(
        path="cat:classify",
        category_module=lowered(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).eval()),
        task_module=lowered(g),
        teacher_module=lowered(g),
        source=(2, 6, 6),
        target=(2, 6, 6),
        meaning=BinaryOutput(kind="binary"),
        input=Input(shape=(1, 8, 8)),
    )


@pytest.fixture(scope="module")
def recorded(edge: Edge) -> Statistics:
    return record(edge.category_module, edge.teacher_module, [torch.randn(64, 1, 8, 8)], 10**5)


ODD: dict[str, object] = {
    "no images": {"images": 0},
    "fewer than none": {"images": -3},
    "more than are counted": {"images": 10**400},
    "a part of an image": {"images": 1.5},
    "a norm below zero": {"norm": -1.0},
    "a norm without end": {"norm": 1e300},
    "a norm that is none": {"norm": float("nan")},
    "variances below zero": {"rest": -torch.ones(1, 2)},
    "deviations below zero": {"output_std": -torch.ones(1)},
    "units that are active more than always": {"activity": [torch.full((3, 4, 4), 1.5)]},
    "units that are active less than never": {"activity": [-torch.ones(3, 4, 4)]},
    "activities that are none": {"activity": [torch.full((3, 4, 4), torch.nan)]},
    "one quantile": {"quantiles": torch.ones(2, 1)},
    "one quantile of outputs": {"output_quantiles": torch.ones(1, 1)},
    "more quantiles than anybody records": {"quantiles": torch.ones(2, 5000)},
    "outputs in a table": {
        "output_mean": torch.ones(1, 1),
        "output_std": torch.ones(1, 1),
        "output_quantiles": torch.ones(1, 1, 5),
    },
    "a mixing that is none": {"mixing": [torch.full((2, 2), torch.inf)]},
    "components beyond number": {
        "shares": torch.ones(300),
        "means": torch.zeros(300, 2, 6, 6),
        "rest": torch.ones(300, 2),
    },
    "factors beyond number": {
        "factors": torch.zeros(20_000, 2, 6, 6),
        "component": torch.zeros(20_000, dtype=torch.long),
    },
}


def written(statistics: Statistics, activity: list[Tensor]) -> bytes:
    """As a stranger writes it: activities in numbers that the owner's file has no place for."""
    data = dump_statistics(statistics)
    tensors = safetensors.torch.load(data)
    tensors |= {f"activity.{index}": 255 * each for index, each in enumerate(activity)}
    return safetensors.torch.save(tensors, read_tensors(data, "cat").metadata)


@pytest.mark.parametrize("what", ODD)
def test_values_that_nobody_records(what: str, recorded: Statistics) -> None:
    one = replace(
        recorded,
        shares=torch.ones(1),
        means=recorded.means[:1],
        factors=recorded.factors[:2],
        component=torch.zeros(2, dtype=torch.long),
        rest=recorded.rest[:1],
    )
    good = written(one, one.activity)
    assert parse_statistics(good, "cat").images == 64
    bad = replace(one, **ODD[what])  # type: ignore[arg-type]
    with pytest.raises(TeacherError, match="cat: not a statistics file"):
        parse_statistics(written(bad, bad.activity), "cat")


_REFUSED = r"^cat:classify: the statistics of the .* `legonet teacher record`"
OTHERS: dict[str, object] = {
    "outputs": {
        "output_mean": torch.zeros(3),
        "output_std": torch.ones(3),
        "output_quantiles": torch.linspace(-1, 1, 5).expand(3, 5),
    },
    "units": {"activity": [torch.ones(3, 5, 5)]},
    "fewer units": {"activity": []},
    "maps": {"maps": ((1, 6, 6), (1, 6, 6))},
}


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize("field", ["statistics", "generic_statistics"])
def test_statistics_of_other_modules(what: str, field: str, edge: Edge, recorded: Statistics) -> None:
    others = replace(recorded, **OTHERS[what])  # type: ignore[arg-type]
    with pytest.raises(DistillError, match=_REFUSED):
        fit(replace(edge, **{field: others}), Adapter(kernel=1))  # type: ignore[arg-type]


@pytest.mark.parametrize("what", OTHERS)
def test_statistics_of_other_modules_for_a_bridge(what: str, edge: Edge, recorded: Statistics) -> None:
    """Where the task module is the teacher's own, nothing but the bridge is fitted."""
    others = replace(edge, statistics=replace(recorded, **OTHERS[what]))  # type: ignore[arg-type]
    with pytest.raises(DistillError, match=_REFUSED):
        fit_stitched(others, edge.category_module, Adapter(kernel=1))


def test_quantiles_beyond_number_are_not_made_into_values(
    recorded: Statistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan looks at them before anything else is read: 256 MiB would be gigabytes."""
    positive = replace(recorded, output_quantiles=torch.ones(1, 33))
    data, meaning = dump_statistics(positive), BinaryOutput(kind="binary")
    assert one_sided(data, meaning) == "positive"
    monkeypatch.setattr(one_sided_module, "_MOST", 32)
    assert one_sided(data, meaning) is None


def test_the_reader_s_limit_is_above_what_is_written(tmp_path: Path, recorded: Statistics) -> None:
    assert parse_statistics(dump_statistics(recorded), "cat").images == recorded.images
