"""The README as package indices show it: they have no files beside it, so its links lead to the repository.

Hatch calls it while wheel and sdist are built. The repository's address is `Repository` of `[project.urls]`;
without one the README stays as it is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Readme(MetadataHookInterface):
    """Sets the `readme` of the metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README to the metadata."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        address = metadata.get("urls", {}).get("Repository")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": text if address is None else absolute(text, address, metadata["version"]),
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

    return re.sub(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)", led, text)
