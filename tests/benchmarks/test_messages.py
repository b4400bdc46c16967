"""The list of all messages, and what each of them keeps to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.messages import Message, messages

OURS = r"(Lego|Graph|Block|Teacher|Store|Data|Distill|Plan|Select|Export|Render)\w*Error"


@pytest.fixture(scope="module")
def found() -> list[Message]:
    """Those of the package: reading it takes seconds, which is not done while tests are collected."""
    return list(messages())


def test_it_finds_what_commands_print(found: list[Message]) -> None:
    kinds = {each.kind for each in found}
    assert {"GraphError", "StoreError", "Problem", "Finding", "print", "note", "warning"} <= kinds
    assert len(found) > 400
    (one,) = [each for each in found if "standard input: names no image" in each.text]
    assert one.kind == "DataError"
    assert re.fullmatch(r"legonet/cli/images\.py:\d+", one.place)


def test_values_stand_in_braces(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        'raise DataError(f"{path}: {count:,} images" + (" too few" if few else " enough"))\n'
        'self.notes.append("a note of it")\n'
        'values.append("no message")\n'
        "def cut_short(what: str) -> DataError: ...\n"
        'raise cut_short("its last row is missing")\n'
    )
    assert list(messages(tmp_path)) == [
        Message(f"{tmp_path.name}/a.py:1", "DataError", "{path}: {count} images too few |  enough"),
        Message(f"{tmp_path.name}/a.py:2", "note", "a note of it"),
        Message(f"{tmp_path.name}/a.py:5", "cut_short", "its last row is missing"),
    ]


def test_an_error_is_idiomatic(found: list[Message]) -> None:
    """`is no chain`, `of NumPy's`: words of another language's grammar, read twice by whoever gets them."""
    odd = re.compile(r"\b(is|are) no (?!longer|such)[a-z]|NumPy's in|else than|\bof it has\b")
    there = re.compile(r"there (is|are) no |is no known")
    for each in found:
        assert not odd.search(there.sub("", each.text)), each


def test_an_error_is_in_plain_words(found: list[Message]) -> None:
    """None shows words of a traceback, ends like a sentence that follows no other, or shouts."""
    ours = [each for each in found if re.fullmatch(OURS, each.kind)]
    assert len(ours) > 300
    for each in ours:
        assert not re.search(r"NoneType|Traceback|KeyError|Input should", each.text), each
        assert "!" not in re.sub(r"\{[^{}]*\}", "", each.text), each
        assert not each.text.endswith((".", " ")), each
        assert "  " not in each.text.strip("\n"), each
