"""One HTML page of a view: the picture and what is known of every path; nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from legonet.render.graphviz import svg
from legonet.render.view import MEANING, EdgeView, ModuleView, View, number, percent

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 Helvetica, Arial, sans-serif; color: #1a1a1a; background: #fff;
  margin: 2.5rem auto; max-width: 72rem; padding: 0 1.5rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2.2rem 0 .4rem; }
p { margin: .2rem 0; color: #5a5a5a; }
figure { margin: 1.5rem 0; overflow-x: auto; } figure svg { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th { text-align: left; font-weight: 600; color: #5a5a5a; border-bottom: 1.5px solid #1a1a1a; }
th, td { padding: .3rem .9rem .3rem 0; vertical-align: top; }
td { border-bottom: 1px solid #e4e4e4; } td.n, th.n { text-align: right; }
code { font: .85em Menlo, Consolas, monospace; color: #5a5a5a; }
.state { white-space: nowrap; } .why { color: #5a5a5a; }
.state::before { content: ""; display: inline-block; width: .65em; height: .65em; margin-right: .45em;
  border: 1.5px solid #8a8a8a; }
.built::before { background: #f2b84b; border-color: #c77f00; }
.planned::before { border: 1.5px dashed #c77f00; }
.refit::before { background: #fff3dc; border: 1.5px dashed #c04a00; } .native::before { background: #ededed; }
.weak::before { background: #f2b84b; border: 3px double #c04a00; }
.open::before { border: 1.5px dotted #8a8a8a; } .removed::before { border: 1.5px dashed #8a8a8a; }
"""
_RATES = frozenset({"error", "teacher", "unadapted"})


def html(view: View) -> str:
    """Write a view as a page.

    Args:
        view: What to show.

    Returns:
        The page; no script, no external resource.

    Raises:
        RenderError: Graphviz cannot draw the picture.
    """
    size = f"{_count(view.categories, 'category', 'categories')} and {_count(view.tasks, 'task', 'tasks')}"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">",
        f"<title>{escape(view.name)}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        f"<h1>{escape(view.name)}</h1>",
        f"<p>Transplant network of {size}; input {escape(view.input)}.</p>",
        f"<figure>{inline(svg(view))}</figure>",
        *_paths(view),
        *_modules(view),
        *_teachers(view),
        *_applications(view),
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _count(modules: tuple[ModuleView, ...], one: str, many: str) -> str:
    count = sum(not module.ghost for module in modules)
    return f"{count} {one if count == 1 else many}"


def inline(text: str) -> str:
    """The SVG element alone: no prolog, and nothing that a page's parser could take for a comment's end."""
    return re.sub(r"<!--.*?-->\n?", "", text[text.index("<svg") :], flags=re.DOTALL).strip()


def _table(title: str, heads: Iterable[str], rows: list[list[str]], numeric: frozenset[int]) -> list[str]:
    if not rows:
        return []

    def cells(tag: str, values: list[str]) -> str:
        kinds = (' class="n"' if index in numeric else "" for index in range(len(values)))
        marked = (f"<{tag}{kind}>{value}</{tag}>" for kind, value in zip(kinds, values, strict=True))
        return f"<tr>{''.join(marked)}</tr>"

    return [
        f"<h2>{escape(title)}</h2>",
        '<div class="scroll"><table>',
        f"<thead>{cells('th', [escape(head) for head in heads])}</thead>",
        "<tbody>",
        *(cells("td", row) for row in rows),
        "</tbody></table></div>",
    ]


def _paths(view: View) -> list[str]:
    measures = sorted({name for edge in view.edges for name, _ in edge.measured}, key=_rank)
    heads = ["path", "state", "adapter", "taught by", *measures, "hash", "key"]
    rows = []
    for edge in view.edges:
        values = dict(edge.measured)
        teacher = view.teacher(edge.teacher) if edge.teacher else None
        rows.append(
            [
                escape(edge.path),
                _state(edge),
                "<br>".join(map(escape, (edge.caption or "–", *edge.ports))),
                escape(f"{teacher.number} · {teacher.name}") if teacher else "–",
                *(_value(name, values.get(name)) for name in measures),
                _hash(edge.sha256),
                _hash(edge.key),
            ]
        )
    return _table("Paths", heads, rows, frozenset(range(4, 4 + len(measures))))


def _rank(name: str) -> tuple[int, str]:
    first = ("error", "teacher", "unadapted")
    return (first.index(name) if name in first else len(first), name)


def _state(edge: EdgeView) -> str:
    said = f'<span class="state {edge.state}">{edge.state}</span>'
    return f'{said}<br><span class="why">{escape(edge.reason or MEANING[edge.state])}</span>'


def _value(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return escape(percent(value) if name in _RATES else number(value))


def _hash(sha256: str | None) -> str:
    return f'<code title="{escape(sha256)}">{escape(sha256[:12])}</code>' if sha256 else "–"


def _modules(view: View) -> list[str]:
    rows = []
    for kind, modules in (("category", view.categories), ("task", view.tasks)):
        for module in modules:
            giver = f"{module.teacher} · {view.teacher(module.teacher).name}" if module.teacher else "–"
            label = module.name if module.label == module.name else f"{module.name} ({module.label})"
            cells = (kind, label, module.caption or "–", giver)
            rows.append([*map(escape, cells), _hash(module.sha256)])
    return _table("Modules", ["kind", "name", "what", "given by", "hash"], rows, frozenset())


def _teachers(view: View) -> list[str]:
    rows = []
    for teacher in view.teachers:
        gave = [teacher.category] * teacher.gave_category + [teacher.task] * teacher.gave_task
        cells = (
            str(teacher.number),
            teacher.name,
            f"{teacher.category}:{teacher.task}",
            teacher.caption,
            ", ".join(gave) or "–",
            teacher.licence or "–",
            teacher.source or "–",
        )
        rows.append([*map(escape, cells)])
    heads = ["", "name", "path", "what", "gave", "licence", "source"]
    return _table("Teachers, in order of arrival", heads, rows, frozenset())


def _applications(view: View) -> list[str]:
    rows = [[escape(name), escape(", ".join(paths))] for name, paths in view.applications]
    return _table("Applications", ["name", "paths"], rows, frozenset())
