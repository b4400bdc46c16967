"""`legonet connect`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from legonet.cli.completion import names_of
from legonet.cli.edited import DryRun, edit
from legonet.cli.options import GraphFile, Json


def connect(
    graph: GraphFile,
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH", autocompletion=names_of("pairs"), help="Category and task: cat:classify."
        ),
    ],
    kernel: Annotated[
        int | None,
        typer.Option(metavar="N", help="The height and width of each convolution: 1, 3, 5, 7, 9 or 11."),
    ] = None,
    depth: Annotated[
        int | None, typer.Option(metavar="N", help="How many convolutions there are, from 1 to 64.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD",
            help="How it is fitted: a method's name, or its settings: '{name: closed-form, draws: 64}'.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="The seed of all that is random in the fit.")
    ] = None,
    adapter: Annotated[
        str | None,
        typer.Option(
            metavar="MAPPING",
            help="The adapter as in a graph file: '{kernel: 1, activation: none}'; default: the path's, or "
            "its task's.",
        ),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Connect a category and a task by an adapter.

    The graph file gets its entry, and keeps its comments. Of a path that has an adapter, only what is given
    changes. `legonet transplant` fits it.
    """
    from legonet.graph.editing.operations import Connect

    given = {"kernel": kernel, "depth": depth, "method": _read("--method", method), "seed": seed}
    settings = {key: value for key, value in given.items() if value is not None}
    whole = _read("--adapter", adapter)
    if whole is not None and not isinstance(whole, dict):
        from legonet.errors import GraphError

        raise GraphError(f"--adapter {adapter}: expected a mapping, such as '{{kernel: 1}}'")
    edit(graph, Connect(path=path, adapter=whole, settings=settings), f"{path} connected", dry_run, as_json)


def _read(option: str, text: str | None) -> Any:
    from legonet.graph.reading.yaml import compose

    return None if text is None else compose(text, option).or_raise()[0]
