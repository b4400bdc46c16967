"""A network that was transplanted in milliseconds, and remotes to send it to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import legonet
from legonet.progress import Bars
from legonet.sharing.pull import pull
from tests.remote.google import gs
from tests.remote.servers import http, moto_server, s3, settings
from tests.remote.ssh import ssh, sshd

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["gs", "http", "moto_server", "s3", "settings", "ssh", "sshd"]
Arrive = Callable[[Path, str, int], None]
QUICK: dict[str, Any] = {"kernel": 1, "method": {"name": "closed-form", "draws": 4, "matching": 0}}


@pytest.fixture(scope="session")
def published(make_model: Callable[..., nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a transplanted network of three teachers; tests take `zoo`, a copy."""
    import torch

    root = tmp_path_factory.mktemp("published")
    images = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    network = legonet.Network("zoo", (3, 8, 8))
    network.add_task("classify", {"kind": "binary"}, QUICK)
    for seed, category in enumerate(("cat", "dog", "cow")):
        network.add_teacher(
            f"{category}-v1",
            make_model(seed),
            category=category,
            task="classify",
            cut="pool1",
            images=images if category == "dog" else None,
            licence="CC-BY-4.0" if category == "dog" else "MIT",
            source=f"https://example.org/{category}",
        )
    network.save(root / "graphs" / "zoo.yaml")
    network.transplant(progress=None)
    return root


@pytest.fixture
def zoo(published: Path, tmp_path: Path) -> Path:
    """The graph file of a copy of its own."""
    return Path(shutil.copytree(published, tmp_path / "zoo")) / "graphs" / "zoo.yaml"


@pytest.fixture
def arrive(make_model: Callable[..., nn.Module]) -> Callable[[Path, str, int], None]:
    """Add a teacher to a network in its files, and transplant it."""

    def arrive(file: Path, category: str, seed: int) -> None:
        network = legonet.load(file)
        model = make_model(seed)
        network.add_teacher(f"{category}-v1", model, category=category, task="classify", cut="pool1")
        network.save(file)
        network.transplant(progress=None)

    return arrive


def blobs(root: Path) -> dict[str, bytes]:
    """What a workspace's store has, by name."""
    return {
        each.name: each.read_bytes() for each in (root / ".legonet" / "blobs").rglob("*") if each.is_file()
    }


def got(path: str, place: str, folder: Path) -> object:
    """Pull a path, or all, into a folder."""
    return pull(place, folder, (path,) if path else (), Bars())


def pulled(file: Path) -> object:
    """Pull what the remote of a graph file has."""
    return legonet.Network.pull(str(file), progress=None)


def same(one: legonet.Network, other: legonet.Network, path: str, images: Tensor) -> bool:
    """Whether two networks compute the same."""
    import torch

    return torch.equal(one.compile(path)(images), other.compile(path)(images))
