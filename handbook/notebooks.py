"""The notebooks as pages: words, code, and what the code showed when it was run."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

from handbook.places import relinked

FOLDER = "docs/notebooks"


def pages(root: Path) -> dict[str, str]:
    """Make a page of each notebook."""
    made = {}
    for file in sorted((root / FOLDER).glob("*.ipynb")):
        source = PurePosixPath(file.relative_to(root).as_posix())
        place = f"notebooks/{file.stem}.md"
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join(part for cell in cells for part in _parts(cell))
        made[place] = relinked(text, source, place) + (
            f"\n\n---\n\nThis page is the notebook `{source}`, run from top to bottom by the tests.\n"
        )
    return made


def _parts(cell: dict[str, Any]) -> list[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return [source]
    shown = [_shown(each) for each in cell["outputs"]]
    return [f"```python\n{source}\n```", *(each for each in shown if each)]


def _shown(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return f"```text\n{''.join(output['text']).rstrip()}\n```"
    data = output.get("data", {})
    if "text/html" in data:  # a blank line would end the HTML for Markdown
        html = re.sub(r"\n\s*\n", "\n", "".join(data["text/html"]))
        return f'<div class="shown">\n{html}\n</div>'
    return f"```text\n{''.join(data['text/plain']).rstrip()}\n```" if "text/plain" in data else ""
