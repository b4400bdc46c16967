"""`legonet transplant`."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from legonet.cli.completion import names_of
from legonet.cli.options import Device, Json, SampleFolders, Verify
from legonet.errors import LegonetWarning
from legonet.graph.suggest import listed
from legonet.progress import open_bars
from legonet.run.executors import EXECUTORS

if TYPE_CHECKING:
    from legonet.progress import Bars
    from legonet.run.options import RunOptions
    from legonet.run.runner import Progress, Run

FAILED = 1
_Patterns = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="PATTERN",
        autocompletion=names_of("paths"),
        help="Fit only these paths, such as 'cat:*'; may be given several times.",
    ),
]
_First = Annotated[
    list[str] | None,
    typer.Option(
        "--first",
        metavar="PATTERN",
        autocompletion=names_of("paths"),
        help="Fit these paths before all others; may be given several times.",
    ),
]
_Limit = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="The time that one attempt at a job may take, such as 10m."),
]


def transplant(
    graph: Annotated[
        Path, typer.Argument(metavar="GRAPH", help="The graph file, or what `legonet plan -o` wrote.")
    ],
    samples: SampleFolders = None,
    device: Device = "cpu",
    only: _Patterns = None,
    first: _First = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="Do the most useful jobs that fit into this time, such as 10m."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(metavar="N", help="The number of jobs at a time.")] = 1,
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Where jobs are done: {listed(EXECUTORS, ' or ')}; default: process, if there are several "
            "workers or limits, else inline.",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="The address of a Ray cluster; default: one on this machine."),
    ] = None,
    shared_store: Annotated[
        bool,
        typer.Option("--shared-store", help="Ship no blobs: all machines see the workspace at this path."),
    ] = False,
    remote_store: Annotated[
        str | None,
        typer.Option(
            "--remote-store",
            metavar="URL",
            help="Ship no blobs: all machines of the cluster read and write this remote, such as s3://bucket/zoo.",
        ),
    ] = None,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Go on after a failed job.")] = False,
    retries: Annotated[
        int, typer.Option(metavar="N", min=0, help="How often a job whose process died is tried again.")
    ] = 2,
    time_limit: _Limit = None,
    memory_limit: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="The memory that one attempt at a job may hold, such as 4G."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for another run of this network to end.")
    ] = False,
    verify: Verify = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the jobs, and do nothing.")] = False,
    progress: Annotated[
        str,
        typer.Option(
            metavar="FORM", help="How progress is shown: auto, or json, one object per line and event."
        ),
    ] = "auto",
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write losses to this folder; needs tensorboard.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Fit the adapters that the plan lists.

    Those that are fitted already are kept. Without --samples no image is used. A run that was stopped goes on
    where it was when the command is run again.
    """
    import legonet
    from legonet.cli.plan import say_damaged
    from legonet.cli.samples import folders_of, open_samples
    from legonet.plan.plan_file import is_plan, read_plan
    from legonet.run.options import RunOptions, bytes_of, seconds_of

    agreed = read_plan(graph) if is_plan(graph) else None
    network = legonet.load(graph if agreed is None else agreed.graph)
    folders = folders_of(samples or []) or ({} if agreed is None else dict(agreed.samples))
    given = open_samples(folders, network)
    options = RunOptions(
        only=tuple(only or ()),
        first=tuple(first or ()),
        budget=None if budget is None else seconds_of("--budget", budget),
        workers=workers,
        executor=_one_of("--executor", executor, tuple(EXECUTORS)),
        address=address,
        shared=shared_store,
        remote=remote_store,
        keep_going=keep_going,
        retries=retries,
        seconds=None if time_limit is None else seconds_of("--time-limit", time_limit),
        memory=None if memory_limit is None else bytes_of("--memory-limit", memory_limit),
        wait=wait,
    )
    if verify:
        say_damaged(network)
    form = _one_of("--progress", progress, ("auto", "json"))
    if dry_run:
        planned = network.plan(given)
        if agreed is not None:
            agreed.accept(planned)
        _dry_run(network.graph, planned, options, as_json)
        return 0
    accept = None if agreed is None else agreed.accept
    bars = open_bars(None if as_json or form == "json" else "auto", sys.stdout)
    with bars, _Told(bars, form == "json", tensorboard) as told, warnings.catch_warnings():
        warnings.simplefilter("ignore", LegonetWarning)  # the result is reported below
        result = network.transplant(given, device=device, progress=told, options=options, accept=accept)
    if as_json or form == "json":
        print(json.dumps(_data(result), indent=2 if as_json else None))
    else:
        _say(result)
    return FAILED if result.failed else 0


