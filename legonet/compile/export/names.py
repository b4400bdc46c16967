"""Python names for the names of other people's models."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

from legonet.compile.program import fresh


class Names:
    """Python names for any text, each once, none of those that are taken.

    Args:
        taken: Names that are not given out.
        between: Stands before the number of a second module of the same name.
    """

    def __init__(self, taken: Iterable[str], between: str = "_") -> None:
        self._taken, self._between = set(taken), between

    def __call__(self, text: str) -> str:
        """A name that has not been given out."""
        name = re.sub(r"\W+", "_", text, flags=re.ASCII)
        name = name if name.strip("_") else "unnamed"
        name = re.sub("^__+", "_", name)  # two of them would mean something else within a class
        name = f"_{name}" if not name.isidentifier() or keyword.iskeyword(name) else name
        found = fresh(name, self._taken, self._between)
        self._taken.add(found)
        return found


def class_name(path: str) -> str:
    """A name for the class of a module: `SelfAttention`, or `LayerBlock` for `layer1.0`.

    Args:
        path: The place of the module in its model.
    """
    parts = path.split(".")
    named = [found for part in parts if (found := _camel(part))]
    if not named:
        return "Block"
    last = named[-1]
    is_numbered = not _camel(parts[-1])
    return f"{last}Block" if is_numbered and not last.endswith("Block") else last


def _camel(part: str) -> str:
    """Letters and digits only, without the number at the end."""
    words = re.findall(r"[A-Za-z0-9]+", re.sub(r"[\d_]+$", "", part))
    found = "".join(word[0].upper() + word[1:] for word in words)
    return "" if found[:1].isdigit() else found


def comment(text: str) -> str:
    """Text for a comment or docstring, without what could end it."""
    return re.sub(r"[^\w.,:+@ -]", "_", text)
