"""Arrivals and failures in any order: a stateful test of the world that the bench lives through at length."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from benchmarks.year import World, simulate

CATEGORIES, TASKS = st.sampled_from(["cat", "dog", "cow"]), st.sampled_from(["classify", "segment"])


class Life(RuleBasedStateMachine):
    """Rules are what people and fate do; after each the run goes on, and every invariant holds."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name))

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            while not self.world.run():
                pass
            self.world.check(whole=True)
            self.world.journal.close()
            self.folder.cleanup()

    def teachers(self) -> list[str]:
        return sorted(self.world.graph.teachers)

    @rule(category=CATEGORIES, task=TASKS, own_f=st.booleans())
    def arrive(self, category: str, task: str, own_f: bool) -> None:
        self.world.arrive(category, task, own_f)

    @precondition(lambda self: self.teachers())
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.world.leave(data.draw(st.sampled_from(self.teachers())))

    @precondition(lambda self: self.teachers())
    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        teacher, jobs = data.draw(st.sampled_from(self.teachers())), len(self.world.plan()[1].jobs)
        self.world.rename(teacher)
        assert len(self.world.plan()[1].jobs) == jobs

    @precondition(lambda self: self.world.graph.tasks)
    @rule(data=st.data(), seed=st.integers(0, 3))
    def change(self, data: st.DataObject, seed: int) -> None:
        self.world.change(data.draw(st.sampled_from(sorted(self.world.graph.tasks))), seed)

    @precondition(lambda self: self.world.lock.adapters)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.world.lose(data.draw(st.sampled_from(sorted(self.world.lock.adapters))))

    @rule(seed=st.integers(0, 2**16), rate=st.sampled_from([0.0, 0.2]))
    def run(self, seed: int, rate: float) -> None:
        self.world.check(self.world.run(random.Random(seed), rate))

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check(whole=False)
            self.world.check_memory()


Life.TestCase.settings = settings(
    max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLife = Life.TestCase


@pytest.mark.parametrize("seed", [1, 2])
def test_a_short_year(tmp_path: Path, seed: int) -> None:
    events, fits = simulate(tmp_path, 25, seed)
    assert events >= 25
    assert fits > 10
