"""Operations are counted before a run as after it; seconds follow from what ran."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import legonet
from legonet.network import Network
from legonet.run.options import RunOptions
from tests.run.faults import copy

METHODS = [
    {"name": "closed-form", "draws": 8, "matching": 2},
    {"name": "back-distillation", "steps": 3},
    {"name": "auto", "steps": 2, "imagined": 8},
]


def of_method(make_model: Callable[..., nn.Module], method: dict[str, object]) -> Network:
    network = legonet.Network("zoo", (3, 8, 8))
    network.add_task("classify", {"kind": "binary"}, {"kernel": 3, "method": method})
    images = torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    for seed, category in enumerate(("cat", "dog")):
        model, known = make_model(seed), {"category": category, "task": "classify", "cut": "pool1"}
        network.add_teacher(f"{category}-v1", model, images=images if seed else None, **known)  # type: ignore[arg-type]
    return network


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method["name"])
@pytest.mark.parametrize("images", [0, 6])
def test_as_many_as_are_noted_afterwards(
    make_model: Callable[..., nn.Module], method: dict[str, object], images: int
) -> None:
    network = of_method(make_model, method)
    samples = {"dog:classify": (torch.rand(images, 3, 8, 8), torch.arange(images) % 2)} if images else None
    (job,) = network.plan(samples).jobs
    (result,) = network.transplant(samples).results
    assert job.cost is not None
    assert job.cost.operations == result.operations
    assert job.cost[:3] == (None, None, "operations are counted; nothing like it has run yet")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("same", [False, True])
def test_of_a_path_that_is_matched_at_the_image(
    make_model: Callable[..., nn.Module], same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"STEPS": 2, "SYNTHESISED": 32, "JOINED": 128}.items():
        monkeypatch.setattr(f"legonet.distill.fitting.stitching.{name}", value)
    network = of_method(make_model, METHODS[0])
    above, below = make_model(0 if same else 5), make_model(6)
    model = nn.Sequential(OrderedDict(list(below.named_children())[:3] + list(above.named_children())[3:]))
    network.add_teacher("cow-v1", make_model(3), category="cow", task="segment", cut="pool1")
    network.add_teacher("cow-v2", model, category="cow", task="classify", cut="pool1")
    job = next(each for each in network.plan().jobs if each.path == "cow:classify")
    assert "matched at the image" in job.reason
    result = next(each for each in network.transplant().results if each.path == "cow:classify")
    assert job.cost is not None
    assert job.cost.operations == result.operations


def test_a_path_without_a_teacher(make_model: Callable[..., nn.Module]) -> None:
    network = of_method(make_model, METHODS[0])
    network.add_teacher("cow-v1", make_model(3), category="cow", task="segment", cut="pool1")
    network.connect("cow", "classify", {"kernel": 1, "method": {"name": "ordinary", "steps": 3}})
    samples = {"cow:classify": (torch.rand(6, 3, 8, 8), torch.arange(6) % 2)}
    job = next(each for each in network.plan(samples).jobs if each.path == "cow:classify")
    assert job.method == "ordinary"
    assert job.cost is not None
    assert job.cost.operations
    assert job.cost.seconds is None


def test_what_no_adapter_joins_is_not_known(make_model: Callable[..., nn.Module]) -> None:
    network = of_method(make_model, METHODS[0])
    network.connect("dog", "classify", {"kernel": 3, "channels": [9, 9]})
    (job,) = network.plan().jobs
    assert job.cost is None


@pytest.mark.parametrize("method", [METHODS[2], {"name": "closed-form", "draws": 8, "matching": 2}])
def test_strangers_of_one_architecture_take_longer(
    make_model: Callable[..., nn.Module], method: dict[str, object], tmp_path: Path
) -> None:
    """Which a plan sees in their weights, in memory and in files, without torch."""
    cat, known = make_model(0), {"task": "classify", "cut": "pool1"}
    kin, strangers = (legonet.Network("zoo", (3, 8, 8)) for _ in range(2))
    for network, seed in ((kin, 0), (strangers, 1)):
        network.add_task("classify", {"kind": "binary"}, {"kernel": 3, "method": method})
        network.add_teacher("cat", cat, category="cat", **known)  # type: ignore[arg-type]
        model = make_model(seed)
        for each in model.parameters():
            each.data += 0.01
        network.add_teacher("dog", model, category="dog", **known)  # type: ignore[arg-type]
    few, many = (network.plan().jobs[0].cost for network in (kin, strangers))
    assert few is not None
    assert many is not None
    assert few.operations
    assert many.operations
    assert many.operations > 1.2 * few.operations
    code = (
        "import sys, legonet; (job,) = legonet.load(sys.argv[1]).plan().jobs; "
        "print(job.cost.operations); sys.exit('torch' in sys.modules)"
    )
    for network, wanted in ((kin, few), (strangers, many)):
        saved = network.save(tmp_path / f"{wanted.operations}" / "graphs" / "zoo.yaml")
        done = subprocess.run([sys.executable, "-c", code, str(saved)], check=True, stdout=subprocess.PIPE)
        assert int(done.stdout) == wanted.operations


def test_a_plan_of_chains_imports_no_torch(fresh: Path) -> None:
    code = (
        "import sys, legonet; plan = legonet.load(sys.argv[1]).plan(); "
        "assert all(edge.cost.operations for edge in plan.jobs), plan; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(fresh)], check=True)


def test_seconds_follow_from_the_first_job(fresh: Path, tmp_path: Path) -> None:
    graph = copy(fresh, tmp_path)
    legonet.load(graph).transplant(options=RunOptions(only=["dog:*"]))
    cow = legonet.load(graph).plan().by_path["cow:classify"].cost
    assert cow is not None
    assert cow.basis == "at the pace of 1 by closed-form"
    assert cow.seconds
