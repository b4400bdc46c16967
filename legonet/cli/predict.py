"""`legonet predict`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.display import Display
from legonet.cli.images import GivenImages
from legonet.cli.options import Device, GraphFile, Json, Paths
from legonet.cli.pictures import MaskFiles, mask_files
from legonet.terminal import in_one_line

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.graph.output import Result

    Show = Callable[[Path, str, Result, dict[str, str]], None]

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
            metavar="FOLDER", help="Write the masks of mask tasks to this folder, as IMAGE.CATEGORY.TASK.png."
        ),
    ] = None,
    overlays: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write the images with their masks drawn over them to this folder."
        ),
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

    Labels and scores are printed, one line per image and path. Images are read as they are computed, in the
    order of their names, so that a folder may hold any number of them. One that cannot be read is named on
    standard error, the others are predicted, and the exit status is 1.
    """
    import torch

    import legonet
    from legonet.blocks.device import find_device
    from legonet.data.pictures import check_shape
    from legonet.errors import DataError
    from legonet.graph.suggest import listed

    given, writers = GivenImages(images), mask_files(masks, overlays, images)
    network = legonet.load(graph)
    channels = check_shape(network.graph.input.shape)[0]
    where = find_device(device)
    compiled = network.compile(*(path or []), device=where)
    meanings = [network.graph.tasks[each.task].output for each in compiled.paths]
    if writers and not any(each.annotation() == "mask" for each in meanings):
        kinds = listed(sorted({each.kind for each in meanings}))
        raise DataError(
            f"--{writers[0].kind}s: found paths of {kinds} tasks; expected one that gives "
            "masks; choose another --path, or leave the option out"
        )
    show: Show = _Document() if as_json else _print_json if lines else _print_line
    predicted = 0
    with _Bar(given) as bar:
        for found in given.batches(batch, channels):
            results = compiled.results(torch.stack([pixels for _, pixels in found]).to(where))
            for index, (file, pixels) in enumerate(found):
                try:
                    for name, each in results.items():
                        show(file, name, each[index], _written(writers, file, name, each[index], pixels))
                    predicted += 1
                except DataError as error:
                    given.tell(error)
            sys.stdout.flush()
            bar.show(given.seen)
    if isinstance(show, _Document):
        show.close(given.problems)
    if given.problems and given.problems + predicted > 1:
        print(f"{given.problems:,} not predicted, as told above; {predicted:,} predicted", file=sys.stderr)
    return 1 if given.problems else 0


def _written(
    writers: list[MaskFiles], file: Path, path: str, result: Result, pixels: Tensor
) -> dict[str, str]:
    from legonet.outputs.results import Mask

    if not isinstance(result, Mask):
        return {}
    return {writer.kind: str(writer.write(file, path, result, pixels)) for writer in writers}


def _print_line(file: Path, path: str, result: Result, written: dict[str, str]) -> None:
    print("  ".join(in_one_line(each) for each in (str(file), path, result.text(), *written.values())))


def _print_json(file: Path, path: str, result: Result, written: dict[str, str]) -> None:
    print(_json(file, path, result, written))


def _json(file: Path, path: str, result: Result, written: dict[str, str]) -> str:
    return json.dumps({"image": str(file), "path": path, **result.data(), **written})


class _Document:
    """One JSON document, written row by row. A run that is broken off leaves none that can be read."""

    def __init__(self) -> None:
        self._begun = False

    def __call__(self, file: Path, path: str, result: Result, written: dict[str, str]) -> None:
        """Write one row."""
        row = _json(file, path, result, written)
        print(",\n" if self._begun else '{"predictions": [\n', row, sep="", end="")
        self._begun = True

    def close(self, problems: int) -> None:
        """End the document."""
        print("" if self._begun else '{"predictions": [', f'], "problems": {problems}}}', sep="\n")


class _Bar(Display):
    """Images done, on a terminal whose standard output goes elsewhere."""

    def __init__(self, given: GivenImages) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as Remaining

        text, left = TextColumn("images", markup=False), TextColumn("left", markup=False)
        columns = MofNCompleteColumn(), text, BarColumn(), TimeElapsedColumn(), Remaining(), left
        # Where predictions are shown on the terminal themselves, a bar would be in their way.
        super().__init__(sys.stdout.isatty(), *columns)
        total = None if self._bars.disable else given.count()
        self._bar = self._bars.add_task("", total=total)

    def show(self, count: int) -> None:
        """Show how many are done."""
        self._bars.update(self._bar, completed=count)
