"""Models are built without values for their weights."""

from __future__ import annotations

import torch
from torch import nn

from legonet.blocks.weightless import with_room, without_values


class Net(nn.Module):
    """A recorded buffer, one that is not, and a weight that two modules share."""

    def __init__(self, looks: bool = False) -> None:
        super().__init__()
        self.conv, self.norm, self.last = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 4)
        self.register_buffer("places", torch.arange(4.0), persistent=False)
        self.head = nn.Linear(4, 4)
        self.head.weight = self.last.weight
        if looks:
            self.scale = float(self.last.weight.mean())


def test_parameters_have_no_values_and_buffers_have() -> None:
    built = without_values(Net)
    assert all(each.is_meta and each.requires_grad for each in built.parameters())
    assert not any(each.is_meta for each in built.buffers())
    assert built.get_submodule("head").weight is built.get_submodule("last").weight
    assert not nn.Linear(2, 2).weight.is_meta


def test_code_that_looks_at_its_weights_gets_them() -> None:
    built = without_values(lambda: Net(looks=True))
    assert not any(each.is_meta for each in built.parameters())


def test_room_is_made_for_what_is_traced() -> None:
    made = with_room(without_values(Net))
    assert not any(each.is_meta for each in made.parameters())
    assert made.get_parameter("conv.weight").shape == (4, 3, 3, 3)
