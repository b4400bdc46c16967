"""What a long command shows: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import ProgressColumn


class Display:
    """Bars on standard error while it is entered.

    Args:
        quiet: Show nothing.
        columns: Of each bar.
    """

    def __init__(self, quiet: bool, *columns: ProgressColumn) -> None:
        from rich.progress import Progress

        from legonet.terminal import console

        shown = console(stderr=True)
        self._lines = not quiet and not shown.is_terminal
        self._bars = Progress(
            *columns,
            console=shown,
            redirect_stdout=sys.stdout.isatty(),  # else what goes to a file or a pipe would end up here
            disable=quiet or not shown.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()
