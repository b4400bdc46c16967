from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from legonet.data.leaves import leaves_images
from legonet.distill.fitting import bridge, stitching
from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import Samples
from legonet.distill.fitting.stitching import fit_stitched
from legonet.errors import DistillError
from legonet.graph.schema import Adapter, Input
from tests.distill.conftest import category_module, chain, layers_of

SPEC = Adapter.model_validate({"kernel": 1, "method": {"name": "closed-form", "draws": 32, "matching": 0}})


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stitching, "SYNTHESISED", 64)
    monkeypatch.setattr(stitching, "JOINED", 512)
    monkeypatch.setattr(stitching, "STEPS", 60)


@pytest.fixture
def known(lively_edge: Edge) -> Edge:
    return replace(lively_edge, input=Input(shape=(3, 16, 16)))


def images(count: int, seed: int = 5) -> torch.Tensor:
    return leaves_images(count, (3, 16, 16), torch.Generator().manual_seed(seed))


def disagreement(edge: Edge, own: nn.Module, adapter: nn.Module) -> float:
    """How far the path is from the teacher, in its spread, on images that no fit has seen."""
    shown = images(200)
    with torch.no_grad():
        wanted = edge.teacher_module(own(shown))
        found = edge.task_module(adapter(edge.category_module(shown)))
    return float((found - wanted).square().mean().sqrt() / wanted.std())


def test_what_is_linear_is_found_without_images(known: Edge) -> None:
    torch.manual_seed(3)
    own = chain(*layers_of(known.category_module), nn.Conv2d(4, 4, 3, padding=1))
    same = replace(known, teacher_module=known.task_module)
    fitted = fit_stitched(same, own.requires_grad_(False), SPEC)
    assert set(fitted.quality) == {"bridge", "disagreement", "agreement", "agreement from", "agreement to"}
    assert fitted.quality["bridge"] < 0.02  # but for the ridge
    assert disagreement(same, own, fitted.adapter) < 0.1


def test_what_the_bridge_misses_is_made_up_for(known: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    own = category_module(seed=6).requires_grad_(False)
    refined = fit_stitched(known, own, SPEC, Samples(images(100, 1)))
    for each in (bridge, stitching):
        monkeypatch.setattr(each, "LEARNING_RATE", 0.0)
    start = fit_stitched(known, own, SPEC, Samples(images(100, 1)))
    assert start.quality["bridge"] == refined.quality["bridge"] > 0.1
    assert refined.quality["disagreement"] < 0.8 * start.quality["disagreement"]
    assert disagreement(known, own, refined.adapter) < 0.8 * disagreement(known, own, start.adapter)


def test_modules_stay_as_they_are(known: Edge) -> None:
    own = category_module(seed=6).requires_grad_(False)
    modules = (known.category_module, known.task_module, known.teacher_module, own)
    before = [value.clone() for module in modules for value in module.state_dict().values()]
    once, again = (fit_stitched(known, own, SPEC).adapter.state_dict() for _ in range(2))
    after = [value for module in modules for value in module.state_dict().values()]
    assert all(map(torch.equal, before, after))
    assert all(torch.equal(once[name], again[name]) for name in once)


@pytest.mark.parametrize(("given", "share"), [(0, 0.0), (100, 1 / 3), (600, 3 / 4)])
def test_the_more_images_are_given_the_more_is_learned_from_them(given: int, share: float) -> None:
    generator = torch.Generator().manual_seed(0)
    batches = stitching._images(torch.ones(given, 1, 4, 4), torch.zeros(20, 1, 4, 4), 512, generator)
    drawn = torch.cat(list(batches))
    assert drawn.shape == (512, 1, 4, 4)
    assert float(drawn.mean()) == pytest.approx(share, abs=0.05)


def test_few_images_are_all_learned_from(known: Edge) -> None:
    (note,) = (
        each
        for each in fit_stitched(known, category_module(6), SPEC, Samples(images(10))).notes
        if "matched at the image" in each
    )
    assert "on 10 given and 128 synthesised images" in note
    assert "on 26 held-out images" in note  # 13 of each kind of synthesised ones


def test_an_unknown_input_is_refused(known: Edge) -> None:
    with pytest.raises(DistillError, match=r"cat:classify: the network's input is not known; expected it"):
        fit_stitched(replace(known, input=None), category_module(6), SPEC)
