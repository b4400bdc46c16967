"""What notebooks show of legonet's values: HTML by itself, for light and dark pages. Needs nothing else.

Every text goes through `escape`; styles hold within the class `legonet`, and nothing is loaded or run.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

READABLE = 0.85  # of its size; a drawing is shown no smaller

_LIGHT = "--ink:#1a1a1a;--soft:#5a5a5a;--line:#e0e0e0;--bar:#0072b2;--empty:#e6e6e6;--filter:none"
_DARK = (
    "--ink:#e8e8e8;--soft:#a8a8a8;--line:#444;--bar:#56b4e9;--empty:#3a3a3a;"
    "--filter:invert(1) hue-rotate(180deg)"
)
# Pages say whether they are dark in ways of their own; where they do not, the system does.
_STYLE = f"""
.legonet{{{_LIGHT};color:var(--ink);font:13px/1.45 Helvetica,Arial,sans-serif;max-width:100%}}
@media (prefers-color-scheme:dark){{.legonet{{{_DARK}}}}}
[data-jp-theme-light="true"] .legonet,.vscode-light .legonet,html[theme="light"] .legonet{{{_LIGHT}}}
[data-jp-theme-light="false"] .legonet,.vscode-dark .legonet,html[theme="dark"] .legonet{{{_DARK}}}
.legonet p{{margin:.3em 0;color:var(--ink)}}
.legonet .title{{font-weight:600}}
.legonet .soft{{color:var(--soft)}}
.legonet .scroll{{overflow-x:auto}}
.legonet table{{border-collapse:collapse;margin:.4em 0;font-size:12.5px;color:var(--ink);border:0}}
.legonet th,.legonet td{{text-align:left;vertical-align:top;padding:.25em 1.1em .25em 0;
border:0;border-bottom:1px solid var(--line);background:none;color:var(--ink)}}
.legonet td{{min-width:4.2em}}
.legonet td:first-child{{min-width:1em}}
.legonet td:last-child{{min-width:15em}}
.legonet .n,.legonet td.n{{min-width:3em}}
.legonet th{{font-weight:600;color:var(--soft)}}
.legonet .n{{text-align:right;font-variant-numeric:tabular-nums}}
.legonet .diagram svg{{max-width:100%;height:auto;filter:var(--filter)}}
.legonet .diagram svg polygon[stroke="none"],.legonet .diagram svg polygon[stroke="transparent"]{{fill:none}}
.legonet .photos{{display:flex;flex-wrap:wrap;gap:14px}}
.legonet .photo{{width:160px;overflow-wrap:anywhere}}
.legonet img{{max-width:160px;max-height:160px;min-width:64px;image-rendering:auto;display:block;margin:0}}
.legonet .level{{white-space:nowrap}}
.legonet .bar{{display:inline-block;width:64px;height:.6em;background:var(--empty)}}
.legonet .bar>span{{display:block;height:100%;background:var(--bar)}}
.legonet pre{{margin:.3em 0;color:var(--ink);background:none;white-space:pre-wrap;font-size:12px}}
"""


def escape(text: object) -> str:
    """A text as a page shows it: nothing of it is taken for a tag."""
    return html.escape(str(text), quote=True)


def page(*parts: str) -> str:
    """Parts that are HTML already, in one block with the styles that they need."""
    return f'<div class="legonet"><style>{_STYLE}</style>{"".join(part for part in parts if part)}</div>'


def title(text: object, more: object = "") -> str:
    """A line above what is shown.

    Args:
        text: What it is.
        more: What is said of it, in a softer colour.
    """
    soft = f' <span class="soft">{escape(more)}</span>' if more else ""
    return f'<p><span class="title">{escape(text)}</span>{soft}</p>'


def table(heads: Sequence[object], rows: Iterable[Sequence[object]], right: Collection[int] = ()) -> str:
    """A table of texts, which are escaped.

    Args:
        heads: The columns' names.
        rows: Of equal length.
        right: Columns that are aligned to the right, such as numbers.
    """

    def cells(tag: str, values: Sequence[object]) -> str:
        kinds = (' class="n"' if number in right else "" for number in range(len(values)))
        marked = (f"<{tag}{kind}>{escape(each)}</{tag}>" for kind, each in zip(kinds, values, strict=True))
        return f"<tr>{''.join(marked)}</tr>"

    body = "".join(cells("td", row) for row in rows)
    head = f"<thead>{cells('th', heads)}</thead>" if any(heads) else ""
    return f'<div class="scroll"><table>{head}<tbody>{body}</tbody></table></div>' if body else ""


def text(lines: str) -> str:
    """Lines of text as they are."""
    return f"<pre>{escape(lines)}</pre>"


def diagram(svg: str) -> str:
    """A drawing that legonet made, which keeps its tooltips; it scrolls where it would be too small."""
    width = re.search(r'<svg\b[^>]*?\swidth="([\d.]+)pt"', svg)
    least = "" if width is None else f"min-width:{READABLE * float(width[1]):.0f}pt"
    sized = svg.replace("<svg", f'<svg style="{least}"', 1)
    return f'<div class="diagram scroll">{sized}</div>'


def bar(share: float) -> str:
    """A bar that is filled to a share from 0 to 1."""
    return f'<span class="bar"><span style="width:{100 * min(max(share, 0.0), 1.0):.0f}%"></span></span>'


def picture(image: Image, longest: int = 320) -> str:
    """An image, within the page itself, made smaller where it is large."""
    small = image.copy()
    small.thumbnail((longest, longest))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
