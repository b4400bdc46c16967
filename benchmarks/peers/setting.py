"""What every peer is given, and what is measured of what it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn

from benchmarks.experiments import GENERIC, TARGETS
from benchmarks.teacher_training import normalise
from benchmarks.train_teachers import CLASSIFY, CUT
from legonet.blocks.build import build_layers
from legonet.data import animals
from legonet.evaluate import scores
from legonet.network import Network
from legonet.store.blobs import MemoryStore
from legonet.store.tensors import read_tensors
from legonet.store.workspace import shipped_folder
from legonet.teachers.weights.mapped_tensors import raw_view

ORDER = (GENERIC, *TARGETS)
Split = Literal["validation", "test"]


@dataclass(frozen=True)
class Peer:
    """One way to one network.

    Attributes:
        name: as the table has it.
        make: gives the network: images (batch, 3, height, width) in [0, 1] in, scores (batch, categories) in
            the order of `ORDER` out.
        labelled: images of each category that it is given with labels.
        unlabelled: those that it is given without.
    """

    name: str
    make: Callable[[Setting], nn.Module]
    labelled: int = 0
    unlabelled: int = 0


class Setting:
    """The animals' classifiers, and images to learn from.

    Args:
        seed: of the images, and of all that is random.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.images = lru_cache(maxsize=None)(self._images)

    def network(self) -> Network:
        """The animals network as it is shipped, nothing fitted; nothing is written beside it."""
        network = Network.load(shipped_folder("graphs") / "animals.yaml")
        network.store, network.path = MemoryStore(), None
        return network

    def teacher(self, category: str) -> nn.Sequential:
        """A category's teacher as a chain of torch's layers, frozen; images normalised in, scores out."""
        net = build_layers(CLASSIFY.block.layers or {})
        path = shipped_folder("graphs") / "teachers" / f"{category}-classify.safetensors"
        raw = read_tensors(memoryview(bytearray(path.read_bytes())), path.name).tensors
        net.load_state_dict({name: raw_view(tensor).float() for name, tensor in raw.items()})
        return net.eval().requires_grad_(False)

    def halves(self, category: str) -> tuple[nn.Sequential, nn.Sequential]:
        """The teacher's f and g_T."""
        net = self.teacher(category)
        at = [name for name, _ in net.named_children()].index(CUT) + 1
        return net[:at], net[at:]

    def _images(self, category: str, count: int) -> tuple[Tensor, Tensor]:
        """Training images of a category, normalised, half of them of it, and labels of 0 and 1."""
        drawn = animals.single_category(category, seed=self.seed)
        return normalise(drawn.images[:count]), drawn.labels[:count]


class Joined(nn.Module):
    """Category modules, each with what stands above it.

    Args:
        below: the category modules, in the order of `ORDER`.
        above: gives one score each.
    """

    def __init__(self, below: Iterable[nn.Module], above: Iterable[nn.Module]) -> None:
        super().__init__()
        self.below, self.above = nn.ModuleList(below), nn.ModuleList(above)

    def forward(self, images: Tensor) -> Tensor:
        """Return scores (batch, categories) of images in [0, 1]."""
        images = normalise(images)
        pairs = zip(self.below, self.above, strict=True)
        return torch.cat([above(below(images)) for below, above in pairs], 1)


def errors(whole: nn.Module, split: Split) -> dict[str, float]:
    """The part of each category's images that are decided wrongly, in percent."""
    found = {}
    for index, category in enumerate(ORDER):
        held_out = animals.single_category(category, split)
        said = scores(whole, held_out.images)[:, index] > 0
        found[category] = 100 * float((said != held_out.labels.bool()).float().mean())
    return found


def bytes_of(whole: nn.Module) -> int:
    """What its weights take; what is shared counts once."""
    tensors = {each.data_ptr(): each for each in (*whole.parameters(), *whole.buffers())}
    return sum(each.numel() * each.element_size() for each in tensors.values())
