"""Options that several commands of `legonet teacher` have."""

from __future__ import annotations

from typing import Annotated

import typer

Code = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-code",
        metavar="CODE",
        help="Run this code, which makes the model: package.module:function, or a .pt2 file; nothing else of "
        "the kind is run. What legonet/allowed-code.yaml in your folder of settings allows is run too.",
    ),
]
EXAMPLE = "The shape of the images that the model is traced with: channels, height, width"
MODEL = "A block, torchvision:NAME, timm:NAME, a .pt2 file or package.module:function."
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        metavar="NAME",
        help="The output to take, where the model gives several; and last steps that it lacks, such as "
        "'features | mean 2 3': permute, flatten, mean, select, resize.",
    ),
]


def shape_of(text: str) -> tuple[int, ...]:
    """The shape that `--example-shape` names.

    Raises:
        TeacherError: It names none.
    """
    from legonet.errors import TeacherError

    sizes = text.replace("x", ",").split(",")
    if len(sizes) != 3 or not all(size.isdigit() and int(size) for size in sizes):
        raise TeacherError(f"--example-shape {text}: expected channels,height,width, such as 3,224,224")
    return tuple(int(size) for size in sizes)
