"""`legonet predict`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from legonet.cli.display import Display
from legonet.cli.options import Device, GraphFile, Json, Paths

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.compile.results import Result

BATCH = 32


def predict(
    graph: GraphFile,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE...",
            help="Image files, folders of them, or - for names on standard input, one per line.",
        ),
    ],
    path: Paths = None,
    masks: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where masks of mask tasks go, as PNG files: IMAGE.PATH.png."),
    ] = None,
    overlays: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Likewise the images with their masks drawn over them."),
    ] = None,
    lines: Annotated[
        bool, typer.Option("--jsonl", help="Print JSON lines, one per image and path, as they come.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="Images that are computed together.")] = BATCH,
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Run images through paths of the network and print labels and scores, one line per image and path.

    Images are read as they are computed, so that a folder may hold any number of them.
    """
    import legonet
    from legonet.blocks.device import find_device
    from legonet.cli.pictures import MaskFiles
    from legonet.data.pictures import check_shape

    network = legonet.load(graph)
    shape = check_shape(network.graph.input.shape)
    where = find_device(device)
    compiled = network.compile(*(path or []), device=where)
    writers = [
        *([MaskFiles(masks, "mask")] if masks else []),
        *([MaskFiles(overlays, "overlay")] if overlays else []),
    ]
    found: list[dict[str, Any]] = []
    files = chain.from_iterable(map(_of, images))
    with _Bar(images) as bar:
        while names := list(islice(files, batch)):
            pixels = _read(names, shape)
            results = compiled.results(pixels.to(where))
            for index, file in enumerate(names):
                for name, each in results.items():
                    row = _row(each[index])
                    for writer in writers:
                        if "share" in row:
                            row[writer.kind] = str(writer.write(file, name, each[index], pixels[index]))
                    data = {"image": str(file), "path": name, **row}
                    if as_json:
                        found.append(data)
                    else:
                        shown = "  ".join(_shown(key, value) for key, value in row.items())
                        print(json.dumps(data) if lines else f"{file}  {name}  {shown}")
            bar.advance(len(names))
    if as_json:
        print(json.dumps({"predictions": found}, indent=2))


def _count(given: list[Path]) -> int | None:
    """How many images there are, unless some are named on standard input."""
    if any(str(each) == "-" for each in given):
        return None
    return sum(sum(len(names) for _, names in _folders(each)) if each.is_dir() else 1 for each in given)


def _of(given: Path) -> Iterable[Path]:
    if str(given) == "-":
        return (Path(line.rstrip("\r\n")) for line in sys.stdin if line.strip())
    return _walk(given) if given.is_dir() else (given,)


def _walk(folder: Path) -> Iterator[Path]:
    """Images in a folder and those below it, in order; one folder's names are held at a time."""
    from legonet.data.folder import EXTENSIONS
    from legonet.errors import DataError

    none = True
    for root, names in _folders(folder):
        for name in names:
            none = False
            yield Path(root, name)
    if none:
        raise DataError(f"{folder}: holds no image; expected files ending in {', '.join(EXTENSIONS)}")


def _folders(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """A folder and those below it, with the names of their images."""
    from legonet.data.folder import EXTENSIONS

    for root, folders, names in os.walk(folder):
        folders.sort()
        yield root, sorted(name for name in names if Path(name).suffix.lower() in EXTENSIONS)


def _read(files: Iterable[Path], shape: tuple[int, int, int]) -> Tensor:
    import torch

    from legonet.data.pictures import read_image

    return torch.stack([read_image(file, shape) for file in files])


def _row(result: Result) -> dict[str, Any]:
    from legonet.compile.results import Mask, Score

    if isinstance(result, Score):
        return {"label": result.label, "score": round(result.score, 4)}
    if isinstance(result, Mask):
        return {"label": result.label, "share": round(result.share, 4)}
    return {name: round(value, 4) for name, value in result.values.items()}


def _shown(key: str, value: Any) -> str:
    return f"{value:+.3f}" if key == "score" else f"{value:.1%}" if key == "share" else str(value)


class _Bar(Display):
    """Images done, on a terminal whose standard output goes elsewhere."""

    def __init__(self, given: list[Path]) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as Remaining

        text, left = TextColumn("images", markup=False), TextColumn("left", markup=False)
        columns = MofNCompleteColumn(), text, BarColumn(), TimeElapsedColumn(), Remaining(), left
        # Where predictions are shown on the terminal themselves, a bar would be in their way.
        super().__init__(sys.stdout.isatty(), *columns)
        total = None if self._bars.disable else _count(given)
        self._bar = self._bars.add_task("", total=total)

    def advance(self, count: int) -> None:
        """Tell of some images."""
        self._bars.update(self._bar, advance=count)
