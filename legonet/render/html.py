"""One HTML page of a view: the picture and what is known of every path, to explore; nothing is loaded."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib import resources

from legonet.render.dark import dark_rules
from legonet.render.graphviz import svg
from legonet.render.legend import WORD
from legonet.render.view import MEANING, STATES, EdgeView, ModuleView, State, View, number, percent

_PLANNED = frozenset({"planned", "refit", "removed"})  # where a plan and what is built differ
_RATES = frozenset({"error", "teacher", "unadapted"})


def html(view: View) -> str:
    """Write a view as a page.

    Args:
        view: What to show.

    Returns:
        The page: one file, which loads nothing and runs the one script that its policy names by its hash.
        Without script it shows all the same.

    Raises:
        RenderError: Graphviz cannot draw the picture.
    """
    size = f"{_count(view.categories, 'category', 'categories')} and {_count(view.tasks, 'task', 'tasks')}"
    script = _part("page.js")
    style = f"{_part('page.css')}{dark_rules('.stage')}"
    policy = f"default-src 'none'; script-src {_hash_of(script)}; style-src {_hash_of(style)}"
    policy += "; base-uri 'none'; form-action 'none'"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f"<title>{escape(view.name)}</title>",
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        "<header>",
        f"<h1>{escape(view.name)}</h1>",
        f"<p>Transplant network of {size}; input {escape(view.input)}.</p>",
        "</header>",
        "<main>",
        *_tools(view),
        '<div class="board">',
        f'<figure class="stage">{inline(svg(view))}',
        *_ZOOM,
        "</figure>",
        '<aside class="details" aria-label="Details" aria-live="polite" hidden></aside>',
        "</div>",
        *_paths(view),
        *_modules(view),
        *_teachers(view),
        *_applications(view),
        "</main>",
        f"<script>{script}</script>",
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _part(name: str) -> str:
    return resources.files("legonet.render").joinpath(name).read_text(encoding="utf-8")


def _hash_of(text: str) -> str:
    """What a policy calls a script or a style by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_ZOOM = (
    '<div class="tools zoom" hidden>',
    '<button type="button" data-zoom="in" aria-label="Zoom in">+</button>',
    '<button type="button" data-zoom="out" aria-label="Zoom out">−</button>',
    '<button type="button" data-zoom="whole">Fit</button>',
    "</div>",
)


def _word(state: State) -> str:
    """What the drawing calls a state."""
    return WORD[state] or state


def _tools(view: View) -> list[str]:
    """What is of use with the script only, which shows it."""
    counts = Counter(edge.state for edge in view.edges)
    states = [
        f'<label title="{escape(MEANING[state])}">'
        f'<input type="checkbox" name="state" value="{state}" checked>'
        f'<span class="state {state}">{_word(state)} {counts[state]}</span></label>'
        for state in STATES
        if counts[state]
    ]
    views = (
        '<label><input type="radio" name="view" value="plan" checked>plan</label>',
        '<label><input type="radio" name="view" value="built">built</label>',
    )
    return [
        '<div class="tools" role="search" hidden>',
        '<input type="search" aria-label="Search names, states and methods" placeholder="Search">',
        f"<fieldset><legend>States</legend>{''.join(states)}</fieldset>" if len(states) > 1 else "",
        f"<fieldset><legend>Show</legend>{''.join(views)}</fieldset>" if _PLANNED & counts.keys() else "",
        '<span class="found" role="status"></span>',
        "</div>",
    ]


def _count(modules: tuple[ModuleView, ...], one: str, many: str) -> str:
    count = sum(not module.ghost for module in modules)
    return f"{count} {one if count == 1 else many}"


def inline(text: str) -> str:
    """The SVG element alone: no prolog, and nothing that a page's parser could take for a comment's end."""
    return re.sub(r"<!--.*?-->\n?", "", text[text.index("<svg") :], flags=re.DOTALL).strip()


@dataclass(frozen=True)
class _Row:
    """A row of a table; `data` is what the script knows it by."""

    data: dict[str, str]
    cells: list[str]
    named: int = 0


def _table(title: str, heads: Iterable[str], rows: list[_Row], numeric: frozenset[int]) -> list[str]:
    if not rows:
        return []

    def kind(index: int) -> str:
        return ' class="n"' if index in numeric else ""

    def line(row: _Row) -> str:
        data = "".join(f' data-{key}="{escape(value)}"' for key, value in row.data.items())
        cells = (
            f"<td{kind(index)}{' data-name' if index == row.named else ''}>{value}</td>"
            for index, value in enumerate(row.cells)
        )
        return f"<tr{data}>{''.join(cells)}</tr>"

    columns = (f'<th scope="col"{kind(index)}>{escape(head)}</th>' for index, head in enumerate(heads))
    return [
        f'<section aria-label="{escape(title)}">',
        f"<h2>{escape(title)}</h2>",
        '<div class="scroll"><table>',
        f"<thead><tr>{''.join(columns)}</tr></thead>",
        "<tbody>",
        *map(line, rows),
        "</tbody></table></div>",
        "</section>",
    ]


def _paths(view: View) -> list[str]:
    measures = sorted({name for edge in view.edges for name, _ in edge.measured}, key=_rank)
    heads = ["path", "state", "adapter", "taught by", *measures, "hash", "key"]
    rows = []
    for edge in view.edges:
        values = dict(edge.measured)
        teacher = view.teacher(edge.teacher) if edge.teacher else None
        cells = [
            escape(edge.path),
            _state(edge),
            "<br>".join(map(escape, (edge.caption or "–", *edge.ports))),
            escape(f"{teacher.number} · {teacher.name}") if teacher else "–",
            *(_value(name, values.get(name)) for name in measures),
            _hash(edge.sha256),
            _hash(edge.key),
        ]
        rows.append(_Row({"id": edge.path, "state": edge.state}, cells))
    return _table("Paths", heads, rows, frozenset(range(4, 4 + len(measures))))


def _rank(name: str) -> tuple[int, str]:
    first = ("error", "teacher", "unadapted")
    return (first.index(name) if name in first else len(first), name)


def _state(edge: EdgeView) -> str:
    said = f'<span class="state {edge.state}">{_word(edge.state)}</span>'
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
            data = {"id": f"{kind}/{module.name}"}
            rows.append(_Row(data, [*map(escape, cells), _hash(module.sha256)], named=1))
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
        data = {"id": f"teacher/{teacher.name}", "path": f"{teacher.category}:{teacher.task}"}
        rows.append(_Row(data, [*map(escape, cells)], named=1))
    heads = ["no.", "name", "path", "what", "gave", "licence", "source"]
    return _table("Teachers, in order of arrival", heads, rows, frozenset())


def _applications(view: View) -> list[str]:
    rows = [
        _Row(
            {"id": f"application/{name}", "paths": " ".join(paths)}, [escape(name), escape(", ".join(paths))]
        )
        for name, paths in view.applications
    ]
    return _table("Applications", ["name", "paths"], rows, frozenset())
