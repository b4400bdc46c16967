"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

GraphFile = Annotated[Path, typer.Argument(metavar="GRAPH", help="The graph file, such as graphs/animals.yaml.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Device = Annotated[
    str, typer.Option(help="Where to compute: cpu, cuda, mps, or auto: an accelerator if there is one.")
]
Data = Annotated[
    str,
    typer.Option(
        "--data", metavar="SOURCE", help="Images: animals (the extra `demo`), or a folder with one folder per category."
    ),
]


def device(name: str) -> str:
    """The device to compute on.

    Raises:
        LegonetError: there is no such device.
    """
    import torch

    from legonet.errors import LegonetError

    if name == "auto":
        accelerator = torch.accelerator.current_accelerator()
        return accelerator.type if accelerator is not None else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().split("\n")[0]
        raise LegonetError(f"--device {name}: {reason}; expected a device of this machine; try cpu") from error
    return name
