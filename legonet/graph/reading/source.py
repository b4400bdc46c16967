"""Reads a text file that people wrote, within limits of size and characters."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace
from pathlib import Path

from legonet import foreign
from legonet.errors import GraphError, Problem

LARGEST_FILE = foreign.GRAPH.largest or 0  # bytes

# What YAML 1.2 calls printable, without a byte order mark inside the text.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_CONFLICT = re.compile(r"^<{7} .*$", re.MULTILINE)
_CONFLICT_END = re.compile(r"^>{7} .*$", re.MULTILINE)
_KEEP = "keep what is right of both sides, and remove the lines <<<, === and >>>"
_RESOLVE = {
    "lock file": "take either side whole (git checkout --ours FILE, or --theirs), then run `legonet plan`",
    "plan file": "make the plan again",
}
_OTHER_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def read_source(path: str | Path, what: str = "graph file", *, follow: bool = True) -> str:
    """A file's text.

    Args:
        path: The file, shown in messages as it is given here.
        what: What the file should be, for messages.
        follow: A link is followed: the user named it.

    Returns:
        Its text without a byte order mark.

    Raises:
        GraphError: No such file, not a regular file, too large, not UTF-8, or with control characters.
    """
    return decode(foreign.read(path, replace(foreign.GRAPH, what=what), follow=follow), str(path), what)


def read_exactly(path: str | Path) -> str:
    """All characters of a graph file that is to be edited: its byte order mark and its line ends too.

    Raises:
        GraphError: As of `read_source`.
    """
    data = foreign.read(path, foreign.GRAPH)
    decode(data, str(path))
    return data.decode("utf-8")


def decode(data: str | bytes, source: str, what: str = "graph file", limit: int = LARGEST_FILE) -> str:
    """Text from bytes: UTF-8, no control characters, no conflict of a merge, not too large.

    Args:
        data: A file's bytes, or text that is only checked.
        source: The file's name for messages.
        what: What the file should be, for messages.
        limit: The largest size.

    Returns:
        The text without a byte order mark.

    Raises:
        GraphError: It breaks one of those rules.
    """
    if len(data) > limit:
        raise foreign.too_large(replace(foreign.GRAPH, what=what), source, len(data))
    if isinstance(data, bytes):
        for mark, encoding in _OTHER_ENCODINGS:
            if data.startswith(mark):
                parts = (f"{encoding} text", "expected UTF-8", "save the file as UTF-8")
                raise GraphError.of(Problem(*parts, source, 1, 1))
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            before = data[: error.start].decode("utf-8")
            found = f"byte 0x{data[error.start]:02x} is not UTF-8"
            parts = (found, "expected UTF-8 text", "save the file as UTF-8")
            raise GraphError.of(Problem(*parts, source, *_after(before))) from None
    else:
        text = data
    text = text.removeprefix("\ufeff")
    if conflict := _CONFLICT.search(text):
        raise _conflict(text, conflict.start(), source, what)
    if bad := _FORBIDDEN.search(text):
        name = "a byte order mark inside the text," if bad.group() == "\ufeff" else "control character"
        parts = (f"{name} U+{ord(bad.group()):04X}", "expected printable text", "remove it")
        raise GraphError.of(Problem(*parts, source, *_after(text[: bad.start()])))
    return text


def conflict_in(data: bytes, source: str, what: str) -> GraphError | None:
    """The error about bytes, too many to be decoded for it, that git could not merge, if they are such.

    Args:
        data: The file's bytes.
        source: The file's name for messages.
        what: What the file should be.
    """
    mark = b"<<<<<<< "
    start = 0 if data.startswith(mark) else data.find(b"\n" + mark) + 1
    if not data.startswith(mark, start):
        return None
    advice = _RESOLVE.get(what, _KEEP)
    expected = f"expected a {what} that is merged"
    line = data.count(b"\n", 0, start) + 1
    return GraphError.of(Problem("a merge conflict", expected, advice, source, line, 1))


def _conflict(text: str, start: int, source: str, what: str) -> GraphError:
    """The error about a file that git could not merge."""
    end = _CONFLICT_END.search(text, start)
    until = f", up to line {_after(text[: end.start()])[0]}" if end else ""
    advice = _RESOLVE.get(what, _KEEP)
    expected = f"expected a {what} that is merged"
    return GraphError.of(Problem(f"a merge conflict{until}", expected, advice, source, *_after(text[:start])))


def _after(before: str) -> tuple[int, int]:
    """Line and column of the character that follows a text."""
    before = before.replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")
