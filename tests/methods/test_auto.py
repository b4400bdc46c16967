from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from legonet.data.leaves import leaves_images
from legonet.distill.fitting import refinement
from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import Fitted, Samples, fit
from legonet.distill.flops.refinement import BUDGET, FEWEST, MOVED, moved_images
from legonet.distill.synthesis import features
from legonet.distill.synthesis.features import synthesise_features
from legonet.graph.schema import Adapter, Input, Solving
from legonet.methods.auto import Auto
from legonet.methods.closed_form import ClosedForm
from legonet.teachers.statistics import record
from tests.distill.conftest import chain, enliven, layers_of, task_module

SPEC = Adapter(method=Auto(name="auto", steps=60, imagined=60))
ALONE = Adapter(method=ClosedForm(name="closed-form", matching=0))


def images(count: int, seed: int = 3) -> torch.Tensor:
    return leaves_images(count, (3, 16, 16), torch.Generator().manual_seed(seed))


@pytest.fixture
def moved(lively_edge: Edge) -> Edge:
    """The generic module has another offset and other weights than the teacher; gradients miss the first."""
    edge, generator = lively_edge, torch.Generator().manual_seed(6)
    for name, tensor in edge.task_module.named_parameters():
        weight = name.endswith("weight")
        with torch.no_grad():
            tensor.add_(
                0.1 * tensor.std() * torch.randn(tensor.shape, generator=generator) if weight else 0.1
            )
    found = record(edge.category_module, edge.teacher_module, [images(200)], 10**5)
    generic = record(edge.category_module, edge.task_module, [images(200)], 10**5)
    given = Input(shape=(3, 16, 16))
    return dataclasses.replace(edge, statistics=found, generic_statistics=generic, input=given)


def distance(edge: Edge, fitted: Fitted) -> float:
    """Of the outputs on images that were never seen, in the teacher's standard deviations."""
    x = edge.category_module(images(300, 8))
    wanted = edge.teacher_module(x)
    found = nn.Sequential(fitted.adapter, edge.task_module)(x)
    return float((found - wanted).abs().mean() / wanted.std())


def test_it_agrees_better_than_its_start_on_images_never_seen(moved: Edge) -> None:
    fitted = fit(moved, Adapter(method=Auto(name="auto", steps=60, imagined=200)))
    assert fitted.quality["disagreement"] < fitted.quality["disagreement at the start"]
    assert distance(moved, fitted) < distance(moved, fit(moved, ALONE))


