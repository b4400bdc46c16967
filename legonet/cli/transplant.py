"""`legonet transplant`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from legonet.cli.options import Device, GraphFile, Json, device

if TYPE_CHECKING:
    from legonet.run.runner import Progress


def transplant(
    graph: GraphFile,
    samples: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH=FOLDER", help="Images of a path's category; may be given several times."),
    ] = None,
    device_name: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Fit the adapters that the plan lists; those that are there already are kept.

    Without samples no image is used. Stopped, it goes on where it was when it is run again.
    """
    import legonet

    network = legonet.load(graph)
    given = _samples(samples or [], network)
    with _Display(as_json) as display:
        result = network.transplant(given, device=device(device_name), progress=display.show)
    if as_json:
        rows = [
            {"path": each.path, "seconds": round(each.seconds, 3), "quality": each.quality, "notes": each.notes}
            for each in result.results
        ]
        print(json.dumps({"fitted": rows, "removed": list(result.removed)}, indent=2))
        return
    for path in result.removed:
        print(f"- {path}: removed")
    for note in result.notes:
        print(f"note: {note}")
    print(f"{len(result.results)} fitted." if result.results or result.removed else "Nothing to do.")


def _samples(given: list[str], network: Any) -> dict[str, Any]:
    from legonet.data.source import open_source
    from legonet.errors import DataError

    samples = {}
    for text in given:
        path, equals, folder = text.partition("=")
        if not equals:
            raise DataError(f"--samples {text}: expected PATH=FOLDER, such as cat:classify=photos")
        category, _, task = path.partition(":")
        meaning = network.graph.tasks[task].output if task in network.graph.tasks else None
        mask = meaning is not None and meaning.kind == "mask"
        samples[path] = open_source(folder, network.graph.input.shape).samples(category, mask=mask)
    return samples


class _Display:
    """Progress bars on a terminal, one line per finished job elsewhere."""

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._rows: dict[str, Any] = {}

    def __enter__(self) -> _Display:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def show(self, progress: Progress) -> None:
        """Tell of one step."""
        row = self._rows.get(progress.path)
        if row is None:
            row = self._rows[progress.path] = self._bars.add_task(progress.path, total=None, state="fitting")
        if progress.result is not None:
            figures = ", ".join(f"{name} {value:.3g}" for name, value in progress.result.quality.items())
            self._bars.update(row, total=1, completed=1, state=figures)
            if self._bars.disable and not self._quiet:
                line = f"[{progress.index + 1}/{progress.jobs}] {progress.path}: {figures}"
                print(f"{line} ({progress.result.seconds:.1f} s)")
        elif progress.steps:
            state = "" if progress.loss is None else f"loss {progress.loss:.3g}"
            self._bars.update(row, total=progress.steps, completed=progress.step, state=state)
