"""Options that several benchmarks share, and what their texts mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from benchmarks.voc import Place

RESULTS = Path("build/bench")

Results = Annotated[
    Path,
    typer.Option("--results", metavar="FOLDER", help="Where rows are kept; what is there is not run again."),
]
Split = Annotated[
    str, typer.Option(help="test, for final figures, or validation, for every choice of settings.")
]
Graph = Annotated[Path, typer.Option(help="The network, as it comes with legonet.")]
Counts = Annotated[
    list[int] | None,
    typer.Option(
        "--images", min=0, metavar="N", help="Images of each category that adapters are fitted from."
    ),
]
Rows = Annotated[Path | None, typer.Option("--results", metavar="FILE", help="Where rows are kept, as JSON.")]
Seeds = Annotated[int, typer.Option(min=1, metavar="N", help="Seeds of the fits.")]
Data = Annotated[str, typer.Option(metavar="NAME", help="animals, or voc: Pascal VOC, given by --root.")]
Backbone = Annotated[str, typer.Option(help="With voc: vgg16, or vgg-slim for small images.")]
Root = Annotated[Path | None, typer.Option(help="With voc: the folder that holds VOCdevkit.")]


def split_of(name: str) -> Literal["validation", "test"]:
    """The images that `--split` names.

    Raises:
        DataError: There are none of this name.
    """
    from legonet.errors import DataError

    if name == "validation" or name == "test":
        return name
    raise DataError(f"--split {name}: no such split; expected validation or test")


def place_of(data: str, root: Path | None, results: Path, backbone: str) -> Place | None:
    """Where VOC and the network on it are; None for the animals.

    Raises:
        DataError: There is no such data, or VOC's folder is not named.
    """
    from legonet.errors import DataError

    if data == "animals":
        return None
    if data != "voc":
        raise DataError(f"--data {data}: no such data; expected animals or voc")
    if root is None:
        raise DataError("--data voc: no --root; expected the folder that holds VOCdevkit")
    from benchmarks.voc import Place

    return Place(root, results / backbone, backbone)
