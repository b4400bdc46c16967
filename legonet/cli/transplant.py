"""`legonet transplant`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from legonet.cli.display import Display
from legonet.cli.options import Device, GraphFile, Json

if TYPE_CHECKING:
    from legonet.network import Network
    from legonet.run.runner import Progress, Run


def transplant(
    graph: GraphFile,
    samples: Annotated[
        list[str] | None,
        typer.Option(
            "--samples",
            metavar="PATH=FOLDER",
            help="Images of a path's category; may be given several times.",
        ),
    ] = None,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Fit the adapters that the plan lists; those that are there already are kept.

    Without samples no image is used. Stopped, it goes on where it was when it is run again.
    """
    import legonet

    network = legonet.load(graph)
    given = _samples(samples or [], network)
    with _Display(as_json) as display:
        result = network.transplant(given, device=device, progress=display.show)
    if as_json:
        print(json.dumps(_data(result), indent=2))
        return
    for path in result.removed:
        print(f"- {path}: removed")
    for path in result.reused:
        print(f"= {path}: taken over from an adapter that was built from the same")
    for note in result.notes:
        print(f"note: {note}")
    changed = result.results or result.removed or result.reused
    print(f"{len(result.results)} fitted." if changed else "Nothing to do.")


def _data(result: Run) -> dict[str, Any]:
    fitted = [
        {"path": each.path, "seconds": round(each.seconds, 3), "quality": each.quality, "notes": each.notes}
        for each in result.results
    ]
    return {
        "fitted": fitted,
        "removed": list(result.removed),
        "reused": list(result.reused),
        "notes": list(result.notes),
    }


def _samples(given: list[str], network: Network) -> dict[str, Any]:
    from legonet.errors import DataError
    from legonet.graph.select import find_edge

    samples: dict[str, Any] = {}
    for text in given:
        path, _, folder = text.partition("=")
        if not folder:
            raise DataError(f"--samples {text}: expected PATH=FOLDER, such as cat:classify=photos")
        if path in samples:
            raise DataError(f"--samples {text}: {path} is given twice; expected one folder for each path")
        edge = find_edge(network.graph, path)
        from legonet.data.source import open_source  # not before the arguments are known to be right

        mask = network.graph.tasks[edge.task].output.kind == "mask"
        source = open_source(folder, network.graph.input.shape)
        samples[path] = source.samples(edge.category, mask=mask, split="train")
    return samples


class _Display(Display):
    """Progress bars on a terminal, one line per finished job elsewhere."""

    def __init__(self, quiet: bool) -> None:
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

        name, state = (
            TextColumn(f"{{task.{each}}}", markup=False) for each in ("description", "fields[state]")
        )
        super().__init__(quiet, name, BarColumn(), state, TimeElapsedColumn())
        self._rows: dict[str, Any] = {}

    def show(self, progress: Progress) -> None:
        """Tell of one step."""
        row = self._rows.get(progress.path)
        if row is None:
            row = self._rows[progress.path] = self._bars.add_task(progress.path, total=None, state="fitting")
        if progress.result is not None:
            figures = ", ".join(f"{name} {value:.3g}" for name, value in progress.result.quality.items())
            self._bars.update(row, total=1, completed=1, state=figures)
            if self._lines:
                line = f"[{progress.index + 1}/{progress.jobs}] {progress.path}: {figures}"
                print(f"{line} ({progress.result.seconds:.1f} s)", flush=True)
        elif progress.steps:
            state = "" if progress.loss is None else f"loss {progress.loss:.3g}"
            self._bars.update(row, total=progress.steps, completed=progress.step, state=state)
