"""Lines in a style, where they go to a terminal."""

from __future__ import annotations

import sys


def show(line: str, style: str = "") -> None:
    """Print a line, on a terminal in a style of rich."""
    if not style or not sys.stdout.isatty():
        print(line)
        return
    from rich.text import Text

    from legonet.terminal import console

    console().print(Text(line, style), soft_wrap=True)
