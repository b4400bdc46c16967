"""What trials measured: rows, and the file that they are kept in. Needs no torch."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

from benchmarks.experiments import Count, Trial
from legonet.errors import DataError


@dataclass(frozen=True)
class Row:
    """One trial's result.

    Attributes:
        key: of the trial on what it was measured on.
        trial: what was fitted.
        measures: in percent: `error`, or for masks `pixel error` and `IoU`.
        quality: what the method itself reports.
        seconds: that fitting took, of one thread of the processor, or by the clock on an accelerator.
        notes: of the method, such as what it chose.
    """

    key: str
    trial: Trial
    measures: dict[str, float]
    quality: dict[str, float] = field(default_factory=dict)
    seconds: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def error(self) -> float:
        """The measure that is compared: `error`, or `pixel error`."""
        return next(value for name, value in self.measures.items() if name.endswith("error"))


def append_row(path: Path, row: Row) -> None:
    """Add a row to a file of JSON lines, in place of a last line that was half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(json.dumps(asdict(row), sort_keys=True).encode() + b"\n")


def read_rows(path: Path) -> list[Row]:
    """The rows of a file, as they were written; none if there is no file.

    A last line that a stopped run left half written is passed over.

    Raises:
        DataError: the file holds something else.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            data = json.loads(line)
            rows.append(Row(**{**data, "trial": Trial(**data["trial"])}))
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"{path}:{number}: not a row of a bench ({error}); expected what `python -m benchmarks "
                "paper` wrote; choose another folder, or delete the line"
            ) from error
    return rows


@dataclass(frozen=True)
class Summary:
    """One cell of a table: what all categories and seeds of a trial say together.

    Attributes:
        experiment: its name.
        adapter: its name; empty for the references.
        method: as in the trial.
        images: as in the trial.
        random_f: as in the trial.
        mean: of the error over categories and seeds, in percent.
        spread: standard deviation over the seeds of the categories' mean; None for one seed.
        categories: mean error over the seeds, by category.
        measures: means of all measures.
        seconds: mean per adapter.
        seeds: how many seeds have all categories.
    """

    experiment: str
    adapter: str
    method: str
    images: Count
    random_f: bool
    mean: float
    spread: float | None
    categories: dict[str, float]
    measures: dict[str, float]
    seconds: float | None
    seeds: int


def summarise(rows: Iterable[Row]) -> list[Summary]:
    """Put together the rows that differ only in seed and category, in the order of first appearance.

    Seeds that lack a category, which a stopped run leaves, are left out as long as there is a whole one.
    """
    rows = list(rows)
    order = {group: index for index, group in enumerate(dict.fromkeys(map(_group, rows)))}
    ordered = sorted(rows, key=lambda row: (order[_group(row)], row.trial.seed, row.trial.category))
    return [_summary(list(group)) for _, group in groupby(ordered, key=_group)]


def _group(row: Row) -> tuple[str, str, str, Count, bool]:
    trial = row.trial
    return trial.experiment, trial.adapter, trial.method, trial.images, trial.random_f


def _summary(rows: list[Row]) -> Summary:
    categories = sorted({row.trial.category for row in rows})
    by_seed = {seed: list(group) for seed, group in groupby(rows, key=lambda row: row.trial.seed)}
    groups = list(by_seed.values())
    whole = [group for group in groups if len(group) == len(categories)] or groups
    used = [row for group in whole for row in group]
    means = [statistics.fmean(row.error for row in group) for group in whole]
    timed = [row.seconds for row in used if row.seconds is not None]
    return Summary(
        *_group(rows[0]),
        mean=statistics.fmean(means),
        spread=statistics.stdev(means) if len(means) > 1 else None,
        categories={
            name: statistics.fmean(row.error for row in used if row.trial.category == name)
            for name in categories
        },
        measures={name: statistics.fmean(row.measures[name] for row in used) for name in rows[0].measures},
        seconds=statistics.fmean(timed) if timed else None,
        seeds=len(whole),
    )
