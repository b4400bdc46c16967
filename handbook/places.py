"""Where what the repository has is in the site, and links that lead there."""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath

ROOT_PAGES = {
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "CHANGELOG.md": "changelog.md",
    "README.md": "index.md",
}
"""Pages of the repository's root, where forges look for them, and their place in the site; docs/index.md is
in the README's."""

_PART = re.compile(
    r"""(?P<literal>^\ *(?P<fence>```|~~~).*?^\ *(?P=fence)|`[^`\n]+`)
    |(?P<mark>!?)\[(?P<words>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
"""What is shown as it stands, or a link."""


def relinked(text: str, source: PurePosixPath, place: str) -> str:
    """Let the links of a page lead to where their targets are in the site.

    Args:
        text: The page.
        source: Its file in the repository, to which its links are relative.
        place: Its place in the site.

    Returns:
        The page. A link to what the site does not have, such as a module of the package, becomes its text.
    """

    def turned(found: re.Match[str]) -> str:
        mark, words, target = found["mark"], found["words"], found["target"]
        if found["literal"] or re.match(r"[a-z]+:|#", target):
            return found[0]
        path, _, anchor = target.partition("#")
        inside = os.path.normpath(source.parent / path)
        there = place_of(inside)
        if there is None:
            return words if f"`{inside}`" in words or words == inside else f"{words} (`{inside}`)"
        near = os.path.relpath(there, PurePosixPath(place).parent)
        return f"{mark}[{words}]({near}{'#' + anchor if anchor else ''})"

    return _PART.sub(turned, text)


def place_of(path: str) -> str | None:
    """Where a file or folder of the repository is in the site; None if it is not there."""
    if path in ROOT_PAGES:
        return ROOT_PAGES[path]
    below = path.removeprefix("docs/")
    return None if below == path else re.sub(r"\.ipynb$", ".md", below)
