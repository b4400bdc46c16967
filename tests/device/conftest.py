"""The device that these tests compute on: a GPU, or the stand-in for one (`plugin/legonet_pretend.py`).

`pytest -m gpu` runs them on `cuda`, `tests/test_device.py` on the stand-in, in a process of its own. The
variable LEGONET_DEVICE names any other device of the machine.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import legonet
from legonet.distill.fitting import stitching
from legonet.run import finetune
from tests.conftest import CATEGORIES, SHAPE, hurry

if TYPE_CHECKING:
    from torch import Tensor, nn

    from legonet.network import Network

CHOSEN = os.environ.get("LEGONET_DEVICE", "cuda")
PRETEND = CHOSEN == "pretend"
PRODUCTS = (torch.ops.aten.convolution, torch.ops.aten.addmm, torch.ops.aten.mm, torch.ops.aten.bmm)


@pytest.fixture(scope="session")
def device() -> str:
    if CHOSEN == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    return CHOSEN


@pytest.fixture(scope="session")
def devices(device: str) -> list[str]:
    """Two of them."""
    if torch.get_device_module(device).device_count() < 2:
        pytest.skip("less than two devices")
    return [f"{device}:0", f"{device}:1"]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    monkeypatch.setattr(finetune, "SYNTHESISED", 16)
    monkeypatch.setattr(stitching, "STEPS", 2)
    monkeypatch.setattr(stitching, "SYNTHESISED", 64)
    monkeypatch.setattr(stitching, "JOINED", 128)


@pytest.fixture(scope="session")
def file(
    make_model: Callable[..., nn.Sequential], images: Tensor, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The graph file of a network of three categories, fitted on the CPU with what takes no time."""
    quick = {"kernel": 1, "method": {"name": "closed-form", "draws": 4, "matching": 2}}
    network = legonet.Network("zoo", SHAPE, mean=[0.5, 0.5, 0.5], std=[0.25, 0.25, 0.25])
    network.add_task("classify", {"kind": "binary"}, quick)
    for seed, category in enumerate(CATEGORIES):
        name = f"{category}-v1"
        network.add_teacher(
            name, make_model(seed), category=category, task="classify", cut="pool1", images=images
        )
    path = network.save(tmp_path_factory.mktemp("device") / "graphs" / "zoo.yaml")
    network.transplant()
    return path


@pytest.fixture
def network(file: Path) -> Network:
    """The built network; tests that write to it take a copy of its folder."""
    return legonet.load(file)


def copied(file: Path, folder: Path) -> Path:
    """The graph file in a copy of its workspace."""
    return Path(shutil.copytree(file.parents[1], folder, dirs_exist_ok=True)) / "graphs" / file.name


def expect_close(there: Mapping[str, Tensor], here: Mapping[str, Tensor], device: str) -> None:
    """Outputs by path are on the device, and those of the CPU but for rounding."""
    assert list(there) == list(here)
    limit = 1e-5 if PRETEND else 1e-3
    for path, value in there.items():
        assert value.device.type == torch.device(device).type, path
        torch.testing.assert_close(value.cpu(), here[path], rtol=limit, atol=limit)


class _Places(TorchDispatchMode):
    """Notes where sums of products are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not to be wrapped for torch's compiler, which is imported for that."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **kwargs or {})
        if func.overloadpacket in PRODUCTS:
            self.found[result.device.type] += 1
        return result


@contextmanager
def computing_on(device: str) -> Iterator[None]:
    """Refuse a fit that computes elsewhere than it was told."""
    with _Places() as places:
        yield
    assert places.found[torch.device(device).type] > 2 * places.found["cpu"], places.found
