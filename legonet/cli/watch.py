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
    teacher add` takes them, beside NAME.safetensors, .pt or .pth, or NAME.pt2 where settings allow it. Those
    that are taken move to INBOX/added, bad ones to INBOX/rejected, each with its reason. A drop that lacks a
    file is left where it is, and mentioned once.
    """
    from legonet.errors import StoreError
    from legonet.run.inbox import SETTLED, STALE, Inbox
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
    _build(graph, options, device)
    while True:
        for drop in list(box.ready()):
            _take(box, drop, options, device)
        for waits in box.incomplete(SETTLED if once else STALE):
            print(f"? {waits}", flush=True)
        if once:
            return
        time.sleep(pause)


def _take(box: Inbox, drop: Drop, options: RunOptions, device: str) -> None:
    """One drop; whatever is wrong with it is told, and the next one is looked at."""
    from legonet.errors import LegonetError

    try:
        path = box.take(drop)
    except LegonetError as error:
        print(f"! {drop.name}: rejected: {error}", flush=True)
        return
    except OSError as error:  # a file that is gone or cannot be read now is looked at again
        print(f"! {drop.name}: {error.filename}: {error.strerror or error}; looked at again", flush=True)
        return
    except Exception as error:
        print(f"! {drop.name}: rejected: {_bug(error)}", flush=True)
        return
    print(f"+ {drop.name}: added as {path}", flush=True)
    _build(box.graph, options, device)


def _build(graph: Path, options: RunOptions, device: str) -> None:
    import legonet
    from legonet.errors import LegonetError, LegonetWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LegonetWarning)  # the result is told below
            result = legonet.load(graph).transplant(device=device, options=options, progress=_waits)
    except LegonetError as error:
        print(f"! {error}", flush=True)
        return
    except Exception as error:  # the next arrival may go better
        print(f"! {_bug(error)}", flush=True)
        return
    for path in result.reused:
        print(f"  {path}: taken over from an adapter that was built from the same", flush=True)
    for each in result.results:
        figures = ", ".join(f"{name} {value:.3g}" for name, value in each.quality.items())
        print(f"  {each.path}: fitted: {figures} ({each.seconds:.1f} s)", flush=True)
    for message in result.failed.values():
        print(f"! {message}", flush=True)


def _waits(progress: Progress) -> None:
    if progress.state == "waiting":
        print(f"  {progress.message}", flush=True)


def _bug(error: Exception) -> str:
    return f"a bug in legonet: {error!r}; please report it"
