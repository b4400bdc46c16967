from __future__ import annotations

import pytest

from benchmarks.experiments import (
    ALL,
    COUNTS,
    EXPERIMENTS,
    TEACHER,
    UNADAPTED,
    Trial,
    trials,
)
from legonet.demo.ordinary import METHOD
from legonet.graph.method import METHODS
from legonet.graph.schema import Adapter

NAMES = list(EXPERIMENTS)


def test_every_method_is_measured_in_each_experiment_of_the_paper() -> None:
    for name in ("1", "2", "3"):
        found = {trial.spec["method"]["name"] for trial in trials([name]) if trial.spec is not None}
        assert found == set(METHODS.names())


def test_every_spec_is_an_adapter_that_a_graph_file_could_have() -> None:
    for trial in trials(NAMES, seeds=2):
        if trial.spec is not None:
            assert Adapter.model_validate(dict(trial.spec)).seed == trial.seed


def test_methods_that_need_samples_are_not_asked_for_without_any() -> None:
    needy = {"ordinary", "distillation", "jacobian"}
    for trial in trials(NAMES):
        assert trial.images is ALL or trial.images in COUNTS
        if trial.images == 0 and trial.spec is not None:
            assert trial.spec["method"]["name"] not in needy


def test_the_demo_is_compared_with_the_same_ordinary_learning() -> None:
    for name in NAMES:
        if EXPERIMENTS[name].task == "binary":
            specs = [trial.spec for trial in trials([name]) if trial.method == "ordinary" and trial.spec]
            assert specs
            assert all(spec["method"] == METHOD.model_dump() for spec in specs)


def test_references_come_first_and_once_whatever_is_chosen() -> None:
    chosen = list(trials(["1"], seeds=3, only="nothing of this name"))
    assert [trial.method for trial in chosen] == [TEACHER, UNADAPTED]


def test_main_trials_come_first_seed_after_seed() -> None:
    whole, main = list(trials(NAMES, seeds=2)), list(trials(NAMES, seeds=2, quick=True))
    first = [trial for trial in whole if trial in main]
    rest = [trial for trial in whole[whole.index(first[-1]) :] if trial.seed == 0]
    assert [trial.seed for trial in first] == sorted(trial.seed for trial in first)
    assert rest  # the others of the first seed come after the main ones of the last
    assert len(whole) == len({(trial.label, trial.category, trial.seed) for trial in whole})


def test_quick_is_a_part_of_the_whole() -> None:
    whole, quick = list(trials(NAMES, seeds=1)), list(trials(NAMES, seeds=1, quick=True))
    assert all(trial in whole for trial in quick)
    assert len(quick) < len(whole) / 3
    assert {trial.images for trial in quick} <= {0, 10, 100}


def test_only_looks_in_labels() -> None:
    labels = {trial.label for trial in trials(["2"], only="closed form alone") if trial.spec is not None}
    assert labels == {
        "experiment 2, three 1x1, closed form alone, 0 images",
        "experiment 2, one 3x3, closed form alone, 0 images",
    }


@pytest.mark.parametrize("name", ["2", "3"])
def test_there_is_a_control_with_a_random_category_module(name: str) -> None:
    controls = {(trial.images, trial.random_f) for trial in trials([name]) if trial.random_f}
    assert (0, True) in controls


def test_a_key_depends_on_settings_and_surroundings() -> None:
    trial = Trial("1", "one 3x3", "ordinary", "dog", 0, 10, spec={"kernel": 3})
    other = Trial("1", "one 3x3", "ordinary", "dog", 0, 10, spec={"kernel": 1})
    keys = {trial.key("a"), trial.key("b"), other.key("a")}
    assert len(keys) == 3
    assert trial.key("a") == Trial("1", "one 3x3", "ordinary", "dog", 0, 10, spec={"kernel": 3}).key("a")


def test_modules_of_different_shapes_are_not_joined_without_an_adapter() -> None:
    methods = {trial.method for trial in trials(["architectures"], seeds=1)}
    assert TEACHER in methods
    assert UNADAPTED not in methods
