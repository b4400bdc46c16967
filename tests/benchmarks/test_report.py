from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from benchmarks import report
from benchmarks.cli import main
from benchmarks.experiments import EXPERIMENTS, NOTHING, TEACHER, UNADAPTED, Trial
from benchmarks.hidden import hidden_components, last_hidden, shown_trials
from benchmarks.paper import ROWS, Choice, Setting, chosen_trials
from benchmarks.rig import AnimalPictures, Rig, animals_rig
from benchmarks.rows import Row, append_row
from benchmarks.speed import SPEED
from benchmarks.targets import at_least

ERRORS = {TEACHER: 1.0, UNADAPTED: 30.0, NOTHING: 15.0, "ordinary": 12.0}


class Known:
    """A rig whose results are known beforehand."""

    pictures = AnimalPictures()

    def offers(self, experiment: object) -> bool:
        return True

    def surroundings(self, trial: Trial) -> str:
        return "here"


def known_row(trial: Trial) -> Row:
    error = ERRORS.get(trial.method, 4.0) + trial.seed + (40.0 if trial.random_f else 0.0)
    mask = EXPERIMENTS[trial.experiment].task == "mask"
    found = {"pixel error": error, "IoU": 70.0} if mask else {"error": error}
    return Row(trial.key("here"), trial, found, {}, None if trial.spec is None else 2.5)


