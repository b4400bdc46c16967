"""Arrivals carried out: what the plan says of them is tested in tests/plan/test_arrival.py."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import torch

from legonet.distill.fitting import stitching
from legonet.errors import GraphError, LegonetWarning, SelectError
from legonet.ir.modules import blob_graph
from legonet.store.blobs import MemoryStore

if TYPE_CHECKING:
    from torch import nn

    from legonet.network import Network

QUICK: dict[str, Any] = {"kernel": 1, "method": {"name": "closed-form", "draws": 4, "matching": 0}}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stitching, "STEPS", 2)
    monkeypatch.setattr(stitching, "SYNTHESISED", 64)
    monkeypatch.setattr(stitching, "JOINED", 128)


def marks(network: Network) -> None:
    network.add_task("mark", {"kind": "vector", "names": ["x", "y"]}, QUICK)


EXPECTED = {"agreement", "agreement from", "agreement to"}


def disagreement(network: Network, path: str, teacher: str, images: torch.Tensor) -> float:
    found, wanted = network.compile(path)(images), network.teacher(teacher)(images)
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("given", [False, True])
def test_keep_matches_the_two_at_the_image(
    network: Network, make_model: Callable[..., nn.Module], given: bool
) -> None:
    marks(network)
    network.transplant()
    before = dict(network.lock.adapters)
    f = network.lock.categories["cat"].module
    notes = network.add_teacher("cat-mark", make_model(7, 2), category="cat", task="mark", cut="pool1")
    assert "matched at the image" in notes[-1]
    assert "ten to twenty fits" in notes[-1]
    assert "--on-conflict variant" in notes[-1]
    images = torch.rand(80, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    result = network.transplant({"cat:mark": (images, None)} if given else None)
    assert [each.path for each in result.results] == ["cat:mark"]
    assert set(result.results[0].quality) == {"bridge", "disagreement"} | EXPECTED
    assert result.results[0].quality["bridge"] < 0.5  # of random features much is linear in each other
    (note,) = [each for each in result.results[0].notes if "matched at the image" in each]
    assert ("80 given and 128" if given else " 128") + " synthesised images" in note
    assert network.lock.categories["cat"].module == f
    assert {path: network.lock.adapters[path] for path in before} == before
    assert disagreement(network, "cat:mark", "cat-mark", images) < 0.5
    assert network.plan().changes == ()


def test_keep_below_an_adapter_of_its_own(network: Network, make_model: Callable[..., nn.Module]) -> None:
    marks(network)
    network.add_teacher("dog-mark", make_model(8, 2), category="dog", task="mark", cut="pool1")
    network.add_teacher("cat-mark", make_model(7, 2), category="cat", task="mark", cut="pool1")
    result = network.transplant(options=None)
    quality = {each.path: each.quality for each in result.results}
    assert set(quality["cat:mark"]) == {"residual", "bridge", "disagreement"} | EXPECTED
    (weak,) = [each for job in result.results for each in job.notes if "cat:mark: a weak path" in each]
    assert f"on {quality['cat:mark']['agreement']:.0%} of images" in weak, (
        "of the whole path, not of its part"
    )
    adapter = blob_graph(network.store.get(network.lock.adapters["cat:mark"].adapter))
    assert list(adapter.steps)[:3] == ["bridge", "bridge_relu", "rescale"]


def test_replace(network: Network, make_model: Callable[..., nn.Module], images: torch.Tensor) -> None:
    marks(network)
    network.transplant()
    model = make_model(7, 2)
    network.add_teacher("dog-mark", model, category="dog", task="mark", cut="pool1", on_conflict="replace")
    assert network.graph.categories["dog"].teacher == "dog-mark"
    result = network.transplant()
    assert [each.path for each in result.results] == ["dog:classify"]
    app = network.compile("dog:mark", memory_format="contiguous")
    assert torch.equal(app(images), network.teacher("dog-mark")(images))


def test_replace_a_teacher_of_the_same_path(network: Network, make_model: Callable[..., nn.Module]) -> None:
    network.transplant()
    add: Any = {"category": "cat", "task": "classify", "cut": "pool1"}
    with pytest.raises(GraphError, match="cat:classify has the teacher cat-v1 already"):
        network.add_teacher("cat-v2", make_model(9), **add)
    network.add_teacher("cat-v2", make_model(9), **add, on_conflict="replace")
    assert list(network.graph.teachers) == ["cat-v2", "dog-v1", "cow-v1"]
    assert [edge.path for edge in network.plan().jobs] == ["dog:classify", "cow:classify"]


def test_variant(network: Network, make_model: Callable[..., nn.Module], images: torch.Tensor) -> None:
    marks(network)
    network.transplant()
    add: Any = {"cut": "pool1", "on_conflict": "variant"}
    network.add_teacher("dog-mark", make_model(7, 2), category="dog", task="mark", **add)
    network.add_teacher("dog-v2", make_model(9), category="dog", task="classify", **add)
    assert list(network.graph.categories) == ["cat", "dog", "cow", "dog@2", "dog@3"]
    assert network.graph.categories["dog@3"].label == "dog"
    result = network.transplant()
    assert [each.path for each in result.results] == ["dog@3:classify"]
    assert network.compile("dog@2:mark")(images).shape == (12, 2)


def test_what_is_no_word_for_a_conflict(network: Network, make_model: Callable[..., nn.Module]) -> None:
    word: Any = "often"
    with pytest.raises(SelectError, match="found 'often'; expected keep, replace or variant"):
        network.add_teacher(
            "dog-v2", make_model(7), category="dog", task="classify", cut="pool1", on_conflict=word
        )


@pytest.mark.parametrize("on_conflict", ["keep", "replace", "variant"])
def test_the_same_f_is_reused(
    network: Network, make_model: Callable[..., nn.Module], on_conflict: Any
) -> None:
    marks(network)
    model = make_model(7, 2)
    model.load_state_dict(make_model(1).get_submodule("conv1_1").state_dict(prefix="conv1_1."), strict=False)
    network.add_teacher(
        "dog-mark", copy.deepcopy(model), category="dog", task="mark", cut="pool1", on_conflict=on_conflict
    )
    assert network.graph.categories["dog"].teacher is None
    assert network.plan().by_path["dog:mark"].action == "native"
    assert list(network.graph.categories) == ["cat", "dog", "cow"]


def test_an_open_pair_is_fitted_from_labelled_samples(
    network: Network, make_model: Callable[..., nn.Module], images: torch.Tensor
) -> None:
    marks(network)
    network.add_teacher("dog-mark", make_model(8, 2), category="dog", task="mark", cut="pool1")
    network.connect("cow", "mark", {"kernel": 1, "method": {"name": "ordinary", "steps": 3}})
    network.transplant()
    assert network.plan().by_path["cow:mark"].action == "open"
    labels = torch.zeros(12, 2)
    with pytest.warns(LegonetWarning, match="its samples are not used"):
        unused = network.transplant({"cow:mark": (images, None)})
    assert unused.notes[0].startswith("cow:mark: its samples are not used: no teacher of category cow")
    result = network.transplant({"cow:mark": (images, labels)})
    assert [each.path for each in result.results] == ["cow:mark"]
    assert network.plan().changes == ()
    assert network.compile("cow:mark")(images).shape == (12, 2)
    network.store = MemoryStore()  # the store is lost; the lock file is not
    lost = network.transplant()
    assert not lost.removed
    assert network.plan().by_path["cow:mark"].action == "open"
    with pytest.raises(SelectError, match="give labelled samples of it again"):
        network.compile("cow:mark")
    again = network.transplant({"cow:mark": (images, labels)})
    assert [(each.path, each.adapter) for each in again.results] == [("cow:mark", result.results[0].adapter)]


def test_a_bridge_to_a_vector(network: Network, make_model: Callable[..., nn.Module]) -> None:
    marks(network)
    network.add_teacher("cat-mark", make_model(7, 2), category="cat", task="mark", cut="flatten")
    network.transplant({"cat:mark": (torch.rand(4, 3, 8, 8), None)})
    assert network.compile("cat:mark")(torch.rand(2, 3, 8, 8)).shape == (2, 2)
