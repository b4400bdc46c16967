"""`legonet predict`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.images import GivenImages
from legonet.cli.options import Device, GraphFile, Json, Paths
from legonet.cli.pictures import drawn_files
from legonet.cli.unbuilt import tell_unbuilt
from legonet.progress import open_bars
from legonet.terminal import in_one_line

if TYPE_CHECKING:
    from legonet.graph.result import Result

    Show = Callable[[str, str, Result, dict[str, str]], None]

BATCH = 32


def predict(
    graph: GraphFile,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE",
            help="Image files, folders of them, or - for names on standard input, one per line.",
        ),
    ],
    path: Paths = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the masks, maps, points and boxes to this folder, as IMAGE.CATEGORY.TASK.png.",
        ),
    ] = None,
    overlays: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the images with that drawn over them to this folder."),
    ] = None,
    lines: Annotated[
        bool, typer.Option("--jsonl", help="Print JSON lines, one per image and path, as they come.")
    ] = False,
    batch: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many images are computed together.")
    ] = BATCH,
    device: Device = "cpu",
    as_json: Json = False,
) -> int:
    """Run images through paths of the network.

    What each path says is printed, one line per image and path. Images are read as they are computed, in the
    order of their names, so that a folder may hold any number of them. One that cannot be read is named on
    standard error, the others are predicted, and the exit status is 1.
    """
    import legonet
    from legonet.blocks.device import find_device
    from legonet.compile.predict import predict_each
    from legonet.errors import DataError
    from legonet.graph.suggest import listed

    given, writers = GivenImages(images), drawn_files(masks, overlays, images)
    show: Show = _Document() if as_json else _print_json if lines else _print_line
    given.tell_missing()
    if not given:
        return _end(show, given, 0)
    network = legonet.load(graph)
    compiled = network.compile(*(path or []), device=find_device(device))
    tell_unbuilt(network, graph, path)
    meanings = [network.graph.tasks[each.task].output for each in compiled.paths]
    if writers and not any(each.drawn for each in meanings):
        kinds = listed(sorted({each.kind for each in meanings}))
        raise DataError(
            f"--{writers[0].kind}s: found paths of {kinds} tasks; expected one that gives "
            "masks; choose another --path, or leave the option out"
        )
    predicted = 0
    # Where predictions are shown on the terminal themselves, a bar would be in their way.
    with open_bars(None if sys.stdout.isatty() else "auto") as bars:
        total = None if bars.silent else given.count()
        for each in predict_each(compiled, given, batch, given.tell):
            try:
                for name, result in each.results.items():
                    written = (writer.write(each.photo, name, result) for writer in writers)
                    files = {kind: str(file) for kind, file in filter(None, written)}
                    show(each.name, name, result, files)
                predicted += 1
            except DataError as error:
                given.tell(error)
            sys.stdout.flush()
            bars.show("images", "predicting images", total=total, done=given.seen)
    return _end(show, given, predicted)


def _end(show: Show, given: GivenImages, predicted: int) -> int:
    """Say what was not predicted; gives the exit status."""
    if isinstance(show, _Document):
        show.close(given.problems)
    if given.problems and given.problems + predicted > 1:
        print(f"{given.problems:,} not predicted, as told above; {predicted:,} predicted", file=sys.stderr)
    return 1 if given.problems else 0


def _print_line(file: str, path: str, result: Result, written: dict[str, str]) -> None:
    print("  ".join(in_one_line(each) for each in (file, path, result.text(), *written.values())))


def _print_json(file: str, path: str, result: Result, written: dict[str, str]) -> None:
    print(_json(file, path, result, written))


def _json(file: str, path: str, result: Result, written: dict[str, str]) -> str:
    return json.dumps({"image": file, "path": path, **result.data(), **written})


class _Document:
    """One JSON document, written row by row. A run that is broken off leaves none that can be read."""

    def __init__(self) -> None:
        self._begun = False

    def __call__(self, file: str, path: str, result: Result, written: dict[str, str]) -> None:
        """Write one row."""
        row = _json(file, path, result, written)
        print(",\n" if self._begun else '{"predictions": [\n', row, sep="", end="")
        self._begun = True

    def close(self, problems: int) -> None:
        """End the document."""
        print("" if self._begun else '{"predictions": [', f'], "problems": {problems}}}', sep="\n")
