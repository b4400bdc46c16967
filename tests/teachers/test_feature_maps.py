"""Tokens and vectors that cross at a cut become maps, and nothing else changes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from legonet.ir.interpreter import build_graph
from legonet.ir.split import cut_at
from legonet.network import Network
from legonet.teachers.feature_maps import is_map, with_map
from legonet.teachers.tracing.export import export

SIDE = 8


class Tokens(nn.Module):
    """A small transformer on patches, with so many tokens of its own in front of them."""

    def __init__(self, own: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 6, 2, 2)
        self.own = nn.Parameter(torch.randn(1, own, 6)) if own else None
        self.low, self.mix, self.norm = nn.Linear(6, 6), nn.Linear(6, 18), nn.LayerNorm(6)
        self.head = nn.Linear(6, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch(images).flatten(2).transpose(1, 2)
        if self.own is not None:
            x = torch.cat([self.own.expand(images.shape[0], -1, -1), x], 1)
        x = self.low(x)
        q, k, v = self.mix(self.norm(x)).chunk(3, 2)
        x = x + nn.functional.scaled_dot_product_attention(q, k, v)
        return self.head(x[:, 0] if self.own is not None else x.mean(1))


class Last(nn.Module):
    """Channels last, as Swin has them, then a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.low = nn.Conv2d(3, 6, 2, 2), nn.Linear(6, 5)
        self.pool, self.head = nn.Linear(5, 7), nn.Linear(7, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.low(self.patch(images).permute(0, 2, 3, 1))
        return self.head(self.pool((x + x.flip(1)).mean((1, 2))).relu())


class Maps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.low, self.high, self.head = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 1), nn.Linear(4, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.low(images).relu()
        return self.head((x + self.high(x)).mean((2, 3)))


@pytest.mark.parametrize(
    ("module", "cut", "shape", "port"),
    [
        (Tokens(0), "low", (16, 6), (6, 4, 4)),
        (Tokens(1), "low", (17, 6), (6, 5, 4)),
        (Tokens(3), "low", (19, 6), (6, 5, 4)),
        (Tokens(4), "low", (20, 6), (6, 5, 4)),
        (Tokens(6), "low", (22, 6), (6, 22, 1)),
        (Last(), "low", (4, 4, 5), (5, 4, 4)),
        (Last(), "relu", (7,), (7, 1, 1)),
    ],
    ids=str,
)
def test_ports(module: nn.Module, cut: str, shape: tuple[int, ...], port: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    found = export(module.eval().requires_grad_(False), (3, SIDE, SIDE))
    made = with_map(cut_at(found.operations, cut), shape)
    assert not is_map(shape)
    assert is_map(port)
    f, g = (build_graph(part) for part in made.parts)
    for part in (f, g):
        state = {**module.state_dict(), **found.constants}
        part.load_state_dict({name: state[name] for name in part.graph.tensors})
    images = torch.randn(3, 3, SIDE, SIDE)
    with torch.no_grad():
        features = f(images)
        assert features.shape == (3, *port)
        assert torch.equal(g(features), module(images))


def test_maps_stay() -> None:
    found = cut_at(export(Maps().eval(), (3, SIDE, SIDE)).operations, "relu")
    assert with_map(found, (4, 4, 4)) is found


def test_tokens_vectors_and_maps_are_joined() -> None:
    torch.manual_seed(0)
    network = Network("mixed", input_shape=(3, SIDE, SIDE))
    tokens = {"kernel": 3, "activation": "none", "method": "closed-form"}
    network.add_task("classify", {"kind": "binary"}, adapter=tokens)
    teachers = {"maps": (Maps(), "relu"), "tokens": (Tokens(1), "low"), "vector": (Last(), "relu")}
    for name, (module, cut) in teachers.items():
        network.add_teacher(name, module, category=name, task="classify", cut=cut)
    assert not network.transplant().failed
    app = network.compile("maps:classify", "tokens:classify", "vector:classify")
    images = torch.rand(2, 3, SIDE, SIDE)
    assert all(each.shape == (2, 1) and bool(each.isfinite().all()) for each in app(images).values())
    native = network.compile("maps:classify")(images)
    torch.testing.assert_close(native, network.teacher("maps")(images))
