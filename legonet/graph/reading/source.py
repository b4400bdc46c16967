"""Reads a text file that people wrote, within limits of size and characters."""

from __future__ import annotations

import codecs
import re
import stat
from pathlib import Path

from legonet.errors import GraphError, Problem

LARGEST_FILE = 8 * 2**20

# What YAML 1.2 calls printable, without a byte order mark inside the text.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_CONFLICT = re.compile(r"^<{7} .*$", re.MULTILINE)
_CONFLICT_END = re.compile(r"^>{7} .*$", re.MULTILINE)
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


def read_source(path: str | Path, what: str = "graph file") -> str:
    """A file's text.

    Args:
        path: The file, shown in messages as it is given here.
        what: What the file should be, for messages.

    Returns:
        Its text without a byte order mark.

    Raises:
        GraphError: No such file, not a regular file, too large, not UTF-8, or with control characters.
    """
    source = str(path)
    expected = f"expected a {what}"
    try:
        state = Path(path).stat()
        if stat.S_ISDIR(state.st_mode):
            raise GraphError.of(Problem("a folder", expected, "name the file in it", source))
        if not stat.S_ISREG(state.st_mode):
            raise GraphError.of(Problem("not a regular file", expected, "copy it into a file first", source))
        if state.st_size > LARGEST_FILE:
            raise _too_large(source, state.st_size, what)
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise GraphError.of(Problem("no such file", expected, "check the path", source)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        advice = "check the path and its permissions"
        raise GraphError.of(Problem(f"cannot be read ({reason})", expected, advice, source)) from error
    return decode(data, source, what)


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
        raise _too_large(source, len(data), what)
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


def _conflict(text: str, start: int, source: str, what: str) -> GraphError:
    """The error about a file that git could not merge."""
    end = _CONFLICT_END.search(text, start)
    until = f", up to line {_after(text[: end.start()])[0]}" if end else ""
    advice = _RESOLVE.get(what, "keep what is right of both sides, and remove the lines <<<, === and >>>")
    expected = f"expected a {what} that is merged"
    return GraphError.of(Problem(f"a merge conflict{until}", expected, advice, source, *_after(text[:start])))


def _too_large(source: str, size: int, what: str) -> GraphError:
    expected = f"expected a {what} of at most {LARGEST_FILE // 2**20} MiB"
    return GraphError.of(
        Problem(f"{size / 2**20:,.1f} MiB", expected, "is this another kind of file?", source)
    )


def _after(before: str) -> tuple[int, int]:
    """Line and column of the character that follows a text."""
    before = before.replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")
