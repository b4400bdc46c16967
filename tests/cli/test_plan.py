"""What `legonet plan` prints of a large network."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import pytest

import legonet
from legonet.cli.plan import show_plan
from legonet.plan.plan import Action, Plan, PlannedEdge
from legonet.plan.text import COUNTED, LISTED, listed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def plan(*groups: tuple[str, Action, int]) -> Plan:
    """So many paths of a task and an action, for each group."""
    return Plan(
        "zoo",
        tuple(
            PlannedEdge(f"{action}{number}:{task}", action, "why")
            for task, action, count in groups
            for number in range(count)
        ),
    )


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    def show(planned: Plan, *, every: bool = False) -> list[str]:
        show_plan(planned, planned if every else listed(planned), {})
        return capsys.readouterr().out.splitlines()

    return show


LARGE = plan(("a", "keep", LISTED), ("a", "native", 1), ("b", "open", 2), ("b", "refit", 1), ("c", "add", 30))


def test_what_stays_is_counted_by_task(shown: Callable[..., list[str]]) -> None:
    lines = shown(LARGE)
    assert [line.split() for line in lines[30:34]] == [
        ["+", "add29:c", "add", "why"],
        ["=", "*:a", f"{LISTED}", "keep,", "1", "native"],
        ["=", "*:b", "2", "open"],
        [],
    ]
    assert lines[34].startswith("30 to add, 1 to refit.")
    assert lines[35:] == [f"{LISTED + 3} paths stay as they are; --all lists them."]


def test_all_of_it(shown: Callable[..., list[str]]) -> None:
    lines = shown(LARGE, every=True)
    assert [line.split()[1] for line in lines[:-2]] == [edge.path for edge in LARGE]
    assert lines[-1].startswith("30 to add, 1 to refit.")


def test_a_few_are_listed(shown: Callable[..., list[str]]) -> None:
    assert len(shown(plan(("a", "keep", LISTED), ("a", "add", 9)))) == LISTED + 9 + 2


def test_many_tasks_are_counted_together(shown: Callable[..., list[str]]) -> None:
    tasks = [(f"t{number}", "keep", 1000) for number in range(COUNTED + 1)]
    assert shown(plan(*tasks)) == [  # type: ignore[arg-type]
        "=  *:*  21,000 keep",
        "",
        "Nothing to do: every adapter is as the graph file says.",
        "21,000 paths stay as they are; --all lists them.",
    ]


def test_a_tree(shown: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    show_plan(LARGE, listed(LARGE), {})
    text = terminal.getvalue()
    assert f"= *:a  {LISTED} keep, 1 native" in text
    assert text.index("~ refit0:b") < text.index("= *:b  2 open")
    assert "keep3:a" not in text


def test_a_network_without_a_path(run: Callable[..., Any], tmp_path: Path) -> None:
    path = legonet.Network("zoo", (3, 8, 8)).save(tmp_path / "graphs" / "zoo.yaml")
    assert run("plan", path).out.startswith("Nothing to do: there is no path yet;")


def test_print_lists_what_is_asked_for() -> None:
    assert len(LARGE.text(every=True).splitlines()) == len(LARGE.edges) + 2
    assert LARGE.text().splitlines()[-1].endswith("plan.text(every=True) lists them.")


def test_a_notebook_shows_it_as_a_table(graph_file: Path) -> None:
    planned = legonet.load(graph_file).plan()
    page = planned._repr_html_()
    assert all(f"<td>{edge.path}</td>" in page for edge in planned)
    assert "4x4x4 -&gt; 4x4x4" in page
    strange = Plan("<zoo>", (PlannedEdge("a:b", "open", "<script>"),))._repr_html_()
    assert "<script>" not in strange
    assert "&lt;zoo&gt;" in strange
