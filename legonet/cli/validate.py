"""`legonet validate`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from legonet.cli.options import Json


def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="The graph files.")],
    as_json: Json = False,
) -> int:
    """Report every problem of graph files in one go.

    Structure, references, files, and the shapes along each path are checked. No network is run and no weights
    are loaded.
    """
    from legonet.errors import LegonetError
    from legonet.teachers.validate import problems_of

    reports = {}
    for file in files:
        try:
            reports[str(file)] = problems_of(file)
        except LegonetError as error:
            reports[str(file)] = str(error)
    if as_json:
        print(json.dumps({file: report.splitlines() for file, report in reports.items()}, indent=2))
    else:
        for file, report in reports.items():
            print(report if report else f"{file}: valid", file=sys.stderr if report else sys.stdout)
    return 1 if any(reports.values()) else 0
