"""`python -m benchmarks paper`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.cli.options import RESULTS, Backbone, Data, Results, Root, Split, place_of, split_of
from benchmarks.cli.results import print_figures, say
from legonet.cli.options import Device, Json
from legonet.progress import Bars, open_bars

if TYPE_CHECKING:
    from benchmarks.paper import Progress

MOST_JOBS = 8  # each takes 0.7 GiB


def paper(
    experiment: Annotated[
        list[str] | None,
        typer.Option(
            "--experiment",
            metavar="NAME",
            help="1, 2, 3, bases or architectures; may be given several times; default: 1, 2 and 3.",
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds; default 5, quick 1.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Main methods, two categories, 0, 10, 100 images.")
    ] = False,
    only: Annotated[str, typer.Option(help="Only what has this in its label, such as 'auto, 10'.")] = "",
    split: Split = "test",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes side by side; default: one per core, at most 8; on a GPU 1."),
    ] = None,
    device: Device = "cpu",
    results: Results = RESULTS,
    data: Data = "animals",
    backbone: Backbone = "vgg16",
    root: Root = None,
    weights: Annotated[
        Path | None, typer.Option(help="With voc: the backbone's state dict, to fine-tune teachers from.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="With voc: of the teachers' training.")] = 10,
    as_json: Json = False,
) -> None:
    """Run the paper's experiments with all methods.

    The figures are compared with the targets. Stopped, it goes on where it was when it is run again. The
    benchmark `report` makes tables and plots.
    """
    from benchmarks.experiments import SEEDS
    from benchmarks.paper import Choice, Setting, run_paper
    from benchmarks.rows import summarise
    from benchmarks.targets import judge

    place = place_of(data, root, results, backbone)
    if place is not None:
        from benchmarks.voc import prepare

        prepare(place, weights, epochs, device, say)
    setting = Setting(split_of(split), device, place)
    choice = Choice(_experiments(experiment or []), seeds or (1 if quick else SEEDS), quick, only)
    with open_bars(None if as_json else "auto", sys.stdout) as bars:
        rows = run_paper(setting, choice, results, jobs or _cores(device), partial(_tell, bars))
    summaries = summarise(rows)
    print_figures(judge(summaries), as_json)


def _experiments(names: Sequence[str]) -> tuple[str, ...]:
    from benchmarks.experiments import EXPERIMENTS
    from legonet.errors import SelectError

    for name in names:
        if name not in EXPERIMENTS:
            raise SelectError(
                f"--experiment {name}: no such experiment; expected one of {', '.join(EXPERIMENTS)}"
            )
    return tuple(name for name in EXPERIMENTS if name in names)


def _cores(device: str) -> int:
    """Processes that a device has room for."""
    return min(os.cpu_count() or 1, MOST_JOBS) if device == "cpu" else 1


def _tell(bars: Bars, progress: Progress) -> None:
    """Tell of one trial: a bar on a terminal, one line per trial elsewhere."""
    row, trial = progress.row, progress.row.trial
    found = ", ".join(f"{name} {value:.1f} %" for name, value in row.measures.items())
    took = "" if row.seconds is None else f" ({row.seconds:.1f} s)"
    line = f"{trial.category}, {trial.label}, seed {trial.seed}: {found}{took}"
    bars.line(f"[{progress.done}/{progress.trials}] {line}")
    bars.show("trials", "trials", total=progress.trials, done=progress.done)
