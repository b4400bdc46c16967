"""DOT text of a view.

Positions are fixed and the engine is `nop2`, which draws what is given: `dot -Tsvg` on this text gives the
same picture with every Graphviz, and `dot -Kdot` lays it out anew.
"""

from __future__ import annotations

import math

from legonet.render.boxes import Box, Curve, Layout, Line
from legonet.render.layout import Drawing, lay_out
from legonet.render.view import View

# Colours that people with any colour vision tell apart (Okabe and Ito, jfly.uni-koeln.de/color), and that
# differ in shape or line as well, so that a grey print keeps its meaning.
_BLUE, _ORANGE, _GREEN, _VERMILLION = "#0072B2", "#C77F00", "#00805C", "#C04A00"
_ORANGE_BRICK = "#F2B84B"
_PALE_BLUE, _PALE_ORANGE, _PALE_GREEN = "#E3EFF8", "#FFF3DC", "#E0F2EB"
_TONE = {"ink": "#1A1A1A", "soft": "#5A5A5A", "faint": "#767676"}
_INK, _GREY, _LIGHT = "#333333", "#8A8A8A", "#ABABAB"
_ARROW = 0.55
_NEXT_LINE = '<br/><font point-size="2"> </font><br/>'
"""With a little room, or letters that reach down would touch the line below."""

FONT = "Arial"


def dot(view: View | Drawing) -> str:
    """Write a view as DOT text.

    Args:
        view: What to draw.

    Returns:
        The text; ASCII and non-ASCII labels in UTF-8.
    """
    return write(view.name, lay_out(view))


def write(name: str, layout: Layout, *, dpi: int | None = None) -> str:
    """Write a layout as DOT text; `dot` is this of a view."""
    graph = {
        "layout": "nop2",
        "rankdir": "LR",
        "outputorder": "edgesfirst",
        "splines": "true",
        "bgcolor": "white",
        "pad": "0.12",
        "fontname": FONT,
        "charset": "UTF-8",
        "tooltip": name,
    }
    if dpi is not None:
        graph["dpi"] = str(dpi)
    lines = [f"digraph {quote(name)} {{"]
    lines.append(f"  graph [{_attributes(graph)}];")
    lines.append(f'  node [shape=box, fixedsize=true, margin=0, fontname={FONT}, fontcolor="{_INK}"];')
    lines.append(f'  edge [dir=none, arrowsize={_ARROW}, fontname={FONT}, color="{_INK}"];')
    lines += [f"  {_node(box)}" for box in layout.boxes]
    lines += [f"  {_edge(curve)}" for curve in layout.curves]
    lines.append("}")
    return "\n".join(lines) + "\n"


class _Html(str):
    """An HTML-like label, which stands between < and > and not in quotes."""

    __slots__ = ()


def quote(text: str) -> str:
    """A DOT string: no quote, backslash escape or character entity of the text keeps its power."""
    return '"' + text.replace("\\", "\\\\").replace("&", "&amp;").replace('"', '\\"') + '"'


def escape_html(text: str) -> str:
    """Text inside an HTML-like label."""
    # A backslash too: Graphviz replaces \N, \G and the like in these labels before it reads them as HTML.
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace('"', "&quot;").replace("\\", "\\\\")


def _attributes(values: dict[str, str]) -> str:
    return ", ".join(
        f"{name}={value if isinstance(value, _Html) else quote(value)}" for name, value in values.items()
    )


def _label(lines: tuple[Line, ...], separator: str = _NEXT_LINE) -> dict[str, str]:
    """A plain label if that will do, since Graphviz centres it better; else an HTML-like one."""
    if not lines:
        return {"label": ""}
    if len(lines) == 1 and not lines[0].bold:
        line = lines[0]
        return {"label": line.text, "fontsize": f"{line.size:g}", "fontcolor": _TONE[line.tone]}
    written = []
    for line in lines:
        # Graphviz takes what is not in ASCII for wider than it is; it breaks no line by itself.
        text = escape_html(line.text.replace("\N{NO-BREAK SPACE}", " ")) or " "
        text = f"<b>{text}</b>" if line.bold else text
        written.append(f'<font point-size="{line.size:g}" color="{_TONE[line.tone]}">{text}</font>')
    return {"label": _Html(f"<{separator.join(written)}>")}


