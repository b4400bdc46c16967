"""The demo's rows, and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from legonet.graph.select import split_path
from legonet.tables import columns

ORDINARY_SAMPLES = 100


@dataclass(frozen=True)
class Row:
    """One measure of one path of the grown network, on test images; all are fractions from 0 to 1.

    Attributes:
        path: `category:task`.
        measure: `error`, or for masks `pixel accuracy` or `IoU`.
        teacher: The figure of the path's teacher.
        unadapted: The figure with no adapter; None for a native path.
        ordinary: The figure of the same adapter trained by its task loss on 100 labelled images; None for a
            native path.
        transplanted: The figure of the path, which was fitted without any image.
        seconds: How long fitting the adapter took; None for a native path.
    """

    path: str
    measure: str
    teacher: float
    unadapted: float | None
    ordinary: float | None
    transplanted: float
    seconds: float | None


def write_tables(rows: Sequence[Row]) -> str:
    """Write one table for each task and measure, with the mean of the transplanted paths."""
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(f"{split_path(row.path)[1]}: {row.measure}", []).append(row)
    written = ["\n".join(_table(name, chosen)) for name, chosen in tables.items()]
    return "\n\n".join([*written, "On test images. 'native' paths need no adapter."])


def _table(name: str, rows: Sequence[Row]) -> list[str]:
    ordinary = f"ordinary, {ORDINARY_SAMPLES} images"
    head = (name, "teacher", "no adapter", ordinary, "transplanted, 0 images", "seconds")
    lines = [head, *map(_cells, rows)]
    fitted = [row for row in rows if row.seconds is not None]
    if fitted:
        mean = Row(
            f"mean of {len(fitted)} transplanted",
            rows[0].measure,
            *(
                sum(getattr(row, field) or 0.0 for row in fitted) / len(fitted)
                for field in ("teacher", "unadapted", "ordinary", "transplanted", "seconds")
            ),
        )
        lines.append(_cells(mean))
    return columns(lines, right=range(1, len(head)))


def _cells(row: Row) -> tuple[str, ...]:
    def percent(value: float | None) -> str:
        return "native" if value is None else f"{value:.1%}"

    figures = (row.teacher, row.unadapted, row.ordinary, row.transplanted)
    took = "" if row.seconds is None else f"{row.seconds:.1f}"
    return row.path, *map(percent, figures), took
