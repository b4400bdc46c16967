"""What a plain word of a YAML file means: the core schema of YAML 1.2.

So `no`, `on` and `2024-01-01` are text, `010` is ten, and `0o10` is eight.
"""

from __future__ import annotations

import math
import re

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER = re.compile(
    r"""(?P<int>[-+]?[0-9]+)
    | 0o(?P<octal>[0-7]+)
    | 0x(?P<hex>[0-9a-fA-F]+)
    | (?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)
    | (?P<special>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))""",
    re.VERBOSE,
)
# A cheap test that most words fail: only these can start a number.
_NUMERIC = frozenset("+-.0123456789")
MOST_DIGITS = 40

Scalar = str | int | float | bool | None


class BadNumberError(ValueError):
    """A number that no field of a graph file can hold."""


def plain(word: str) -> Scalar:
    """The value of a plain (unquoted) YAML scalar.

    Args:
        word: the scalar's text.

    Returns:
        None, a bool, an int, a finite float, or the text itself.

    Raises:
        BadNumberError: it is infinite, not a number, or too long; the message says what it is.
    """
    if word in _NULL:
        return None
    if word[0] in _NUMERIC:
        return _number(word)
    return _BOOL.get(word, word)


def _number(word: str) -> Scalar:
    match = _NUMBER.fullmatch(word)
    if match is None:
        return word
    kind, digits = match.lastgroup, match.group(match.lastgroup or 0)
    if kind == "special":
        raise BadNumberError("not a finite number")
    if len(digits) > MOST_DIGITS:
        raise BadNumberError(f"a number of {len(digits)} characters")
    if kind == "float":
        return finite(digits)
    return int(digits, {"int": 10, "octal": 8, "hex": 16}[str(kind)])


def finite(digits: str) -> float:
    """A decimal number.

    Raises:
        BadNumberError: it is too large for a 64-bit float.
    """
    value = float(digits)
    if not math.isfinite(value):
        raise BadNumberError("not a finite number")
    return value


def json_number(digits: str) -> int | float:
    """A number as JSON writes it.

    Raises:
        BadNumberError: it is too long, or too large for a 64-bit float.
    """
    if len(digits) > MOST_DIGITS:
        raise BadNumberError(f"a number of {len(digits)} characters")
    return int(digits) if digits.lstrip("-").isdecimal() else finite(digits)