def test_too_great_a_learning_rate_is_found_out(moved: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legonet.methods.auto.LEARNING_RATE", 1.0)
    monkeypatch.setattr("legonet.methods.auto.SLOWER", 300)
    fitted = fit(moved, Adapter(method=Auto(name="auto", steps=60, imagined=200)))
    assert fitted.quality["disagreement"] < fitted.quality["disagreement at the start"]


def test_however_many_images_are_given_it_fits(moved: Edge) -> None:
    """So many that no batch would have room for anything else."""
    spec = Adapter(method=Auto(name="auto", steps=2, imagined=20))
    assert fit(moved, spec, Samples(images(400))).quality["disagreement"] >= 0


def test_another_start_and_learning_rate(moved: Edge) -> None:
    start = Solving(masks="imagined", ridge=0.1, draws=64)
    spec = Adapter(method=Auto(name="auto", steps=60, imagined=60, learning_rate=1e-3, start=start))
    fitted, again = fit(moved, spec), fit(moved, spec)
    assert fitted.quality["residual"] != fit(moved, SPEC).quality["residual"]
    assert distance(moved, fitted) < distance(moved, fit(moved, ALONE))
    assert torch.equal(fitted.adapter.tensor("conv1.weight"), again.adapter.tensor("conv1.weight"))


def test_what_is_not_set_is_not_written() -> None:
    """The key of an adapter and a bench's rows are made of this."""
    assert SPEC.settings.model_dump(mode="json") == {"name": "auto", "steps": 60, "imagined": 60}
    set_ones = Auto(name="auto", start=Solving(ridge=0.1), learning_rate=1e-3).model_dump(mode="json")
    assert set_ones["learning_rate"] == 1e-3
    assert set_ones["start"]["ridge"] == 0.1


def test_images_and_labels_help(moved: Edge) -> None:
    given = images(120, 5)
    labels = (moved.teacher_module(moved.category_module(given))[:, 0] > 0).long()
    none, some = fit(moved, SPEC), fit(moved, SPEC, Samples(given, labels))
    assert distance(moved, some) < distance(moved, none)
    assert "120 labelled images" in "\n".join(some.notes)
    assert "120 unlabelled images" in "\n".join(fit(moved, SPEC, Samples(given)).notes)


def test_it_is_never_worse_than_its_start_and_says_so(moved: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    wild = Adapter(method=Auto(name="auto", steps=60, imagined=60, learning_rate=1e3))
    fitted = fit(moved, wild)
    monkeypatch.setattr(refinement.Refinement, "refine", lambda *_: None)
    start = fit(moved, wild)
    assert fitted.quality["disagreement"] == fitted.quality["disagreement at the start"]
    assert any("auto keeps the start" in note for note in fitted.notes)
    for name, value in fitted.adapter.state_dict().items():
        torch.testing.assert_close(value, start.adapter.state_dict()[name])


def test_an_exact_start_is_not_refined(lively_edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refinement, "optimise", lambda *_, **__: pytest.fail("there is nothing to learn"))
    given = record(lively_edge.category_module, lively_edge.teacher_module, [images(200)], 10**5)
    edge = dataclasses.replace(lively_edge, statistics=given, generic_statistics=given)
    fitted = fit(edge, SPEC)
    assert fitted.quality["disagreement"] == fitted.quality["disagreement at the start"] < 1e-6
    assert any("keeps the start adapter" in note for note in fitted.notes)


def test_few_images_are_not_spared(moved: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    gather = refinement.gather
    monkeypatch.setattr(refinement, "gather", lambda *args: seen.append(gather(*args)) or seen[-1])
    for count in (10, 40):
        fit(moved, SPEC, Samples(images(count), torch.arange(count) % 2))
    few, many = seen
    assert few.given is not None
    assert many.given is not None
    assert len(few.held_out) == 12  # of 60 imagined
    assert len(many.held_out) == 12 + 8
    assert len(few.given) == 16 * 10
    assert len(many.given) == 16 * 32
    assert many.labels is not None
    assert torch.equal(many.labels, (torch.arange(40) % 2)[torch.arange(40) % 5 != 0])


def test_many_more_are_drawn_where_there_are_statistics(moved: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    gather = refinement.gather
    monkeypatch.setattr(refinement, "gather", lambda *args: seen.append(gather(*args)) or seen[-1])
    monkeypatch.setattr(refinement, "AT_ONCE", 50)
    fitted = fit(moved, SPEC)
    fit(dataclasses.replace(moved, statistics=None), SPEC)
    with_statistics, without = seen
    assert len(with_statistics.imagined) == 48  # of 60 a fifth is held out
    assert len(with_statistics.drawn) == 3 * 60
    assert len(with_statistics.drawn.unique(dim=0)) == 3 * 60
    assert any("learned from 228 synthesised features" in note for note in fitted.notes)
    assert without.drawn is None


def test_images_without_anything_recorded(moved: Edge) -> None:
    bare = dataclasses.replace(moved, statistics=None, generic_statistics=None, input=None)
    fitted = fit(bare, SPEC, Samples(images(30)))
    assert fitted.quality["disagreement"] <= fitted.quality["disagreement at the start"]


def test_nothing_known_leaves_the_closed_form(moved: Edge) -> None:
    bare = dataclasses.replace(moved, statistics=None, generic_statistics=None, input=None)
    fitted = fit(bare, SPEC)
    assert set(fitted.quality) == {"residual"}
    assert "offset is not set" in fitted.notes[-1]


def test_features_made_before_are_used(moved: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    made = synthesise_features(moved, 60, 4)
    monkeypatch.setattr("legonet.distill.synthesis.features.synthesise_features", None)
    first, again = fit(moved, SPEC, imagined=made), fit(moved, SPEC, imagined=made)
    assert all(
        torch.equal(a, b) for a, b in zip(first.adapter.parameters(), again.adapter.parameters(), strict=True)
    )


def test_strangers_learn_from_outputs_alone(moved: Edge) -> None:
    torch.manual_seed(0)
    other = chain(nn.Conv2d(4, 8, 3), nn.ReLU(), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(32, 1))
    nn.init.kaiming_normal_(other.tensor("0.weight"))
    found = record(moved.category_module, other, [images(200)], 10**5)
    edge = dataclasses.replace(moved, teacher_module=other, statistics=found)
    fitted = fit(edge, Adapter(kernel=3, depth=2, hidden=16, method=SPEC.method))
    assert "residual" not in fitted.quality
    assert fitted.quality["disagreement"] < fitted.quality["disagreement at the start"]
    assert any("no common base" in note for note in fitted.notes)


def test_weak_paths_and_one_sided_statistics_are_named(moved: Edge) -> None:
    shown = images(200)
    scores = moved.teacher_module(moved.category_module(shown))[:, 0]
    known = record(moved.category_module, moved.teacher_module, [shown[scores > 0]], 10**5)
    torch.manual_seed(0)
    other = chain(nn.Conv2d(4, 8, 3), nn.ReLU(), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(32, 1))
    edge = dataclasses.replace(moved, statistics=known)
    notes = "\n".join(fit(edge, Adapter(method=Auto(name="auto", steps=1, imagined=60))).notes)
    assert "calls positive alone" in notes
    strange = dataclasses.replace(moved, task_module=other, generic_statistics=None)
    weak = fit(strange, Adapter(method=Auto(name="auto", steps=1, imagined=60)))
    assert weak.quality["agreement"] < 0.9
    assert any("a weak path" in note and "ten images of the category" in note for note in weak.notes)


def _strangers(edge: Edge) -> Edge:
    """The teacher's task part is of other random weights than the generic one."""
    torch.manual_seed(21)
    other = chain(*layers_of(task_module(9)))
    enliven(other, torch.Generator().manual_seed(21))
    found = record(edge.category_module, other, [images(200)], 10**5)
    return dataclasses.replace(edge, teacher_module=other, statistics=found)


def test_strangers_learn_from_images_that_the_teacher_knows_too(
    moved: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    invert = features.invert
    monkeypatch.setattr(
        features, "invert", lambda *given, **named: made.append(invert(*given, **named)) or made[-1]
    )
    spec = Adapter(method=Auto(name="auto", steps=300, imagined=60))
    strangers = _strangers(moved)
    fit(moved, spec)
    assert not made  # those of one base need none
    for unknown in ({"statistics": None}, {"input": None}):
        fit(dataclasses.replace(strangers, **unknown), SPEC)
    assert not made
    told: list[str] = []
    batches = []
    refine = refinement.Refinement.refine

    def tell(step: int, steps: int, loss: float, doing: str = "", part: float | None = None, /) -> None:
        told.append(doing)

    def look(this: refinement.Refinement, *given: Any) -> None:
        batches.append([(len(known), share) for known, share in zip(this._known, this._shares, strict=True)])
        refine(this, *given)

    monkeypatch.setattr(refinement.Refinement, "refine", look)
    fit(strangers, spec, Samples(images(50)), progress=tell)
    assert "images that the teacher knows" in told
    (shown,) = made
    assert FEWEST <= len(shown) <= MOVED
    given, imagined, drawn, theirs = batches[0]
    assert [share for _, share in (given, imagined, drawn, theirs)] == [16, 4, 4, 8]
    assert theirs[0] == 16 * len(shown)  # copies of each


def test_moving_images_takes_less_than_the_steps() -> None:
    assert moved_images(10, 10**9) == MOVED
    assert moved_images(20, 30 * FEWEST) == FEWEST
    assert moved_images(20, 30 * FEWEST - 1) == 0
    assert moved_images(BUDGET // FEWEST, 10 * BUDGET) == 0  # of large modules there are none
