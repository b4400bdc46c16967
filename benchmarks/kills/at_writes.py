"""Runs are killed at one of their writes; what they sync then may be torn."""

from __future__ import annotations

import random
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.kills.children import child, ended, marked
from benchmarks.kills.judge import Judge, contents, transplant, tune
from benchmarks.kills.points import Counter
from benchmarks.kills.rows import Row
from legonet.run.options import RunOptions

IN_A_ROW = 3  # kills of one history


def any_write(judge: Judge, row: Row, kills: int) -> None:
    """A run is killed at one of the writes that it has left, files torn half the time.

    The next one goes on from there, and is killed too; beside that, each is taken to its end.
    """
    wanted, most = judge.whole(judge.quick), judge.points(judge.quick, transplant)
    while row.lacks(kills):
        graph, left = judge.copy(judge.quick), most
        for _ in range(IN_A_ROW):
            if not left or not row.lacks(kills):
                break
            torn = random.Random(judge.chance.random()) if judge.chance.random() < 0.5 else None  # noqa: S311
            counter = Counter(graph.parents[1], judge.chance.randint(1, left), torn)
            row.ended(ended(child(partial(transplant, graph), counter)))
            kept = judge.copy(graph, "kept")
            left = judge.same(row, graph, wanted, transplant)
            graph = judge.copy(kept)


def parent(judge: Judge, row: Row, kills: int, **options: Any) -> None:
    """The scheduler is killed at one of its writes, while others do its jobs."""
    wanted = judge.whole(judge.slow)
    use = partial(transplant, options=RunOptions(workers=2, **options))
    most = judge.points(judge.slow, use)
    while row.lacks(kills):
        graph = judge.copy(judge.slow)
        place = judge.chance.randint(most // 4, most)
        with marked(row):
            row.ended(ended(child(partial(use, graph), Counter(graph.parents[1], place))))
        judge.same(row, graph, wanted, transplant)


def end_of_finetune(judge: Judge, row: Row, kills: int) -> None:
    """It is killed at each of its last writes; the same command again tunes once."""
    built = judge.copy(judge.quick)
    if ended(child(partial(transplant, built))):
        raise AssertionError("an undisturbed run failed")
    origin = Path(shutil.copytree(built.parents[1], judge.folder / "built")) / "graphs" / "zoo.yaml"
    own, most = judge.copy(origin), judge.points(origin, tune)
    if ended(child(partial(tune, own))):
        raise AssertionError("undisturbed tuning failed")
    wanted = contents(own)
    for place in range(max(1, most - kills + 1), most + 1):
        graph = judge.copy(origin)
        row.ended(ended(child(partial(tune, graph), Counter(graph.parents[1], place))))
        judge.same(row, graph, wanted, tune)
