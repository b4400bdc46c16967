"""The page that describes a server, for people: no script, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from legonet.notebook import escape
from legonet.web.guard import HEADERS

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .25rem; }
code, pre { font: .9em/1.5 ui-monospace, monospace; }
pre { padding: .75rem; overflow-x: auto; border: 1px solid gray; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .25rem 1rem .25rem 0; }
.method { font-weight: 600; }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
PAGE_HEADERS = {
    **HEADERS,
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
}


def description_page(description: Mapping[str, Any], network: Mapping[str, Any], url: str) -> str:
    """The page as HTML.

    Args:
        description: As OpenAPI says it.
        network: What is served.
        url: Where it is served, for the example.
    """
    info, secured = description["info"], "security" in description
    token = ' -H "Authorization: Bearer $TOKEN"' if secured else ""
    (predict, operations), *others = [
        (path, operation) for path, methods in description["paths"].items() for operation in methods.items()
    ]
    outputs = [
        (path, each.get("kind", ""), ", ".join(each.get("labels", each.get("names", ()))))
        for path, each in network["outputs"].items()
    ]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])}</title><style>{STYLE}</style></head><body><main>",
            f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>",
            _table(("path", "kind", "says"), outputs),
            f"<h2>Try it</h2><pre>{escape(f'curl{token} -F image=@photo.jpg {url}{predict}')}</pre>",
            f"<pre>{escape(f'curl{token} -F a=@one.png -F b=@two.png {url}{predict}?masks=true')}</pre>",
            *(_operation(path, *each) for path, each in ((predict, operations), *others)),
            f"<p>legonet {escape(info['version'])}</p></main></body></html>",
        )
    )


def _operation(path: str, method: str, said: Mapping[str, Any]) -> str:
    taken = [f"<code>{escape(each)}</code>" for each in said.get("requestBody", {}).get("content", {})]
    return "".join(
        (
            f'<h2><span class="method">{escape(method.upper())}</span> <code>{escape(path)}</code></h2>',
            f"<p>{escape(said['summary'])} {escape(said.get('description', ''))}</p>",
            f"<p>Takes {', '.join(taken)}.</p>" if taken else "",
            _table(
                ("status", "when"),
                [(status, each["description"]) for status, each in said["responses"].items()],
            ),
        )
    )


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
