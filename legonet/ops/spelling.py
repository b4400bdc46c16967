"""How source code writes operations: `F.relu(x)`, `x.flatten(1)`, `x + y`. Importing it needs no torch.

A row's `python` is one of the words below, or a function of the arguments that gives the expression, or None
where Python has no name for such arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

FUNCTIONAL = "torch.nn.functional"
TORCH = "torch"
METHOD = "method of a tensor"
SPREAD = "method of a tensor, whose list is written as arguments"
OPERATORS = frozenset({"+", "-", "*", "/", "@", "==", "!=", ">=", ">", "<=", "<", "&", "|"})
"""Of two arguments."""


@dataclass(frozen=True)
class Given:
    """The arguments of one operation, by the names that ATen gives them.

    Attributes:
        positional: Arguments by name, in order, up to the last that is not its default.
        keywords: Arguments that ATen takes by name only.
    """

    positional: dict[str, Any]
    keywords: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.positional[name] if name in self.positional else self.keywords[name]

    def get(self, name: str, default: Any = None) -> Any:
        """An argument, or the default where it is not given."""
        return self[name] if name in self.positional or name in self.keywords else default


Write = Callable[[Any], str]
"""Writes an argument as it stands in a graph."""

Spell = Callable[[Given, Write], "str | None"]
