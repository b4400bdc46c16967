from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import paper
from benchmarks.cli import main
from benchmarks.experiments import TEACHER, Trial
from benchmarks.paper import ROWS, Choice, Progress, Setting, run_paper
from benchmarks.rig import animals_rig
from benchmarks.rows import Row, read_rows
from legonet.errors import DistillError
from legonet.store.blobs import MemoryStore


class Recorded:
    """A rig that fits nothing and counts what it is asked for."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.asked: list[Trial] = []
        self.fail_at = fail_at

    def offers(self, experiment: object) -> bool:
        return True

    def surroundings(self, trial: Trial) -> str:
        return "here"

    def run(self, trial: Trial) -> Row:
        if len(self.asked) == self.fail_at:
            raise DistillError("enough")
        self.asked.append(trial)
        value = 1.0 if trial.method == TEACHER else 2.0 + trial.seed
        return Row(trial.key("here"), trial, {"error": value})


CHOICE = Choice(("1",), seeds=2, only="closed form alone")


def test_what_is_done_is_not_done_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stopped, resumed = Recorded(fail_at=3), Recorded()
    monkeypatch.setattr(Setting, "open", lambda self: stopped)
    with pytest.raises(DistillError):
        run_paper(Setting(), CHOICE, tmp_path)
    assert len(read_rows(tmp_path / ROWS)) == 3
    monkeypatch.setattr(Setting, "open", lambda self: resumed)
    seen: list[Progress] = []
    rows = run_paper(Setting(), CHOICE, tmp_path, progress=seen.append)
    labels = [
        "teacher",
        "no adapter",
        *["one 3x3, closed form alone, 0 images", "three 3x3, closed form alone, 0 images"] * 2,
    ]
    assert [row.trial.label for row in rows] == [f"experiment 1, {label}" for label in labels]
    assert resumed.asked == [row.trial for row in rows[3:]]
    assert [(each.done, each.trials) for each in seen] == [(4, 6), (5, 6), (6, 6)]
    assert run_paper(Setting(), CHOICE, tmp_path) == rows


def test_processes_side_by_side_give_the_rows_of_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    choice = Choice(("2",), seeds=1, only="closed form alone")
    few = [trial for trial in paper.trials(["2"], 1, only="closed form alone") if trial.category == "cat"]
    monkeypatch.setattr(paper, "chosen_trials", lambda rig, choice: few)
    setting = Setting("validation")
    together = run_paper(setting, choice, tmp_path / "two", jobs=2)
    alone = run_paper(setting, choice, tmp_path / "one")
    assert [row.measures for row in together] == [row.measures for row in alone]
    assert [row.key for row in together] == [row.key for row in alone]
    errors = {row.trial.label: row.error for row in alone}
    assert errors["experiment 2, teacher"] < 5 < 25 < errors["experiment 2, no adapter"]
    assert errors["experiment 2, one 3x3, closed form alone, 0 images"] < 25


def test_the_command_prints_the_targets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Setting, "open", lambda self: Recorded())
    arguments = [
        "paper",
        "--seeds",
        "2",
        "--jobs",
        "1",
        "--experiment",
        "1",
        "--results",
        str(tmp_path),
    ]
    assert main([*arguments, "--json"]) == 0
    rows = {row["measure"]: row for row in json.loads(capsys.readouterr().out)}
    found = rows["Experiment 1, one 3x3, 0 images: above the teacher"]
    assert (found["value"], found["unit"], found["target"], found["met"]) == (1.5, "points", 0.3, False)
    assert found["spread"] == pytest.approx(0.5**0.5)
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "Experiment 1, three 3x3, 0 images: above the teacher" in printed
    assert "1.5 ± 0.71  points  at most 0.3  not met" in printed


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--split", "train"], "--split train: no such split; expected validation or test"),
        (["--experiment", "4"], "--experiment 4: no such experiment; expected one of 1, 2, 3, bases"),
    ],
)
def test_refusals(option: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paper", *option]) == 1
    assert message in capsys.readouterr().err


def test_the_animals_offer_the_first_two_experiments() -> None:
    rig = animals_rig("validation")
    assert {"1", "2"} <= {trial.experiment for trial in paper.chosen_trials(rig, Choice(seeds=1))}
    assert isinstance(rig.network.store, MemoryStore)  # nothing is written beside the shipped graph
