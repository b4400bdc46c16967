"""Figures that were measured: what `legonet evaluate --json` prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from legonet import foreign
from legonet.errors import RenderError

_FIGURES = foreign.Kind("file of figures", 16 * foreign.MIB, RenderError)
_MOST = 1e300  # beyond it an integer is no number of floating point


def read_figures(path: Path) -> dict[str, dict[str, Any]]:
    """The first row of each path: its measure, and the path's, the teacher's and the unadapted path's value.

    Args:
        path: The file.

    Raises:
        RenderError: It has no such rows.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(foreign.read(path, _FIGURES, follow=True))["rows"]
        if not all(_is_row(row) for row in rows):
            raise ValueError("no such rows")
        return {row["path"]: row for row in reversed(rows)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RenderError(
            f"{path}: no figures; expected what `legonet evaluate --json` prints; make it anew"
        ) from error


def _is_row(row: dict[str, Any]) -> bool:
    texts, numbers = (
        [row["path"], row["measure"]],
        [row["transplanted"], row["teacher"], row.get("unadapted")],
    )
    return all(isinstance(each, str) for each in texts) and all(map(_is_number, numbers))


def _is_number(value: object) -> bool:
    return value is None or (type(value) in (int, float) and abs(value) < _MOST)  # pyright: ignore[reportArgumentType]
