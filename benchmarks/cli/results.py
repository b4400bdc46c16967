"""How benchmarks tell what they found: figures beside their targets, rows, or JSON of either."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.targets import Figure


def say(line: str) -> None:
    """Tell how far it is."""
    print(line, file=sys.stderr, flush=True)


def keep(file: Path, data: object) -> None:
    """Keep what was found, as JSON."""
    from legonet.store.plain_files import write_file

    write_file(file, (json.dumps(data, indent=2) + "\n").encode())


def print_found(data: object, text: str, as_json: bool) -> None:
    """Print what was found, for people or as JSON."""
    print(json.dumps(data, indent=2) if as_json else text)


def print_figures(figures: Sequence[Figure], as_json: bool) -> None:
    """Print figures, each beside its target."""
    from legonet.tables import columns

    if as_json:
        print(json.dumps([figure.data() for figure in figures], indent=2))
        return
    lines = [("measure", "value", "", "target", "")]
    lines += [
        (
            figure.measure,
            f"{figure.value:.3g}" + ("" if figure.spread is None else f" ± {figure.spread:.2g}"),
            figure.unit,
            "" if figure.target is None else f"{figure.bound} {figure.target:g}",
            "" if figure.met is None else "met" if figure.met else "not met",
        )
        for figure in figures
    ]
    print("\n".join(columns(lines, right=(1,))))
