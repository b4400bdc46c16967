from __future__ import annotations

import numpy as np
import pytest

from benchmarks.experiments import NOTHING, TEACHER, UNADAPTED
from benchmarks.plots import plot_components, plot_costs, plot_errors
from benchmarks.rows import Summary
from benchmarks.speed import TimedFit


def summary(method: str, images: int | None, mean: float, adapter: str = "one 1x1") -> Summary:
    return Summary(
        "3", adapter, method, images, False, mean, 0.3, {"cat": mean}, {"pixel error": mean}, 1.0, 3
    )


SUMMARIES = [
    *(summary(method, 0, mean, "") for method, mean in ((TEACHER, 2.0), (UNADAPTED, 30.0), (NOTHING, 16.0))),
    *(summary("auto", images, mean) for images, mean in ((0, 5.0), (10, 4.0), (None, 3.0))),
    *(summary("ordinary", images, mean) for images, mean in ((10, 20.0), (100, 9.0))),
]


def test_errors_are_drawn_the_same_each_time() -> None:
    first = plot_errors(SUMMARIES, "3")
    assert first == plot_errors(SUMMARIES, "3")
    assert first.startswith(b"<?xml")
    assert b"<dc:date>" not in first
    assert plot_errors([*SUMMARIES, summary("ordinary", 50, 12.0)], "3") != first


def test_components_and_costs_are_drawn_the_same_each_time() -> None:
    rng = np.random.default_rng(0)
    points = {"auto, 0 images": rng.normal(size=(20, 2)), TEACHER: rng.normal(size=(20, 2))}
    labels = np.arange(20) % 2
    assert plot_components(points, labels, "cat") == plot_components(points, labels, "cat")
    costs = [TimedFit("draws", 16, 32, 10**8, 0.01), TimedFit("channels", 64, 64, 10**9, 0.05)]
    rates = {"float32": 5e10, "float64": 2e10}
    assert plot_costs(costs, rates) == plot_costs(costs, rates)
    assert plot_costs(costs, {"float32": 6e10, "float64": 2e10}) != plot_costs(costs, rates)


def test_settings_of_matplotlib_stay_as_they_were() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    before = matplotlib.rcParams["svg.hashsalt"]
    plot_errors(SUMMARIES, "3")
    assert matplotlib.rcParams["svg.hashsalt"] == before
