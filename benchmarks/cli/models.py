"""`python -m benchmarks models`."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.cli.options import RESULTS, Results
from benchmarks.cli.results import print_found
from legonet.cli.options import Json


def models(
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            metavar="NAME",
            help="classification, segmentation, detection, heads, timm, segmentation_models, transformers or "
            "ultralytics; default: all that are installed.",
        ),
    ] = None,
    only: Annotated[str, typer.Option(help="Only models with this in their names.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Those that did not pass, too.")] = False,
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Try architectures of libraries as teachers; what the results have already is not tried again.

    Each is taken in, cut, put together again, pulled back, compiled and exported, in a process of its own.
    """
    from dataclasses import asdict

    from benchmarks.models import Outcome, run_models, write_outcomes
    from benchmarks.models_table import write_table
    from legonet.store.plain_files import write_file

    def tell(outcome: Outcome) -> None:
        if not as_json:
            print(f"{outcome.name}: {'passed' if outcome.passed else outcome.reason}", flush=True)

    outcomes = run_models(results / "models.jsonl", group or (), only, tell, again)
    write_file(results / "models.md", write_table(write_outcomes(results / "models.jsonl")).encode())
    print_found([asdict(each) for each in outcomes], str(results / "models.md"), as_json)
