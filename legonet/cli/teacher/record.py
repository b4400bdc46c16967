"""`legonet teacher record`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.completion import names_of
from legonet.cli.options import Data, GraphFile

if TYPE_CHECKING:
    from torch import Tensor


def record(
    graph: GraphFile,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEACHER", autocompletion=names_of("teachers"), help="The teachers; default: all."
        ),
    ] = None,
    data: Data = "animals",
) -> None:
    """Record teachers' statistics on their owner's images.

    Transplanting then needs no image. Statistics are written beside the weights and take at most a quarter
    of their size, but for small teachers with large features. The images are those that the network will
    meet: some that show the category and some that do not. In a folder of images, a category's are called by
    its name, else by its label; those of a variant such as cat@2 also as those of cat.
    """
    import legonet
    from legonet.data.source import open_source
    from legonet.graph.select import image_names
    from legonet.teachers.one_sided import ADVICE, one_sided

    network = legonet.load(graph)
    for name in names or network.graph.teachers:
        shown = ""

        def images(category: str) -> Tensor:
            nonlocal shown
            source = open_source(data, network.graph.input_of(category))
            shown = source.called(image_names(network.graph, category))
            return source.samples(shown, split="train")[0]

        path, count = network.record(name, images)
        size = Path(path).stat().st_size
        shown_path = path if graph.is_absolute() else os.path.relpath(path)
        print(f"{shown_path}: {count} images of '{shown}' and others, {size / 1024:.0f} KiB")
        meaning = network.graph.tasks[network.graph.teachers[name].task].output
        side = one_sided(Path(path).read_bytes(), meaning)
        if side:
            print(
                f"  note: all but a few scores are {side}: {ADVICE}. If they were, see whether `input` in "
                f"{graph} has the mean and std that it was trained with"
            )
