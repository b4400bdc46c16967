"""Mermaid flowchart text of a view, for places that draw it themselves, such as a README on a forge."""

from __future__ import annotations

from legonet.render.view import FITTED, MEANING, EdgeView, ModuleView, State, View

_CLASSES = {
    "category": "fill:#E3EFF8,stroke:#0072B2,color:#1A1A1A",
    "task": "fill:#E0F2EB,stroke:#00805C,color:#1A1A1A",
    "adapter": "fill:#FFF3DC,stroke:#C77F00,color:#1A1A1A",
    "weak": "fill:#FFF3DC,stroke:#C04A00,stroke-width:3px,color:#1A1A1A",
    "planned": "fill:#FFFFFF,stroke:#C77F00,stroke-dasharray:4 3,color:#1A1A1A",
    "refit": "fill:#FFF3DC,stroke:#C04A00,stroke-dasharray:4 3,color:#1A1A1A",
    "removed": "fill:#FFFFFF,stroke:#8A8A8A,stroke-dasharray:4 3,color:#5A5A5A",
    "teacher": "fill:#FFFFFF,stroke:#ABABAB,stroke-dasharray:4 3,color:#5A5A5A",
}
_PLAIN = frozenset(" .,-_:()+=/")


def mermaid(view: View) -> str:
    """Write a view as a Mermaid flowchart.

    Args:
        view: What to draw.

    Returns:
        The text, left to right.
    """
    ids = _Ids(view)
    lines = ["flowchart LR", f"  accTitle: {escape(view.name)}"]
    lines += [f"  {ids.category[m.name]}([{_words(m)}]):::{_of(m, 'category')}" for m in view.categories]
    lines += [f"  {ids.task[m.name]}[{_words(m)}]:::{_of(m, 'task')}" for m in view.tasks]
    for number, edge in enumerate(view.edges, start=1):
        lines += [f"  {line}" for line in _edge(edge, f"a{number}", ids)]
    for teacher in view.teachers:
        if teacher.gave_category or teacher.gave_task:
            node = f"t{teacher.number}"
            lines.append(f'  {node}("{teacher.number} · {escape(teacher.name)}"):::teacher')
            if teacher.gave_category:
                lines.append(f"  {node} -.-> {ids.category[teacher.category]}")
            if teacher.gave_task:
                lines.append(f"  {node} -.-> {ids.task[teacher.task]}")
    lines += [f"  classDef {name} {style};" for name, style in _CLASSES.items()]
    return "\n".join(lines) + "\n"


def markdown(view: View) -> str:
    """Write a view as a Markdown block that holds the Mermaid flowchart."""
    return f"```mermaid\n{mermaid(view)}```\n"


def escape(text: str) -> str:
    """Text inside a quoted Mermaid label.

    Every ASCII character that could mean something to Mermaid, Markdown or HTML becomes a character code;
    Mermaid turns `#35;` back into the character after it has read the diagram.
    """
    return "".join(
        character
        if character.isalnum() or character in _PLAIN or ord(character) > 0x9F
        else f"#{ord(character)};"
        for character in text
    )


class _Ids:
    """Short names of nodes; Mermaid has reserved words, so no user's name is one."""

    def __init__(self, view: View) -> None:
        self.category = {module.name: f"c{n}" for n, module in enumerate(view.categories, start=1)}
        self.task = {module.name: f"k{n}" for n, module in enumerate(view.tasks, start=1)}


def _of(module: ModuleView, kind: str) -> str:
    return "removed" if module.ghost else kind


def _words(module: ModuleView) -> str:
    caption = f"<br/><small>{escape(module.caption)}</small>" if module.caption else ""
    return f'"<b>{escape(module.label)}</b>{caption}"'


def _edge(edge: EdgeView, node: str, ids: _Ids) -> list[str]:
    category, task = ids.category[edge.category], ids.task[edge.task]
    figure = edge.figure + (f" ({edge.reference})" if edge.reference else "")
    if edge.state == "open":
        return [f'{category} -.-|"{escape(MEANING["open"])}"| {task}']
    if edge.state == "native":
        said = "identity" + (f" · {figure}" if figure else "")
        return [f'{category} -->|"{escape(said)}"| {task}']
    shown: dict[State, str] = {"planned": "add", "refit": "refit", "removed": "remove"}
    shown["weak"] = f"weak {figure}".strip()
    label = shown.get(edge.state, figure)
    dotted = edge.state not in FITTED
    style = "adapter" if edge.state == "built" else edge.state
    entry, leave = ("-.-", "-.->") if dotted else ("---", "-->")
    said = f'|"{escape(label)}"|' if label else ""
    return [
        f'{node}["{"<br/>".join(map(escape, (edge.caption or "adapter", *edge.ports)))}"]:::{style}',
        f"{category} {entry} {node}",
        f"{node} {leave}{said} {task}",
    ]
