"""What long calls show: bars, a notebook's bar, or lines."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from legonet import progress
from legonet.progress import Bars, Lines, Notebook, Terminal, open_bars


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """A notebook's kernel, as far as it is asked; what it shows, the newest last."""
    shown: list[dict[str, str]] = []
    handle = SimpleNamespace(update=lambda data, raw: shown.append(data))

    def display(data: dict[str, str], raw: bool, display_id: bool) -> Any:
        shown.append(data)
        return handle

    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    monkeypatch.setattr(progress, "REDRAWN", 0.0)
    monkeypatch.setattr(progress, "WORTH", 0.0)
    return shown


def work(bars: Bars) -> None:
    with bars:
        bars.line("begun")
        bars.show("cat", "cat <b> by auto", total=4, done=1, state="loss 0.5", left=90)
        bars.show("cat", done=3)
        bars.end("cat", "cat is done")


def test_nothing_is_shown_where_nothing_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    bars = open_bars(None)
    assert bars.silent
    work(bars)
    assert capsys.readouterr() == ("", "")


def test_lines_where_nothing_can_be_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    bars = open_bars("auto")
    assert isinstance(bars, Lines)
    work(bars)
    assert capsys.readouterr() == ("", "begun\ncat is done\n")
    out = io.StringIO()
    work(open_bars("auto", out))
    assert out.getvalue() == "begun\ncat is done\n"


def test_a_long_wait_is_told_what_is_done_and_how_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    work(Lines(out))
    begun, first, second, done = out.getvalue().splitlines()
    assert (begun, done) == ("begun", "cat is done")
    assert first == "cat <b> by auto, 1 of 4, loss 0.5, 90 s left"
    assert second.startswith("cat <b> by auto, 3 of 4, loss 0.5, ")
    assert second.endswith(" s left")  # at the pace since the first step
    monkeypatch.setattr(progress.time, "monotonic", lambda: 100.0)
    row = progress.Row("cat", total=10, done=1, begin=(90.0, 1))
    assert row.seconds_left is None  # what the first step took says nothing: it made ready, too
    row.done = 6
    assert row.seconds_left == pytest.approx(8)


def test_bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    bars = open_bars("auto")
    assert isinstance(bars, Terminal)
    with bars:
        bars.show("cat", "cat by auto", total=4, done=1, state="loss 0.5", left=90)
        bars._progress.refresh()
        bars.end("cat", "cat is [done]")
    out, err = capsys.readouterr()
    assert out == ""
    assert "cat by auto" in err
    assert "1 of 4, loss 0.5, 90 s left" in err
    assert "cat is [done]" in err


def test_a_bar_in_a_notebook_needs_no_widget(notebook: list[dict[str, str]]) -> None:
    bars = open_bars("auto")
    assert isinstance(bars, Notebook)
    work(bars)
    middle, end = next(each for each in notebook if "width:75%" in each["text/html"]), notebook[-1]
    assert "cat &lt;b&gt; by auto, 3 of 4, loss 0.5" in middle["text/html"]
    assert "script" not in middle["text/html"]
    assert end["text/plain"] == "begun\ncat is done"  # the bars are gone
    with open_bars("auto") as many:
        for number in range(20):
            many.line(f"line {number}")
    assert notebook[-1]["text/plain"].splitlines() == ["(8 more above)", *(f"line {n}" for n in range(8, 20))]


def test_a_short_call_leaves_nothing_in_a_notebook(
    notebook: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "WORTH", 60.0)
    with open_bars("auto") as bars:
        bars.show("images", "predicting images", total=2, done=1)
    assert notebook == []
