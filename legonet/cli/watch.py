"""`legonet watch`."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.options import Device

if TYPE_CHECKING:
    from legonet.run.inbox import Drop, Inbox
    from legonet.run.options import RunOptions
    from legonet.run.runner import Progress


def watch(
    inbox: Annotated[
        Path, typer.Argument(metavar="INBOX", help="The folder that teachers are dropped into.")
    ],
    graph: Annotated[Path, typer.Argument(metavar="GRAPH", help="The graph file that they are added to.")],
    once: Annotated[bool, typer.Option("--once", help="Take what is there, and end.")] = False,
    every: Annotated[
        str, typer.Option(metavar="DURATION", help="The time between two looks into the folder.")
    ] = "2s",
    workers: Annotated[int, typer.Option(metavar="N", help="The number of jobs at a time.")] = 1,
    device: Device = "cpu",
) -> None:
    """Add the teachers that are dropped into a folder.

    What each of them needs is fitted. A drop is NAME.yaml, with category, task, model and cut as `legonet
    teacher add` takes them, beside NAME.safetensors, .pt or .pth, or NAME.pt2 where you allow it. Those
    that are taken move to INBOX/added, bad ones to INBOX/rejected, each with its reason. A drop that lacks a
    file is left where it is, and mentioned once. The folder is looked at first; where it has no new teacher,
    what the graph file still lacks is fitted.
    """
    from legonet.errors import StoreError
    from legonet.run.inbox import STALE, Inbox
    from legonet.run.options import RunOptions, seconds_of

    if not inbox.is_dir():
        raise StoreError(
            f"{inbox}: no such folder; expected the folder that teachers are dropped into; make it"
        )
    box, options, pause = (
        Inbox(inbox, graph, lambda text: print(f"? {text}", flush=True)),
        RunOptions(workers=workers, keep_going=True, wait=True),
        seconds_of("--every", every),
    )
    print(f"  looking into {inbox}", flush=True)
    if not _look(box, options, device, wait=once):
        print(f"  no new teacher; fitting what {graph} still lacks", flush=True)
        _build(graph, options, device)
    while True:
        for waits in box.incomplete(0.0 if once else STALE):
            print(f"? {waits}", flush=True)
        if once:
            return
        time.sleep(pause)
        _look(box, options, device)


def _look(box: Inbox, options: RunOptions, device: str, wait: bool = False) -> int:
    """Take the drops that are complete; returns how many were taken.

    Args:
        box: The inbox.
        options: Of the runs.
        device: Where to compute.
        wait: Whether drops that changed a moment ago are given the time to stand still.
    """
    from legonet.run import inbox

    taken = sum(_take(box, drop, options, device) for drop in list(box.ready()))
    names = [drop.name for drop in box.changing()] if wait else []
    if names:
        print(
            f"  {', '.join(names)}: changed a moment ago; will be looked at again in {inbox.SETTLED:.0f} s",
            flush=True,
        )
        time.sleep(inbox.SETTLED)
        taken += _look(box, options, device)
        for drop in box.changing():
            print(f"? {drop.name}: its files still change; left for the next look", flush=True)
    return taken


def _take(box: Inbox, drop: Drop, options: RunOptions, device: str) -> bool:
    """One drop, and whether it was taken; problems are reported, and the next one is looked at."""
    from legonet.errors import LegonetError

    print(f"  {drop.name}: checking {', '.join(file.name for file in drop.files)}", flush=True)
    try:
        path = box.take(drop)
    except LegonetError as error:
        print(f"! {drop.name}: rejected: {error}", flush=True)
        return False
    except OSError as error:  # a file that is gone or cannot be read now is looked at again
        print(f"! {drop.name}: {error.filename}: {error.strerror or error}; will be tried again", flush=True)
        return False
    except Exception as error:
        print(f"! {drop.name}: rejected: {_bug(error)}", flush=True)
        return False
    print(f"+ {drop.name}: added as {path}; fitting what it needs", flush=True)
    _build(box.graph, options, device)
    return True


def _build(graph: Path, options: RunOptions, device: str) -> None:
    import legonet
    from legonet.errors import LegonetError, LegonetWarning
    from legonet.plan.quality import in_words

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LegonetWarning)  # the result is reported below
            result = legonet.load(graph).transplant(device=device, options=options, progress=_tell)
    except LegonetError as error:
        print(f"! {error}", flush=True)
        return
    except Exception as error:  # the next arrival may go better
        print(f"! {_bug(error)}", flush=True)
        return
    for path in result.reused:
        print(f"  {path}: taken over from an adapter that was built from the same", flush=True)
    for each in result.results:
        print(f"  {each.path}: fitted: {in_words(each.quality)} ({each.seconds:.1f} s)", flush=True)
    for message in result.failed.values():
        print(f"! {message}", flush=True)


def _tell(progress: Progress) -> None:
    if progress.state == "waiting":
        print(f"  {progress.message}", flush=True)
    elif progress.state == "started":
        print(f"  {progress.path}: fitting ({progress.index + 1} of {progress.jobs})", flush=True)


def _bug(error: Exception) -> str:
    return f"a bug in legonet: {error!r}; please report it"