def known(patch: pytest.MonkeyPatch) -> None:
    """Report of such a rig."""
    patch.setattr(Setting, "open", lambda self: Known())
    points = {"teacher": np.arange(8.0).reshape(4, 2)}
    patch.setattr(report, "hidden_components", lambda rig: (points, np.array([0, 1, 0, 1])))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with known `results`, and the `docs` that were written of them; tests take copies."""
    folder = tmp_path_factory.mktemp("report")
    for trial in chosen_trials(Known(), Choice(("2", "3"), seeds=2)):  # type: ignore[arg-type]
        append_row(folder / "results" / ROWS, known_row(trial))
    with pytest.MonkeyPatch.context() as patch:
        known(patch)
        write(folder / "results", folder / "docs")
    return folder


@pytest.fixture
def results(written: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    known(monkeypatch)
    return Path(shutil.copytree(written / "results", tmp_path / "results"))


@pytest.fixture
def docs(written: Path, tmp_path: Path) -> Path:
    """Where these results have been reported."""
    return Path(shutil.copytree(written / "docs", tmp_path / "docs"))


def write(results: Path, docs: Path) -> str:
    assert main(["report", "--results", str(results), "-o", str(docs), "--seeds", "2"]) == 0
    return (docs / "benchmarks.md").read_text()


def test_a_page_with_tables_and_plots(docs: Path) -> None:
    page = (docs / "benchmarks.md").read_text()
    assert "python -m benchmarks paper --seeds 2 --split test --experiment 2 --experiment 3\n" in page
    assert "## Experiment 2: classification through the dog's task module" in page
    assert "Experiment 1" not in page
    assert "Error in percent; teacher 1.0 %, no adapter 30.0 %." in page
    assert "Pixel error in percent; teacher 1.0 %, no adapter 30.0 %, background everywhere 15.0 %." in page
    assert "| ordinary |  | 12.5 ± 0.7 | 12.5 ± 0.7 | 12.5 ± 0.7 | 12.5 ± 0.7 |  | 2.5 to 2.5 |" in page
    assert "IoU in percent" in page
    assert " (2)" not in page
    assert all(len(line) <= 110 for line in page.splitlines() if not line.startswith(("|", "!", "#")))
    for picture in ("experiment-2", "experiment-3", "hidden"):
        assert (docs / "benchmarks" / f"{picture}.svg").read_bytes().startswith(b"<?xml")
        assert f"benchmarks/{picture}.svg" in page
    data = json.loads((docs / "results" / "paper.json").read_text())
    teachers = [row for row in data["rows"] if row["method"] == TEACHER]
    assert [(row["experiment"], row["mean"]) for row in teachers] == [("2", 1.0), ("3", 1.0)]
    assert data["images"] == "animals, test"


def test_figures_of_other_benches_are_there(results: Path, docs: Path) -> None:
    assert "## Other models" not in (docs / "benchmarks.md").read_text()
    edge = {"path": "horse:classify", "below": "vgg", "teacher": 0.02, "seconds": 9.0}
    edge |= {"ordinary": [0.2], "transplanted": [0.125]}
    (docs / "results" / "photos.json").write_text(json.dumps({"edges": [edge]}))
    page = write(results, docs)
    assert "more in [photos.md](photos.md)" in page
    assert "| horse:classify | vgg | 2.0 | shapes differ | 20.0 | 12.5 | 9 |" in page
    assert "models.md" not in page


def test_a_run_that_was_stopped_has_a_page_of_what_is_there(results: Path, tmp_path: Path) -> None:
    lines = (results / ROWS).read_text().splitlines(keepends=True)
    kept = [each for each in lines if '"category": "cat"' in each or '"method": "teacher"' in each]
    (results / ROWS).write_text("".join(kept))
    page = write(results, tmp_path / "docs")
    assert "| auto, one 3x3, 0 images | 4.5 |  |  |  |\n" in page
    assert "above the teacher" not in page  # the mean of one category is not beside that of four


def test_a_cell_with_fewer_seeds_says_so(results: Path, tmp_path: Path) -> None:
    arguments = ["report", "--results", str(results), "-o", str(tmp_path), "--seeds", "3"]
    assert main(arguments) == 0
    assert "12.5 ± 0.7 (2)" in (tmp_path / "benchmarks.md").read_text()


def test_the_same_rows_give_the_same_files(results: Path, docs: Path, tmp_path: Path) -> None:
    first, second = docs, tmp_path / "second"
    write(results, second)
    assert (first / "benchmarks.md").is_file()
    for path in (each for each in first.rglob("*") if each.is_file()):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()


def test_speed_is_shown_where_it_was_measured(results: Path, docs: Path) -> None:
    assert "## Speed" not in (docs / "benchmarks.md").read_text()
    cost = {"varied": "draws", "draws": 8, "channels": 4, "operations": 10**8, "seconds": 0.01}
    figures = [at_least("closed form: times as fast", 120.0, "x", 100).data()]
    measured = {"figures": figures, "costs": [cost], "threads": 2}
    rates = {"matmul_float32": 5e10, "matmul_float64": 2e10}
    (results / SPEED).write_text(json.dumps({**measured, **rates}))
    page = write(results, docs)
    assert "| closed form: times as fast | 120 x | ≥ 100 | met |" in page
    assert (docs / "benchmarks" / "speed.svg").is_file()
    assert json.loads((docs / "results" / "speed.json").read_text())["threads"] == 2


def test_without_rows_there_is_nothing_to_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Setting, "open", lambda self: Known())
    assert main(["report", "--results", str(tmp_path), "-o", str(tmp_path / "docs")]) == 1
    assert (
        "no rows; expected what `python -m benchmarks paper` measured; run it first"
        in capsys.readouterr().err
    )


def test_hidden_features_are_what_the_last_layer_takes(rig: Rig) -> None:
    trial = Trial("2", "", TEACHER, "cat")
    features, module = rig.held_out(trial)[0], rig.edge(trial).teacher_module
    hidden = last_hidden(module, features)
    assert hidden.shape == (60, 128)
    last = [module.tensor(f"{module.graph.output}.{name}") for name in ("weight", "bias")]
    torch.testing.assert_close(functional.linear(hidden, *last), module(features))


def test_components_are_of_every_method_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    few = [trial for trial in shown_trials() if trial.method == "ordinary"]
    assert [(trial.images, trial.category, trial.adapter) for trial in few] == [(100, "cat", "three 1x1")]
    few[0].spec["method"]["steps"] = 2  # type: ignore[index]
    monkeypatch.setattr("benchmarks.hidden.shown_trials", lambda: few)
    points, labels = hidden_components(animals_rig("validation"))
    assert list(points) == ["ordinary, 100 images", TEACHER]
    first, second = points[TEACHER].T
    assert len(labels) == len(first) == 400
    assert abs(np.corrcoef(first, second)[0, 1]) < 1e-6
    assert first.var() > second.var()
    assert abs(np.corrcoef(first, labels)[0, 1]) > 0.5  # the teacher tells cats from others
