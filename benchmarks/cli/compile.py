"""`python -m benchmarks compile`."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.cli.options import RESULTS, Results
from benchmarks.cli.results import print_figures, say
from legonet.cli.options import Json


def compile(  # noqa: A001 - the command's name
    repeats: Annotated[int, typer.Option(min=3, help="Pairs of runs that a median is taken of.")] = 30,
    models: Annotated[
        bool, typer.Option("--models", help="Only models of torchvision and timm. Needs the extra `zoo`.")
    ] = False,
    only: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only models with this in their names.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small images for models, and few runs.")] = False,
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Time compiled networks against what one would write by hand; memory, compile time and exports.

    What was measured before stays in the results until it is measured again.
    """
    from benchmarks.compile import COMPILE, run_compile, write_json
    from benchmarks.compile_models import QUICK, Effort, run_models
    from legonet.store.plain_files import write_file

    repeats = QUICK.repeats if quick else repeats
    figures = run_models(QUICK if quick else Effort(repeats=repeats), only or "", say)
    if not models and only is None:
        figures = [*run_compile(repeats, say), *figures]
    file = results / COMPILE
    write_file(file, write_json(figures, file.read_text() if file.exists() else None).encode())
    print_figures(figures, as_json)
