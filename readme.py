"""The README as package indices show it: they have no files beside it, and know of no repository.

Hatch calls it while wheel and sdist are built. The repository's address is `Repository` of `[project.urls]`,
else what `LEGONET_REPOSITORY` says; links to files lead there. Where there is none, nothing may lead nowhere:
links become their words, and what is between `<!-- repository -->` and `<!-- /repository -->`, such as
pictures, is left out.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")
_NEEDS_FILES = re.compile(r"<!-- repository -->\n.*?<!-- /repository -->\n\n?", re.DOTALL)


class Readme(MetadataHookInterface):
    """Sets the `readme` of the metadata, and the repository's address where it is known."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add both to the metadata."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        urls = metadata.setdefault("urls", {})
        if address := os.environ.get("LEGONET_REPOSITORY", "").rstrip("/"):
            if not address.startswith("https://"):
                raise ValueError(
                    f"LEGONET_REPOSITORY={address}: no address; expected https://HOST/OWNER/NAME"
                )
            urls.setdefault("Repository", address)
        address = urls.get("Repository")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": alone(text) if address is None else absolute(text, address, metadata["version"]),
        }


def absolute(text: str, address: str, version: str) -> str:
    """Let links to files lead to the repository, and pictures to their bytes there.

    Args:
        text: The README.
        address: The repository's.
        version: Of the release, whose tag is `v` and this.
    """

    def led(found: re.Match[str]) -> str:
        mark, words, target = found.groups()
        room = "raw" if mark else "blob"
        return f"{mark}[{words}]({address}/{room}/v{version}/{target})"

    return _LINK.sub(led, text)


def alone(text: str) -> str:
    """Let links to files be their words, and leave out pictures and what needs the files beside it."""
    return _LINK.sub(lambda found: "" if found[1] else found[2], _NEEDS_FILES.sub("", text))
