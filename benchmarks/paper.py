"""Runs the paper's experiments: every trial that has no row yet, one after the other or side by side."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from benchmarks.experiments import EXPERIMENTS, SEEDS, Trial, trials
from benchmarks.rig import Rig, Split, animals_rig
from benchmarks.rows import Row, append_row, read_rows
from legonet.errors import DistillError

if TYPE_CHECKING:
    from benchmarks.voc import Place

ROWS = "rows.jsonl"


@dataclass(frozen=True)
class Setting:
    """Where trials are run; plain data, so that any process can open it.

    Attributes:
        split: which images adapters are measured on.
        device: where adapters are fitted.
        voc: a network that `benchmarks.voc` prepared; None: the animals.
    """

    split: Split = "test"
    device: str = "cpu"
    voc: Place | None = None

    def open(self) -> Rig:
        """Open the network and its images."""
        if self.voc is None:
            return animals_rig(self.split, self.device)
        from benchmarks.voc import voc_rig

        return voc_rig(self.voc, self.split, self.device)


@dataclass(frozen=True)
class Choice:
    """Which trials are run.

    Attributes:
        experiments: names; empty: the paper's, as far as the network has tasks for them.
        seeds: how many.
        quick: the main methods only, three numbers of images.
        only: a part of the labels.
    """

    experiments: tuple[str, ...] = ()
    seeds: int = SEEDS
    quick: bool = False
    only: str = ""


@dataclass(frozen=True)
class Progress:
    """A trial is done: its row, and how many of how many there are now."""

    row: Row
    done: int
    trials: int


def run_paper(
    setting: Setting,
    choice: Choice,
    folder: Path,
    jobs: int = 1,
    progress: Callable[[Progress], None] = lambda _: None,
) -> list[Row]:
    """Run the trials that have no row in a folder yet.

    Each process uses one thread, so that a row does not depend on their number.

    Args:
        setting: where.
        choice: which.
        folder: where rows are kept; each is written as soon as it is there.
        jobs: processes side by side.
        progress: told of each new row.

    Returns:
        The rows of the chosen trials, in order, old and new.

    Raises:
        LegonetError: a trial cannot be run; the rows before it are kept.
    """
    rig = setting.open()
    chosen = chosen_trials(rig, choice)
    there = {row.key for row in finished(rig, choice, folder)}
    todo = [trial for trial in chosen if trial.key(rig.surroundings(trial)) not in there]
    done = len(chosen) - len(todo)
    for row in _side_by_side(setting, todo, jobs) if jobs > 1 else _in_turn(rig, todo):
        append_row(folder / ROWS, row)
        done += 1
        progress(Progress(row, done, len(chosen)))
    return finished(rig, choice, folder)


def finished(rig: Rig, choice: Choice, folder: Path) -> list[Row]:
    """The rows of a choice that a folder has, of the modules and settings as they are now."""
    known = {row.key: row for row in read_rows(folder / ROWS)}
    keys = [trial.key(rig.surroundings(trial)) for trial in chosen_trials(rig, choice)]
    return [known[key] for key in keys if key in known]


def chosen_trials(rig: Rig, choice: Choice) -> list[Trial]:
    """The trials of a choice that a network has the tasks for."""
    names = choice.experiments or tuple(
        name for name, each in EXPERIMENTS.items() if name.isdecimal() and rig.offers(each)
    )
    return list(trials(names, choice.seeds, choice.quick, choice.only))


def _in_turn(rig: Rig, todo: Sequence[Trial]) -> Iterator[Row]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for trial in todo:
            yield rig.run(trial)
    finally:
        torch.set_num_threads(threads)


def _side_by_side(setting: Setting, todo: Sequence[Trial], jobs: int) -> Iterator[Row]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _start, (setting,)) as pool:
        try:
            groups = [list(group) for _, group in groupby(todo, key=_modules)]
            for future in as_completed([pool.submit(_run, group) for group in groups]):
                yield from future.result()
        except BrokenProcessPool as error:
            raise DistillError(
                "bench: a process was ended from outside, perhaps for want of memory; expected it to "
                "finish; run the same command with fewer --jobs, it goes on where it was"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


_rig: list[Rig] = []  # of a worker process; opened once


def _start(setting: Setting) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    torch.set_num_threads(1)
    _rig.append(setting.open())


def _modules(trial: Trial) -> tuple[str, str, int, bool]:
    """Trials of the same modules and seed share what is computed of these, so one process runs them."""
    return trial.experiment, trial.category, trial.seed, trial.random_f


def _run(trials: Sequence[Trial]) -> list[Row]:
    return [_rig[0].run(trial) for trial in trials]
