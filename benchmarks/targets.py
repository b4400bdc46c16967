"""The targets of the experiments, beside the figures reached. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.experiments import ALL, BEST, EXPERIMENTS, TEACHER, Count
from benchmarks.rows import Summary

CHANCE = 50.0


@dataclass(frozen=True)
class Figure:
    """One line of a bench: a measure, its value, and the target if there is one.

    Attributes:
        measure: what was measured.
        value: what came out.
        unit: of the value; `points` are differences of percentages.
        target: at most this much, or for `at least` at least.
        met: whether it is reached; None without a target.
        spread: standard deviation over the seeds.
        bound: which side of the target is good.
    """

    measure: str
    value: float
    unit: str
    target: float | None = None
    met: bool | None = None
    spread: float | None = None
    bound: str = "at most"

    def data(self) -> dict[str, Any]:
        """The line as plain data."""
        return asdict(self)


def at_most(measure: str, value: float, unit: str, target: float, spread: float | None = None) -> Figure:
    """A figure that should not exceed its target."""
    return Figure(measure, value, unit, target, value <= target, spread)


def at_least(measure: str, value: float, unit: str, target: float) -> Figure:
    """A figure that should reach its target."""
    return Figure(measure, value, unit, target, value >= target, bound="at least")


# Points above the teacher that the best method may have, by experiment and number of images.
ABOVE_TEACHER: dict[str, dict[Count, float]] = {
    "1": {0: 0.3},
    "2": {0: 3.0, 10: 2.5, 100: 1.5, ALL: 1.0},
    "3": {0: 5.0, 10: 3.0},
}
OF_ORDINARY = 0.4  # of ordinary learning's error with 100 images, Experiment 2, no image
WORST = 6.0  # points above its teacher, Experiments 2 and 3, no image
STRANGERS: dict[Count, float] = {0: 12.0, 10: 8.0}  # per cent, different bases
FROM_CHANCE = 5.0  # points, the control of Experiment 2, no image


def judge(summaries: Sequence[Summary]) -> list[Figure]:
    """Compare what was measured with the targets.

    Args:
        summaries: of a run; targets whose figures are lacking are left out.

    Returns:
        One figure for each target and adapter, in the order of the experiments.
    """
    return [
        figure
        for name, experiment in EXPERIMENTS.items()
        for adapter in experiment.adapters
        for figure in _judge_adapter(name, adapter, _finder(summaries, name))
    ]


Find = Callable[..., Summary | None]


def _finder(summaries: Sequence[Summary], experiment: str) -> Find:
    mine = [each for each in summaries if each.experiment == experiment]
    categories = {name for each in mine for name in each.categories}
    table = {
        (each.adapter, each.method, each.images, each.random_f): each
        for each in mine
        if each.categories.keys() == categories  # the mean of some of them is beside nothing
    }

    def find(adapter: str, method: str, images: Count = 0, random_f: bool = False) -> Summary | None:
        return table.get((adapter, method, images, random_f))

    return find


def _judge_adapter(name: str, adapter: str, find: Find) -> Iterator[Figure]:
    teacher = find("", TEACHER)
    if teacher is None:
        return
    for images, target in ABOVE_TEACHER.get(name, {}).items():
        found = find(adapter, BEST, images)
        if found is not None:
            above = found.mean - teacher.mean
            yield at_most(
                f"{_where(name, adapter, images)}: above the teacher", above, "points", target, found.spread
            )
    none = find(adapter, BEST)
    if name in ("2", "3") and none is not None:
        apart = {each: value - teacher.categories[each] for each, value in none.categories.items()}
        worst = max(apart, key=lambda each: apart[each])
        measure = f"{_where(name, adapter, 0)}: the worst category ({worst}) above its teacher"
        yield at_most(measure, apart[worst], "points", WORST)
    ordinary = find(adapter, "ordinary", 100)
    if name == "2" and none is not None and ordinary is not None:
        measure = f"{_where(name, adapter, 0)}: error over that of ordinary learning with 100 images"
        yield at_most(measure, none.mean / ordinary.mean, "", OF_ORDINARY)
    if name == "bases":
        for images, target in STRANGERS.items():
            found = find(adapter, BEST, images)
            if found is not None:
                yield at_most(
                    f"{_where(name, adapter, images)}: error", found.mean, "%", target, found.spread
                )
    control = find(adapter, BEST, 0, True)
    if name == "2" and control is not None:
        measure = f"{_where(name, adapter, 0)}, f of random weights: from chance"
        yield at_most(measure, abs(control.mean - CHANCE), "points", FROM_CHANCE, control.spread)


def _where(experiment: str, adapter: str, images: Count) -> str:
    name = f"Experiment {experiment}" if experiment.isdecimal() else f"Different {experiment}"
    return f"{name}, {adapter}, {'all' if images is ALL else images} images"
