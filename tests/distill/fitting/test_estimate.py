from __future__ import annotations

import pytest
import torch

from legonet.distill.fitting.estimate import APART, RECORDED, UNRECORDED, as_recorded, estimate
from legonet.teachers.statistics import quantiles_of_outputs


@pytest.mark.parametrize("known", [RECORDED, APART, UNRECORDED])
def test_more_that_is_seen_lets_more_be_expected(known: object) -> None:
    low, high = (estimate(seen, 320, known) for seen in (0.8, 0.95))  # type: ignore[arg-type]
    assert low.agreement < high.agreement
    for found in (low, high):
        assert 0 < found.least < found.agreement < found.most < 1


def test_nothing_is_certain() -> None:
    assert estimate(1.0, 100, RECORDED).least < 1
    assert estimate(0.0, 100, RECORDED).most > 0
    assert estimate(1.0, 10, RECORDED).least < estimate(1.0, 1000, RECORDED).least


def test_without_a_common_base_less_is_expected_and_less_is_known() -> None:
    known, unknown = (estimate(0.94, 320, each) for each in (RECORDED, APART))
    assert unknown.agreement < known.agreement
    assert unknown.most - unknown.least > known.most - known.least


def test_images_that_were_not_learned_from_move_it_and_make_it_surer() -> None:
    none = estimate(0.85, 320, APART)
    some, many = estimate(0.85, 320, APART, 20, 20), estimate(0.85, 320, APART, 198, 200)
    assert none.agreement < some.agreement < many.agreement
    assert many.most - many.least < some.most - some.least < none.most - none.least
    assert abs(many.agreement - 0.99) < 0.02
    assert estimate(0.99, 320, RECORDED, 10, 20).agreement < 0.9


def test_images_alone_are_enough() -> None:
    found = estimate(0.5, 0, UNRECORDED, 47.5, 50)
    assert found.least < 0.95 < found.most


def test_what_is_far_from_the_teachers_limit_is_decided_alike() -> None:
    """Synthetic features lie near zero, the recorded outputs do not; and the other way round."""
    generator = torch.Generator().manual_seed(0)
    near = torch.randn(400, 1, generator=generator)
    found = near + 0.7 * torch.randn(400, 1, generator=generator)
    seen = float(((near > 0) == (found > 0)).float().mean())
    sure, unsure = (
        quantiles_of_outputs(scale * torch.randn(4000, 1, generator=generator)) for scale in (6, 0.2)
    )
    assert as_recorded(found, near, unsure) < seen - 0.1 < seen + 0.05 < as_recorded(found, near, sure)
    assert abs(as_recorded(found, near, quantiles_of_outputs(near)) - seen) < 0.03


def test_an_error_is_that_of_features_on_which_the_teacher_answers_alike() -> None:
    """The student is wrong where the teacher says a little more than nothing, and right elsewhere."""
    teacher = torch.linspace(-3, 3, 300)[:, None]
    student = torch.where((teacher > 0) & (teacher < 1), -teacher, teacher)
    inside, outside = torch.full((100, 1), 0.5), torch.full((100, 1), -2.0)
    assert as_recorded(student, teacher, quantiles_of_outputs(inside)) < 0.3
    assert as_recorded(student, teacher, quantiles_of_outputs(outside)) > 0.99


def test_maps_have_quantiles_for_each_output() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(8, 2, 6, 6, generator=generator)
    wrong = maps.clone()
    wrong[:, 1] *= -1
    assert abs(as_recorded(wrong, maps, quantiles_of_outputs(maps)) - 0.5) < 0.05
