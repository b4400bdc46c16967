from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.experiments import TEACHER
from benchmarks.rows import Summary
from benchmarks.targets import at_least, judge


def summary(
    experiment: str,
    adapter: str,
    method: str,
    mean: float,
    images: int | None = 0,
    random_f: bool = False,
    worst: float = 0.0,
) -> Summary:
    categories = {"cat": mean - worst, "cow": mean + worst}
    return Summary(
        experiment, adapter, method, images, random_f, mean, 0.5, categories, {"error": mean}, 1.0, 5
    )


def test_targets_of_experiment_2() -> None:
    found = judge(
        [
            summary("2", "", TEACHER, 1.0),
            summary("2", "one 3x3", "auto", 4.0, worst=3.5),
            summary("2", "one 3x3", "auto", 3.0, 10),
            summary("2", "one 3x3", "auto", 2.6, 100),
            summary("2", "one 3x3", "auto", 1.5, None),
            summary("2", "one 3x3", "ordinary", 8.0, 100),
            summary("2", "one 3x3", "auto", 43.0, random_f=True),
        ]
    )
    table = {each.measure.removeprefix("Experiment 2, one 3x3, "): each for each in found}
    assert {name: (each.value, each.target, each.met) for name, each in table.items()} == {
        "0 images: above the teacher": (3.0, 3.0, True),
        "10 images: above the teacher": (2.0, 2.5, True),
        "100 images: above the teacher": (pytest.approx(1.6), 1.5, False),
        "all images: above the teacher": (0.5, 1.0, True),
        "0 images: the worst category (cow) above its teacher": (6.5, 6.0, False),
        "0 images: error over that of ordinary learning with 100 images": (0.5, 0.4, False),
        "0 images, f of random weights: from chance": (7.0, 5.0, False),
    }
    assert table["0 images: above the teacher"].spread == 0.5


def test_what_was_not_measured_is_left_out() -> None:
    assert judge([]) == []
    assert judge([summary("3", "", TEACHER, 1.0), summary("3", "one 1x1", "auto", 5.0, 10)])[0].target == 3.0
    assert judge([summary("3", "one 1x1", "auto", 5.0, 10)]) == []  # no teacher to compare with


def test_what_lacks_a_category_is_left_out() -> None:
    """The mean of some categories is not beside the teachers' of all."""
    teacher, whole = summary("2", "", TEACHER, 1.0), summary("2", "one 3x3", "auto", 3.0, 10)
    stopped = replace(summary("2", "one 3x3", "auto", 4.0), categories={"cat": 4.0})
    assert judge([teacher, stopped, whole]) == judge([teacher, whole])


def test_different_bases_are_judged_by_their_error() -> None:
    found = judge([summary("bases", "", TEACHER, 1.0), summary("bases", "one 3x3", "auto", 12.5)])
    assert [(each.value, each.target, each.met) for each in found] == [(12.5, 12.0, False)]
    assert found[0].measure == "Different bases, one 3x3, 0 images: error"


def test_at_least() -> None:
    assert at_least("speed", 100.0, "x", 100).met
    assert not at_least("speed", 99.0, "x", 100).met
