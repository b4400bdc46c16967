"""The list of all messages, and what each of them keeps to."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.messages import Message, messages

ALL = list(messages())
OURS = [
    each
    for each in ALL
    if re.fullmatch(
        r"(Lego|Graph|Block|Teacher|Store|Data|Distill|Plan|Select|Export|Render)\w*Error", each.kind
    )
]


def test_it_finds_what_commands_print() -> None:
    kinds = {each.kind for each in ALL}
    assert {"GraphError", "StoreError", "Problem", "Finding", "print", "note", "warning"} <= kinds
    assert len(ALL) > 400
    (found,) = [each for each in ALL if "standard input: names no image" in each.text]
    assert found.kind == "DataError"
    assert re.fullmatch(r"legonet/cli/images\.py:\d+", found.place)


def test_values_stand_in_braces(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        'raise DataError(f"{path}: {count:,} images" + (" too few" if few else " enough"))\n'
        'self.notes.append("a note of it")\n'
        'values.append("no message")\n'
    )
    assert list(messages(tmp_path)) == [
        Message(f"{tmp_path.name}/a.py:1", "DataError", "{path}: {count} images too few |  enough"),
        Message(f"{tmp_path.name}/a.py:2", "note", "a note of it"),
    ]


def test_an_error_is_in_plain_words() -> None:
    """None shows words of a traceback, ends like a sentence that follows no other, or shouts."""
    for each in OURS:
        assert not re.search(r"NoneType|Traceback|KeyError|Input should", each.text), each
        assert "!" not in re.sub(r"\{[^{}]*\}", "", each.text), each
        assert not each.text.endswith((".", " ")), each
        assert "  " not in each.text.strip("\n"), each
