"""What crosses at a teacher's cut: found without torch where layers are listed, else once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from legonet.network import Network
from legonet.plan.ports import Port
from legonet.teachers import crossing
from legonet.teachers.crossing import PortFinder


class Tokens(nn.Module):
    """A class token and four patches."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 6))
        self.block = nn.Linear(6, 6)
        self.head = nn.Linear(6, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(patches.shape[0], -1, -1), patches], 1)
        return self.head(self.block(x).relu()[:, 0])


def chain() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(196, 1))


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    made = Network("zoo", input_shape=(3, 16, 16))
    made.add_teacher("cat", chain(), category="cat", task="classify", cut="1")
    made.add_teacher("dog", Tokens(), category="dog", task="classify", cut="block")
    return made


def test_chains_and_tokens(network: Network) -> None:
    find = PortFinder(network.graph, network._sources)
    assert find("cat") == Port((4, 7, 7))
    assert find("dog") == Port((6, 3, 2), (5, 6))


def test_the_plan_shows_them(network: Network) -> None:
    plan = network.plan()
    assert {path: str(each) for path, each in network.ports(plan).items()} == {
        "dog:classify": "6x3x2 (of tokens 5x6) -> 4x7x7: scale, conv 3x3 6 -> 4, interpolate 3x2 -> 7x7, relu"
    }


def test_a_graph_is_looked_at_once(network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ports.json"
    found = PortFinder(network.graph, network._sources, file)("dog")

    def refuse(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(crossing, "shapes_of", refuse)
    assert PortFinder(network.graph, network._sources, file)("dog") == found
    file.write_text("[1]")
    with pytest.raises(LookupError):
        PortFinder(network.graph, network._sources, file)("dog")


def test_a_folder_that_cannot_be_written(network: Network, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert PortFinder(network.graph, network._sources, tmp_path / "file" / "ports.json")("dog").own == (5, 6)