def style_of_box(box: Box) -> dict[str, str]:
    """What a box looks like wherever it stands: class, label, colours and tooltip."""
    values = {"class": " ".join(part for part in (box.kind, box.state) if part), **_label(box.lines)}
    return values | _node_style(box) | ({"tooltip": box.tip} if box.tip else {})


def style_of_curve(curve: Curve) -> dict[str, str]:
    """What a curve looks like wherever it runs: class, colours, label and tooltip."""
    values = {"class": " ".join(part for part in (curve.kind, curve.state) if part), **_edge_style(curve)}
    values |= {"dir": "forward"} if curve.arrow else {}
    values |= _label(curve.label, "") if curve.label else {}
    return values | ({"tooltip": curve.tip} if curve.tip else {})


def _node(box: Box) -> str:
    values = {
        "class": " ".join(part for part in (box.kind, box.state) if part),
        **_label(box.lines),
        "pos": f"{box.x:.2f},{box.y:.2f}",
        "width": f"{box.width / 72:.4f}",
        "height": f"{box.height / 72:.4f}",
        **_node_style(box),
    }
    if box.tip:
        values["tooltip"] = box.tip
    return f"{quote(box.id)} [{_attributes(values)}];"


def _node_style(box: Box) -> dict[str, str]:
    plain = box.kind == "teacher" if box.brick else box.kind == "identity"
    if plain or box.kind in ("heading", "note"):
        return {"shape": "plaintext"}
    if box.kind == "identity":
        return {"style": "filled", "color": _GREY, "fillcolor": "#EDEDED", "penwidth": "0.8"}
    if box.kind == "teacher":
        return {"style": "dashed,rounded", "color": _LIGHT, "penwidth": "0.8"}
    if box.state == "removed":
        return {"style": "dashed" if box.kind == "adapter" else "dashed,rounded", "color": _GREY}
    if box.kind == "category":
        return {"style": "filled,rounded", "color": _BLUE, "fillcolor": _PALE_BLUE, "penwidth": "1.2"}
    if box.kind == "task":
        return {"style": "filled", "color": _GREEN, "fillcolor": _PALE_GREEN, "penwidth": "1.2"}
    if box.state == "weak":  # a thick frame, which a grey print keeps
        return {"style": "filled", "color": _VERMILLION, "fillcolor": _PALE_ORANGE, "penwidth": "2.4"}
    if box.state == "built":
        fill = _ORANGE_BRICK if box.brick else _PALE_ORANGE
        return {"style": "filled", "color": _ORANGE, "fillcolor": fill, "penwidth": "1"}
    if box.state == "refit":
        return {"style": "filled,dashed", "color": _VERMILLION, "fillcolor": _PALE_ORANGE, "penwidth": "1.1"}
    style = "filled" if box.brick else "filled,dashed"
    return {"style": style, "color": _ORANGE, "fillcolor": "white", "penwidth": "1"}


def _edge(curve: Curve) -> str:
    points = list(curve.points)
    end = ""
    if curve.arrow:
        (x, y), (x_before, y_before) = points[-1], points[-2]
        length = 10 * _ARROW / max(math.hypot(x - x_before, y - y_before), 1e-9)
        points[-1] = (x - length * (x - x_before), y - length * (y - y_before))
        end = f"e,{x:.2f},{y:.2f} "
    values = {
        "class": " ".join(part for part in (curve.kind, curve.state) if part),
        "pos": end + " ".join(f"{x:.2f},{y:.2f}" for x, y in points),
        **_edge_style(curve),
    }
    if curve.arrow:
        values["dir"] = "forward"
    if curve.label:
        values.update(_label(curve.label, ""))
        values["lp"] = f"{curve.label_at[0]:.2f},{curve.label_at[1]:.2f}"
    if curve.tip:
        values["tooltip"] = curve.tip
        if curve.label:
            values["labeltooltip"] = curve.tip
    return f"{quote(curve.tail)} -> {quote(curve.head)} [{_attributes(values)}];"


def _edge_style(curve: Curve) -> dict[str, str]:
    if not curve.drawn:
        return {"style": "invis"}
    if curve.kind == "gave":
        return {"style": "dashed", "color": _LIGHT, "penwidth": "0.8"}
    if curve.state in ("open", "removed"):
        return {"style": "dotted" if curve.state == "open" else "dashed", "color": _LIGHT}
    if curve.state == "refit":
        return {"style": "dashed", "color": _VERMILLION}
    return {"style": "dashed"} if curve.state == "planned" else {}
