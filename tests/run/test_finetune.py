"""A shared module is tuned on a copy, and kept only if no path gets worse."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

import legonet
from legonet.errors import LegonetWarning, SelectError, StoreError
from legonet.graph.lock import lock_path, read_lock, write_lock
from legonet.run import finetune
from legonet.run.finetune import Tuning
from legonet.store.gc import find_orphans
from legonet.store.workspace import Workspace

if TYPE_CHECKING:
    from torch import nn

QUICK = Tuning(task="classify", steps=3, learning_rate=1e-3)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune, "SYNTHESISED", 16)


def test_a_task_module_on_several_categories(graph_file: Path, images: torch.Tensor) -> None:
    network = legonet.load(graph_file)
    before, native = network.lock, network.compile("cat:classify")(images)
    tuned = network.finetune(QUICK, progress=lambda *_: None)
    assert sorted(tuned.paths) == ["cat:classify", "cow:classify", "dog:classify"]
    if tuned.worse:  # the native path starts at no disagreement at all
        tuned = network.finetune(Tuning(task="classify", steps=3, tolerance=10.0))
    assert tuned.worse == ()
    assert {each.measure for each in tuned.paths.values()} == {"disagreement"}
    again = legonet.load(graph_file)
    part = again.lock.tasks["classify"]
    assert (part.module, part.tuned is not None) == (before.tasks["classify"].module, True)
    assert again.lock.adapters == before.adapters
    assert again.plan().changes == ()
    assert not torch.equal(again.compile("cat:classify")(images), native)
    assert again.transplant().results == ()
    assert again.lock.tasks["classify"] == part
    orphans = find_orphans(Workspace(graph_file.parents[1]), age=0).files
    assert part.tuned not in {file.name for file in orphans}


def test_the_same_again_gives_the_same(graph_file: Path) -> None:
    """As after a kill at its very end: nothing is tuned twice."""
    tuning = Tuning(task="classify", steps=3, tolerance=10.0)
    legonet.load(graph_file).finetune(tuning, progress=lambda *_: None)
    once = lock_path(graph_file).read_bytes()
    assert b'"tuned"' in once
    legonet.load(graph_file).finetune(tuning, progress=lambda *_: None)
    assert lock_path(graph_file).read_bytes() == once


def test_one_that_makes_a_path_worse_is_rolled_back(graph_file: Path, images: torch.Tensor) -> None:
    network = legonet.load(graph_file)
    before, output = lock_path(graph_file).read_bytes(), network.compile("dog:classify")(images)
    tuned = network.finetune(Tuning(task="classify", steps=3, learning_rate=10.0))
    assert "cat:classify" in tuned.worse
    assert lock_path(graph_file).read_bytes() == before
    assert torch.equal(network.compile("dog:classify")(images), output)


def test_it_goes_when_something_below_changes(graph_file: Path, make_model: Callable[..., nn.Module]) -> None:
    network = legonet.load(graph_file)
    assert not network.finetune(Tuning(task="classify", steps=2, tolerance=10.0)).worse
    network.add_teacher("fox-v1", make_model(9), category="fox", task="classify", cut="pool1")
    network.save(graph_file)
    with pytest.warns(LegonetWarning, match="its fine-tuned module"):
        result = network.transplant()
    assert any(note.startswith("tasks.classify: its fine-tuned module") for note in result.notes)
    assert read_lock(lock_path(graph_file)).tasks["classify"].tuned is None


def test_it_goes_with_its_blob(graph_file: Path, images: torch.Tensor) -> None:
    """As in a clone of a repository: the lock file names it, and nothing but fine-tuning makes it."""
    network = legonet.load(graph_file)
    before = network.compile("dog:classify")(images)
    assert not network.finetune(Tuning(task="classify", steps=2, tolerance=10.0)).worse
    tuned = network.lock.tasks["classify"].tuned
    (blob,) = (file for file in (graph_file.parents[1] / ".legonet").rglob(f"*{tuned}"))
    blob.unlink()
    again = legonet.load(graph_file)
    with pytest.raises(StoreError, match="run `legonet transplant`"):
        again.compile("dog:classify")
    with pytest.warns(LegonetWarning, match="its fine-tuned module"):
        (note,) = again.transplant().notes
    assert note.startswith("tasks.classify: its fine-tuned module is not in the store")
    assert torch.equal(again.compile("dog:classify")(images), before)
    assert again.transplant().notes == ()


def test_it_stays_when_something_is_renamed(graph_file: Path) -> None:
    network = legonet.load(graph_file)
    assert not network.finetune(Tuning(task="classify", steps=2, tolerance=10.0)).worse
    tuned = network.lock.tasks["classify"].tuned
    text = graph_file.read_text()
    for old, new in (("  dog:", "  hound:"), ("category: dog", "category: hound")):
        assert old in text
        text = text.replace(old, new)
    for old, new in (("  classify:", "  sort:"), ("task: classify", "task: sort")):
        assert old in text
        text = text.replace(old, new)
    graph_file.write_text(re.sub(r"(?ms)^applications:.*?(?=^\S|\Z)", "", text))
    network = legonet.load(graph_file)
    result = network.transplant()
    assert result.results == ()
    assert sorted(result.reused) == ["cow:sort", "hound:sort"]
    assert not any("fine-tuned" in note for note in result.notes)
    assert read_lock(lock_path(graph_file)).tasks["sort"].tuned == tuned


def test_a_category_module_on_several_tasks(
    graph_file: Path, make_model: Callable[..., nn.Module], images: torch.Tensor
) -> None:
    network = legonet.load(graph_file)
    network.add_task("mark", {"kind": "vector", "names": ["x", "y"]})
    model = make_model(7, 2)
    own = make_model(1).get_submodule("conv1_1").state_dict(prefix="conv1_1.")
    model.load_state_dict(own, strict=False)
    network.add_teacher("dog-mark", model, category="dog", task="mark", cut="pool1")
    labels = torch.arange(12) % 2
    tuned = network.finetune(
        Tuning(category="dog", steps=5, tolerance=10.0), {"dog:classify": (images, labels)}
    )
    assert {path: each.measure for path, each in tuned.paths.items()} == {
        "dog:classify": "loss",
        "dog:mark": "disagreement",
    }
    assert network.lock.categories["dog"].tuned is not None
    assert network.compile("dog:mark")(images).shape == (12, 2)


@pytest.mark.parametrize(
    ("tuning", "message"),
    [
        (Tuning(), "expected either a task or a category"),
        (Tuning(task="clasify"), "no task 'clasify'.*Did you mean 'classify'"),
        (Tuning(category="fox"), "no category 'fox'"),
        (Tuning(category="dog"), "category 'dog' has 1 built path; expected two or more"),
    ],
)
def test_what_cannot_be_tuned(graph_file: Path, tuning: Tuning, message: str) -> None:
    with pytest.raises(SelectError, match=message):
        legonet.load(graph_file).finetune(tuning)


def test_paths_that_are_not_built(graph_file: Path) -> None:
    lock_path(graph_file).unlink()
    (graph_file.parents[1] / ".legonet" / "journal.sqlite").unlink()
    with pytest.raises(SelectError, match="dog:classify, cow:classify not fitted"):
        legonet.load(graph_file).finetune(QUICK)


def test_not_while_another_run_is_at_work(graph_file: Path) -> None:
    network = legonet.load(graph_file)
    with network.project().alone(), pytest.raises(StoreError, match="another run is at work on this network"):
        legonet.load(graph_file).finetune(QUICK)


def test_what_another_process_built_meanwhile_stays(graph_file: Path) -> None:
    built = read_lock(lock_path(graph_file))
    some = built.model_copy(update={"adapters": dict(list(built.adapters.items())[:1])})
    write_lock(lock_path(graph_file), some)
    stale = legonet.load(graph_file)
    write_lock(lock_path(graph_file), built)
    assert not stale.finetune(Tuning(task="classify", steps=2, tolerance=10.0)).worse
    assert read_lock(lock_path(graph_file)).adapters == built.adapters
