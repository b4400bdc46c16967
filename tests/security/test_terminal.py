"""Texts of strangers do nothing to a terminal, and do not fill it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

import legonet
from legonet.cli import main
from legonet.errors import LONGEST_LINE, LegonetError
from legonet.graph.lock import lock_path
from legonet.terminal import console, in_one_line, printable, printable_streams

NASTY = "a\x1b[2J\x1b]0;title\x07\rb\x9b31m\u202ec\x7f"


def is_harmless(text: str) -> bool:
    return all(each.isprintable() or each in "\n\t" for each in text)


def test_control_characters_are_shown() -> None:
    assert printable(NASTY) == r"a\x1b[2J\x1b]0;title\x07\rb\x9b31m\u202ec\x7f"
    assert printable("Füchse\t狐\n") == "Füchse\t狐\n"
    assert in_one_line("a\nb\tc") == r"a\nb\tc"


def test_every_command_writes_through_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", f"{NASTY}.yaml"]) == 1
    assert main(["teacher", "inspect", NASTY]) == 1
    assert main([NASTY]) != 0
    shown = capsys.readouterr()
    assert is_harmless(shown.out)
    assert is_harmless(shown.err)
    assert r"\x1b[2J" in shown.err


def test_a_bug_does_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError(NASTY)

    monkeypatch.setattr(legonet, "load", fail)
    assert main(["plan", "zoo.yaml"]) == 3
    assert is_harmless(capsys.readouterr().err)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rich_shows_its_own_colours_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.text import Text

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    with printable_streams():
        console().print(Text("x\x1b[2Jy", "bold"))
        print("\x1b[2J")
    assert terminal.getvalue().replace("\x1b[1m", "<").replace("\x1b[0m", ">") == "<x\\x1b[2Jy>\n\\x1b[2J\n"


def test_long_lines_keep_their_ends() -> None:
    error = LegonetError(f"zoo.yaml: {'x' * 100_000}; correct it\nzoo.yaml: short")
    first, second = str(error).split("\n")
    assert len(first) < LONGEST_LINE
    assert first.startswith("zoo.yaml: xxx")
    assert first.endswith("; correct it")
    assert "characters …" in first
    assert second == "zoo.yaml: short"


def test_a_name_with_a_newline_is_one_line(
    graph_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    image = tmp_path / "a\nb\x1b[2J.png"
    Image.new("RGB", (8, 8)).save(image)
    assert lock_path(graph_file).exists()
    assert main(["predict", str(graph_file), str(image), "--path", "cat:classify"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert r"a\nb\x1b[2J.png" in lines[0]
