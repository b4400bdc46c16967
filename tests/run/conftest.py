"""Networks whose adapters take milliseconds to fit: what is tested here is who does it, and when."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import legonet
from tests.conftest import hurry
from tests.run.faults import copy, finish

if TYPE_CHECKING:
    from torch import nn

    from legonet.network import Network

CATEGORIES = ("cat", "dog", "cow", "hen")
METHOD = {"name": "closed-form", "draws": 4, "matching": 0}
QUICK: dict[str, Any] = {"kernel": 1, "method": METHOD}


def quick_network(make_model: Callable[..., nn.Module]) -> Network:
    """Three teachers of one task in memory; cat-v1 gives the task module."""
    network = legonet.Network("zoo", (3, 8, 8))
    network.add_task("classify", {"kind": "binary"}, QUICK)
    for seed, category in enumerate(("cat", "dog", "cow")):
        name = f"{category}-v1"
        network.add_teacher(name, make_model(seed), category=category, task="classify", cut="pool1")
    return network


@pytest.fixture(scope="session")
def quick_once(make_model: Callable[..., nn.Module]) -> Network:
    return quick_network(make_model)


@pytest.fixture
def network(quick_once: Network) -> Network:
    return deepcopy(quick_once)


@pytest.fixture(scope="session")
def built(make_model: Callable[..., nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the transplanted network; tests take `workspace`, a copy."""
    root = tmp_path_factory.mktemp("quick")
    network = quick_network(make_model)
    network.save(root / "graphs" / "zoo.yaml")
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)  # as what is made of a copy
        network.transplant()
    return root


@pytest.fixture(scope="module")
def fresh(make_model: Callable[..., nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of four teachers of which three need an adapter; nothing is built."""
    network = legonet.Network("zoo", (3, 8, 8))
    network.add_task("classify", {"kind": "binary"}, {"kernel": 1, "method": "closed-form"})
    for seed, category in enumerate(CATEGORIES):
        model = make_model(seed)
        network.add_teacher(f"{category}-v1", model, category=category, task="classify", cut="pool1")
    return network.save(tmp_path_factory.mktemp("fresh") / "graphs" / "zoo.yaml")


@pytest.fixture(scope="module")
def undisturbed(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish(copy(fresh, tmp_path_factory.mktemp("undisturbed") / "zoo"))
