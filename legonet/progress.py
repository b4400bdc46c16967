"""What a long call shows: bars on a terminal, a bar in a notebook, lines elsewhere. Needs no torch."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal, Self, TextIO

from legonet.terminal import console

if TYPE_CHECKING:
    from rich.progress import TaskID

Auto = Literal["auto"]

PATIENCE = 10.0  # seconds between two lines that tell how far a call is
REDRAWN = 0.2  # seconds between two drawings in a notebook
WORTH = 0.5  # seconds that a call lasts before it gets bars in a notebook, where they leave a gap behind
KEPT = 12  # lines that stay below the bars of a notebook


@dataclass
class Row:
    """How far one thing is.

    Attributes:
        doing: What is done.
        total: How much there is to do; None where that is not known.
        done: How much of it is done.
        state: What is said of it, such as the loss.
        left: How many seconds it still takes; None: as the pace until now says.
        begin: When the first of it was done, by a clock in seconds, and how much that was: what comes before
            is making ready, and says nothing of the pace.
    """

    doing: str
    total: float | None = None
    done: float = 0
    state: str = ""
    left: float | None = None
    begin: tuple[float, float] | None = None

    @property
    def seconds_left(self) -> float | None:
        """As told, else at the pace until now; None where nothing tells."""
        if self.left is not None or not self.total or self.begin is None:
            return self.left
        began, first = self.begin
        if self.done <= first:
            return None
        return (time.monotonic() - began) * (self.total - self.done) / (self.done - first)

    @property
    def text(self) -> str:
        """In one line."""
        left = self.seconds_left
        return ", ".join(
            part
            for part in (self.doing, self.count, self.state, f"{duration(left)} left" if left else "")
            if part
        )

    @property
    def count(self) -> str:
        """How much is done of how much."""
        return f"{self.done:,.0f} of {self.total:,.0f}" if self.total and self.total > 1 else ""


class Bars:
    """What is shown while it is entered. This one shows nothing."""

    silent = True

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def show(
        self,
        name: str,
        doing: str = "",
        *,
        total: float | None = None,
        done: float | None = None,
        state: str | None = None,
        left: float | None = None,
    ) -> None:
        """Tell how far something is.

        Args:
            name: Of the thing; a new one gets a row of its own.
            doing: What is done.
            total: How much there is to do.
            done: How much of it is done; default: as much as before.
            state: What is said of it; default: what was.
            left: How many seconds it still takes.
        """
        row = self.rows.setdefault(name, Row(doing))
        row.doing, row.total = doing or row.doing, total if total is not None else row.total
        row.done, row.state = row.done if done is None else done, row.state if state is None else state
        row.left = left
        if row.begin is None and row.done:
            row.begin = time.monotonic(), row.done
        self.changed(name, row)

    def end(self, name: str, line: str = "") -> None:
        """Take a row away, and say what came of it."""
        if self.rows.pop(name, None) is not None:
            self.removed(name)
        if line:
            self.line(line)

    def line(self, text: str) -> None:
        """Say something that stays."""

    def changed(self, name: str, row: Row) -> None:
        """A row is new, or says something else."""

    def removed(self, name: str) -> None:
        """A row is gone."""


class Lines(Bars):
    """Says what stays, and now and then how far it is, where nothing can be drawn.

    Args:
        stream: Where lines go; default: standard error.
    """

    silent = False

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream, self._told = stream, time.monotonic()

    def line(self, text: str) -> None:
        """Print a line."""
        print(text, file=self._stream or sys.stderr, flush=True)

    def changed(self, name: str, row: Row) -> None:
        """Print how far it is, if nothing was said for a while."""
        now = time.monotonic()
        if now - self._told >= PATIENCE:
            self._told = now
            self.line(row.text)


class Terminal(Bars):
    """Bars of rich, on standard error."""

    silent = False

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        texts = (TextColumn(f"{{task.{each}}}", markup=False) for each in ("description", "fields[more]"))
        name, more = texts
        super().__init__()
        self._console = console(stderr=True)
        self._progress = Progress(
            name,
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            more,
            console=self._console,
            redirect_stdout=sys.stdout.isatty(),  # else what goes to a file or a pipe would end up here
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def line(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(text, markup=False, soft_wrap=True)

    def changed(self, name: str, row: Row) -> None:
        """Draw the row."""
        left = row.seconds_left
        parts = (row.count, row.state, f"{duration(left)} left" if left else "")
        more = ", ".join(part for part in parts if part)
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(row.doing, total=row.total, more=more)
        task = self._tasks[name]
        self._progress.update(task, description=row.doing, total=row.total, completed=row.done, more=more)

    def removed(self, name: str) -> None:
        """Take the row away."""
        self._progress.remove_task(self._tasks.pop(name))


class Notebook(Bars):
    """Bars of plain HTML, which no extension has to draw; they are gone when all is done, lines stay."""

    silent = False

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._handle: Any = None
        self._drawn = time.monotonic() + WORTH - REDRAWN

    def __exit__(self, *exception: object) -> None:
        self.rows.clear()
        if self._handle is not None:
            self._draw()

    def line(self, text: str) -> None:
        """Add a line below the bars."""
        self._lines.append(text)
        self._draw()

    def changed(self, name: str, row: Row) -> None:
        """Draw all, but not too often."""
        if time.monotonic() - self._drawn >= REDRAWN:
            self._draw()

    def removed(self, name: str) -> None:
        """Draw all without it."""
        self.changed(name, Row(""))

    def _draw(self) -> None:
        from IPython.display import display  # pyright: ignore[reportMissingImports]

        self._drawn = time.monotonic()
        data = {"text/html": self.html(), "text/plain": "\n".join(self._said())}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)

    def _said(self) -> list[str]:
        hidden = len(self._lines) - KEPT
        more = [f"({hidden} more above)"] if hidden > 0 else []
        return [*(row.text for row in self.rows.values()), *more, *self._lines[-KEPT:]]

    def html(self) -> str:
        """The bars and what was said."""
        from legonet.notebook import bar, page, text

        rows = (
            f"<p>{bar(row.done / row.total if row.total else 0)} {escape(row.text)}</p>"
            for row in self.rows.values()
        )
        lines = self._said()[len(self.rows) :]
        return page(*rows, text("\n".join(lines)) if lines else "")


def open_bars(progress: Auto | None = "auto", stream: TextIO | None = None) -> Bars:
    """What shows a call's progress here.

    Args:
        progress: `auto`: bars on a terminal and in a notebook, lines elsewhere; None: nothing.
        stream: Where lines go; default: standard error.

    Raises:
        SelectError: Something else.
    """
    if progress is None:
        return Bars()
    if progress != "auto":
        from legonet.errors import SelectError

        raise SelectError(
            f"progress: found {progress!r}; expected 'auto', a function, or None to show nothing; choose one"
        )
    if _in_notebook():
        return Notebook()
    return Terminal() if console(stderr=True).is_terminal else Lines(stream)


def _in_notebook() -> bool:
    """Whether this is the kernel of a notebook; a shell of IPython is a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
