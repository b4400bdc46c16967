"""Figures that were measured: what `legonet evaluate --json` prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from legonet.errors import RenderError

_NEEDED = {"path", "measure", "transplanted", "teacher"}


def read_figures(path: Path) -> dict[str, dict[str, Any]]:
    """The first row of each path: its measure, and the path's, the teacher's and the unadapted path's value.

    Args:
        path: The file.

    Raises:
        RenderError: It has no such rows.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8-sig"))["rows"]
        if lacking := [row for row in rows if not row.keys() >= _NEEDED]:
            raise KeyError(*lacking[:1])
        return {row["path"]: row for row in reversed(rows)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RenderError(
            f"{path}: no figures; expected what `legonet evaluate --json` prints; make it anew"
        ) from error
