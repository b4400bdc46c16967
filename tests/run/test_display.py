"""What a run shows of itself in Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from torch import Tensor

import legonet
from legonet.errors import LegonetWarning
from legonet.plan.quality import in_words
from legonet.progress import Bars
from legonet.run.display import RunDisplay
from legonet.run.executors.base import Outcome
from legonet.run.executors.inline import InlineExecutor
from legonet.run.options import RunOptions
from legonet.run.runner import Progress


class Noted(Bars):
    """Notes what it is told."""

    silent = False

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.texts: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def changed(self, name: str, row: object) -> None:
        self.texts.append(row.text)  # type: ignore[attr-defined]


def test_by_default_it_says_what_it_does(
    network: legonet.Network, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("legonet.progress.PATIENCE", float("inf"))  # however slow the machine is
    network.transplant()
    out, err = capsys.readouterr()
    first, *jobs = err.splitlines()
    assert (out, first) == ("", "fitting 2 adapters")
    assert all(re.match(r"\[\d/2\] \w+:classify: .*residual [\d.e-]+", line) for line in jobs)
    assert len(jobs) == 2
    network.transplant()
    assert capsys.readouterr() == ("", "")  # there is nothing to do


def test_none_is_silent(network: legonet.Network, capsys: pytest.CaptureFixture[str]) -> None:
    network.transplant(progress=None)
    assert capsys.readouterr() == ("", "")


def test_time_left_is_known_where_jobs_have_costs(
    network: legonet.Network, images: Tensor, tmp_path: Path
) -> None:
    network.save(tmp_path / "zoo.yaml")  # what jobs took is noted beside it
    samples = {f"{category}:classify": (images, None) for category in ("dog", "cow")}
    for seed in range(2):
        for path in samples:
            adapter = {"seed": seed, "method": {"name": "jacobian", "steps": 4}}
            network.connect(path.partition(":")[0], "classify", adapter)
        seen: list[Progress] = []
        network.transplant(samples, progress=seen.append)
    left = [each.left for each in seen]
    assert None not in left
    assert left[0] > left[-1] == 0  # type: ignore[operator]
    assert {each.method for each in seen} == {"jacobian"}


def test_rows_say_what_is_done_and_how_far_it_is() -> None:
    bars = Noted()
    show = RunDisplay(bars)
    job = {"path": "cat:classify", "index": 0, "jobs": 3, "method": "jacobian"}
    show(Progress(**job, state="started", left=120.0))
    show(Progress(**job, state="step", step=5, steps=10, loss=0.25, left=60.0))
    show(Progress(**job, state="failed", message="a reason", left=60.0))
    show(Progress("", "waiting", message="another run is at work"))
    assert bars.lines == [
        "fitting 3 adapters, about 2 min",
        "[1/3] cat:classify: failed: a reason",
        "another run is at work",
    ]
    assert bars.texts[0] == "cat:classify by jacobian"
    assert bars.texts[1] == "adapters, 0 of 3, 2 min left"
    assert bars.texts[2] == "cat:classify by jacobian, 5 of 10, loss 0.25"
    assert bars.texts[-1] == "adapters, 1 of 3, 60 s left"


def test_one_job_says_what_it_does_and_for_how_long(network: legonet.Network) -> None:
    bars, seen = Noted(), list[Progress]()
    show = RunDisplay(bars)
    job = {"path": "cat:classify", "jobs": 1, "method": "auto"}
    show(Progress(**job, state="step", doing="closed form, 32 of 128 draws", left=60.0))
    assert bars.texts == ["cat:classify by auto: closed form, 32 of 128 draws, 60 s left"]
    network.transplant(progress=seen.append)
    assert next(each.doing for each in seen if each.doing) == "closed form, 0 of 4 draws"


def test_what_is_to_be_expected_is_said_in_words() -> None:
    quality = {"residual": 0.25, "agreement": 0.987, "agreement from": 0.968, "agreement to": 0.995}
    said = "decides as its teacher on about 99% of images (97% to 100%), residual 0.25"
    assert in_words(quality) == said
    assert in_words({"residual": 0.25}) == "residual 0.25"
    assert in_words({}) == ""


class Failing(InlineExecutor):
    """Fits nothing."""

    def _do(self, job, samples, listen):  # type: ignore[no-untyped-def]
        return Outcome(job.path, error=legonet.errors.DistillError(f"{job.path}: no luck"))


def test_a_failure_that_a_run_went_past_is_warned_of(network: legonet.Network) -> None:
    with pytest.warns(LegonetWarning, match="no luck") as told:
        result = network.transplant(progress=None, options=RunOptions(keep_going=True), executor=Failing())
    assert len(told) == len(result.failed) == 2
    assert str(result).splitlines()[0] == repr(result) == "<Run: 0 fitted, 0 kept, 0 open, 2 failed>"
    assert "failed: dog:classify: no luck" in str(result).splitlines()
