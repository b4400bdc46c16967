"""Pictures by Graphviz: the system's `dot` if there is one, else the `graphviz-pure` executable.

Both get the same positions and draw the same picture; see `legonet.render.dot`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path
from typing import Literal

from legonet.errors import LegonetWarning, RenderError
from legonet.render.dot import FONT, write
from legonet.render.layout import Drawing, lay_out
from legonet.render.text import clean
from legonet.render.view import View

DPI = 192
MAX_PIXELS = 12_000
"""Longest side of a PNG; a larger picture gets fewer dots per inch."""

TIME_LIMIT = 120.0
"""Seconds."""

_PURE = "graphviz-pure"


def svg(view: View | Drawing) -> str:
    """Draw a view as SVG.

    Raises:
        RenderError: No Graphviz, or it failed.
    """
    text = _pipe(write(view.name, lay_out(view)), "svg").decode("utf-8")
    # Graphviz names no second choice for this font. A quotation mark in a label is written &quot;.
    return text.replace(f'font-family="{FONT}"', f'font-family="{FONT}, Helvetica, sans-serif"')


def png(view: View | Drawing) -> bytes:
    """Draw a view as PNG, with fewer dots per inch where it would have more than `MAX_PIXELS` on a side.

    Args:
        view: What to draw.

    Returns:
        The file's bytes.

    Raises:
        RenderError: No Graphviz, or it failed.
    """
    layout = lay_out(view)
    left, bottom, right, top = layout.bounds
    longest = max(right - left, top - bottom, 1.0) + 24
    dpi = max(min(DPI, int(MAX_PIXELS * 72 / longest)), 8)
    return _pipe(write(view.name, layout, dpi=dpi), "png")


def pure_executable() -> str | None:
    """The `graphviz-pure` that its wheel put beside this Python's scripts, or on PATH."""
    folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    for folder in folders:
        if found := shutil.which(_PURE, path=folder):
            return found
    return shutil.which(_PURE)


def _pipe(text: str, kind: Literal["svg", "png"]) -> bytes:
    failed = ""
    if shutil.which("dot"):
        try:
            return _system(text, kind)
        except RenderError as error:
            failed = str(error)
    executable = pure_executable()
    if executable is None:
        raise RenderError(
            failed
            or "diagram: found no Graphviz; expected `dot` on PATH or graphviz-pure beside Python; "
            "run `pip install graphviz-pure`, or write .dot, .mmd"
        )
    if kind == "png" and (missing := _unprintable(text)):
        warnings.warn(
            f"PNG: {_PURE} has no glyphs for {missing} and draws boxes; write SVG or HTML, or install "
            "Graphviz",
            LegonetWarning,
            stacklevel=2,
        )
    try:
        done = subprocess.run(  # noqa: S603  (our own text, on standard input)
            [executable, f"-T{kind}"],
            input=text.encode("utf-8"),
            capture_output=True,
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RenderError(
            f"diagram: {_PURE} took more than {TIME_LIMIT:.0f} s; draw fewer paths, or write .dot or .html"
        ) from error
    except OSError as error:
        raise RenderError(
            f"{executable}: cannot be run ({error.strerror}); run `pip install --force-reinstall {_PURE}`"
        ) from error
    if done.returncode != 0 or not done.stdout:
        raise RenderError(_failure(_PURE, done.stderr))
    return done.stdout


def _system(text: str, kind: str) -> bytes:
    import graphviz

    try:
        picture = graphviz.pipe("dot", kind, text.encode("utf-8"), quiet=True)
    except graphviz.CalledProcessError as error:
        raise RenderError(_failure("dot", error.stderr)) from error
    except (graphviz.ExecutableNotFound, OSError) as error:
        raise RenderError(f"dot: cannot be run ({error}); run `pip install {_PURE}`") from error
    if not picture:
        raise RenderError(_failure("dot", b""))
    return picture


def _failure(program: str, stderr: bytes | str | None) -> str:
    said = stderr.decode("utf-8", "replace") if isinstance(stderr, bytes) else stderr or ""
    return (
        f"diagram: {program} failed: {clean(said)[:500] or 'it said nothing'}; expected a picture; "
        "write .dot to see what it was given"
    )


def _unprintable(text: str) -> str:
    """Letters that the fonts in graphviz-pure lack: all but Latin, Greek, Cyrillic, Hebrew and signs."""
    rare = sorted({c for c in text if 0x0600 <= ord(c) < 0x1E00 or ord(c) >= 0x2E80})
    return "".join(rare[:8]) + ("…" if len(rare) > 8 else "")
