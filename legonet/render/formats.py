"""The two functions of this package: draw a network in a format, and write it to a file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, overload

from legonet.errors import RenderError
from legonet.graph.atomic import write_atomically
from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.render.layout import Drawing
from legonet.render.view import DrawnEdge, DrawnPlan, Figures, View, make_view

FORMATS: dict[str, tuple[str, ...]] = {
    "svg": (".svg",),
    "png": (".png",),
    "pdf": (".pdf",),
    "dot": (".dot", ".gv"),
    "mermaid": (".mmd", ".mermaid"),
    "markdown": (".md",),
    "html": (".html", ".htm"),
}
"""Formats and the file names' endings that choose them."""

_BY_NAME = {
    **{name: name for name in FORMATS},
    **{suffix.removeprefix("."): name for name, suffixes in FORMATS.items() for suffix in suffixes},
}


@overload
def draw(
    graph: Graph | View | Drawing,
    format: Literal["png", "pdf"],
    lock: Lock | None = None,
    plan: DrawnPlan | Iterable[DrawnEdge] | None = None,
    figures: Figures | None = None,
) -> bytes: ...


@overload
def draw(
    graph: Graph | View | Drawing,
    format: Literal["svg", "dot", "mermaid", "markdown", "html"],
    lock: Lock | None = None,
    plan: DrawnPlan | Iterable[DrawnEdge] | None = None,
    figures: Figures | None = None,
) -> str: ...


@overload
def draw(
    graph: Graph | View | Drawing,
    format: str,
    lock: Lock | None = None,
    plan: DrawnPlan | Iterable[DrawnEdge] | None = None,
    figures: Figures | None = None,
) -> str | bytes: ...


def draw(
    graph: Graph | View | Drawing,
    format: str,  # noqa: A002  (the word people look for)
    lock: Lock | None = None,
    plan: DrawnPlan | Iterable[DrawnEdge] | None = None,
    figures: Figures | None = None,
) -> str | bytes:
    """Draw a network.

    Args:
        graph: The network, a view of one that `legonet.render.make_view` made, or a drawing.
        format: Svg, png, pdf, dot, mermaid, markdown or html; a file name's ending will do.
        lock: What has been built; without it nothing counts as built.
        plan: What would be built; without it the states come from graph and lock alone.
        figures: Measured values by path, such as `{"cat:classify": {"error": 0.041, "teacher": 0.017}}`,
            rates from 0 to 1.

    Returns:
        Bytes for png and pdf, text for the others. The same for the same input on the same machine.

    Raises:
        RenderError: An unknown format, or Graphviz cannot draw.
    """
    kind = _BY_NAME.get(format.lower().removeprefix("."))
    if kind is None:
        raise RenderError(f"format: found {format!r}; expected one of {', '.join(FORMATS)}; choose one")
    view = graph if isinstance(graph, View | Drawing) else make_view(graph, lock, plan, figures)
    if isinstance(view, Drawing) and kind in ("mermaid", "markdown", "html"):
        raise RenderError(
            f"format: found {format!r} for a drawing; expected svg, png, pdf or dot; choose one"
        )
    # Imported here, so that a text format needs neither Graphviz nor reportlab.
    if kind == "dot":
        from legonet.render.dot import dot

        return dot(view)
    if kind == "mermaid" and isinstance(view, View):
        from legonet.render.mermaid import mermaid

        return mermaid(view)
    if kind == "markdown" and isinstance(view, View):
        from legonet.render.mermaid import markdown

        return markdown(view)
    if kind == "html" and isinstance(view, View):
        from legonet.render.html import html

        return html(view)
    from legonet.render import graphviz

    if kind == "png":
        return graphviz.png(view)
    if kind == "pdf":
        from legonet.render.pdf import pdf

        return pdf(graphviz.svg(view), view.name)
    from legonet.render.dark import with_dark

    return with_dark(graphviz.svg(view))


def render(
    graph: Graph | View | Drawing,
    path: str | os.PathLike[str],
    lock: Lock | None = None,
    plan: DrawnPlan | Iterable[DrawnEdge] | None = None,
    figures: Figures | None = None,
) -> Path:
    """Draw a network into a file, whose ending chooses the format; the file is whole or not there.

    Args:
        graph: The network, a view of one that `legonet.render.make_view` made, or a drawing.
        path: Ends with .svg, .png, .pdf, .dot, .gv, .mmd, .mermaid, .md, .html or .htm; its folder is made if
            it is not there.
        lock: What has been built; without it nothing counts as built.
        plan: What would be built; without it the states come from graph and lock alone.
        figures: Measured values by path, such as `{"cat:classify": {"error": 0.041, "teacher": 0.017}}`,
            rates from 0 to 1.

    Returns:
        The path of the file.

    Raises:
        RenderError: An unknown ending, Graphviz cannot draw, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower().removeprefix(".") not in _BY_NAME:
        endings = ", ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)
        raise RenderError(
            f"{path}: found {f'the ending {path.suffix!r}' if path.suffix else 'no ending'}; "
            f"expected one of {endings}; the ending chooses the format"
        )
    drawn = draw(graph, path.suffix, lock, plan, figures)
    _write(path, drawn.encode("utf-8") if isinstance(drawn, str) else drawn)
    return path


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise RenderError(
            f"{path}: cannot be written ({error.strerror}); expected a folder with free space that may be "
            "written to; check both; what was there is untouched"
        ) from error