def _one_of(option: str, value: str | None, known: tuple[str, ...]) -> Any:
    from legonet.errors import SelectError

    if value is not None and value not in known:
        raise SelectError(f"{option} {value}: expected one of {', '.join(known)}")
    return value


def _dry_run(graph: Any, planned: Any, options: RunOptions, as_json: bool) -> None:
    from legonet.plan.text import cost_text
    from legonet.run.options import ordered

    jobs = ordered(graph, planned.jobs, options)
    if as_json:
        print(json.dumps({"jobs": [edge.data() for edge in jobs]}, indent=2))
        return
    for number, edge in enumerate(jobs, start=1):
        cost = "" if edge.cost is None else f", about {cost_text(edge.cost)}"
        print(f"[{number}/{len(jobs)}] {edge.path}: {edge.action} by {edge.method}{cost}: {edge.reason}")
    if not jobs:
        print("Nothing to fit.")


def _say(result: Run) -> None:
    for path in result.removed:
        print(f"- {path}: removed")
    for path in result.reused:
        print(f"= {path}: taken over from an adapter that was built from the same")
    for note in result.notes:
        print(f"note: {note}")
    for message in result.failed.values():
        print(f"failed: {message}")
    if result.planned:
        print(f"{len(result.planned)} still planned: {', '.join(result.planned)}")
    changed = result.results or result.removed or result.reused or result.failed or result.planned
    nothing = "Nothing to fit." if result.notes else "Nothing to do."  # a note may be of what was done
    print(f"{len(result.results)} fitted." if changed else nothing)


def _data(result: Run) -> dict[str, Any]:
    fitted = [
        {"path": each.path, "seconds": round(each.seconds, 3), "quality": each.quality, "notes": each.notes}
        for each in result.results
    ]
    return {
        "fitted": fitted,
        "removed": list(result.removed),
        "reused": list(result.reused),
        "planned": list(result.planned),
        "failed": dict(result.failed),
        "notes": list(result.notes),
    }


class _Told:
    """Bars on a terminal, one line per finished job elsewhere, or JSON lines for machines."""

    def __init__(self, bars: Bars, as_json: bool, tensorboard: Path | None) -> None:
        from legonet.run.display import RunDisplay

        self._show, self._as_json = RunDisplay(bars), as_json
        self._writer = None if tensorboard is None else _writer(tensorboard)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def __call__(self, progress: Progress) -> None:
        """Tell of one event."""
        if self._writer is not None:
            self._note(progress)
        if progress.state == "waiting" and not self._as_json:
            print(progress.message, file=sys.stderr, flush=True)
        elif not self._as_json:
            self._show(progress)
        else:
            data = {name: getattr(progress, name) for name in ("path", "state", "index", "jobs")}
            data |= {name: getattr(progress, name) for name in ("step", "steps", "loss") if progress.steps}
            data |= {"time": round(time.time(), 3)}
            data |= {"left": round(progress.left, 3)} if progress.left is not None else {}
            data |= {"message": progress.message} if progress.message else {}
            if (done := progress.result) is not None:
                data |= {"seconds": done.seconds, "quality": done.quality, "notes": done.notes}
            print(json.dumps(data), flush=True)

    def _note(self, progress: Progress) -> None:
        assert self._writer is not None  # noqa: S101 - asked by the caller
        if progress.loss is not None:
            self._writer.add_scalar(f"loss/{progress.path}", progress.loss, progress.step)
        if progress.result is not None:
            for name, value in progress.result.quality.items():
                self._writer.add_scalar(f"{name}/{progress.path}", value, 0)


def _writer(folder: Path) -> Any:
    from legonet.errors import DataError

    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise DataError(
            "--tensorboard: TensorBoard is not installed; expected the extra `tensorboard`; run: "
            "pip install 'legonet[tensorboard]'"
        ) from error
    return SummaryWriter(str(folder))
