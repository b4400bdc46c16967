"""Selected paths of a transplant network as one nn.Module: image batch in, outputs out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from legonet.graph.schema import Input


class Normalise(nn.Module):
    """(image - mean) / std, per channel.

    Args:
        mean: one number per channel, in units of an image in [0, 1].
        std: likewise; greater than 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Normalise images (batch, channels, height, width)."""
        return (images - self.mean) / self.std


def normalisation(meaning: Input) -> nn.Module:
    """The module that turns images in [0, 1] into what category modules take."""
    if meaning.mean is None and meaning.std is None:
        return nn.Identity()
    channels = meaning.shape[0]
    return Normalise(meaning.mean or (0.0,) * channels, meaning.std or (1.0,) * channels)


class Bricks(nn.Module):
    """Modules by name. Unlike nn.ModuleDict it takes names such as `train`, which a module has itself."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, module in modules.items():
            self._modules[name] = module

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep a module called `training` from taking the flag of that name for itself."""
        if name == "training":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def __getitem__(self, name: str) -> nn.Module:
        return cast(nn.Module, self._modules[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


@dataclass(frozen=True)
class Path:
    """One path of a compiled network: a native one has no adapter."""

    category: str
    task: str
    native: bool

    @property
    def name(self) -> str:
        """`category:task`."""
        return f"{self.category}:{self.task}"


class CompiledNetwork(nn.Module):
    """Some paths of a transplant network; each category module runs once, whatever paths share it.

    Args:
        paths: in the order of the outputs.
        input_stage: normalises images.
        categories: category modules by name.
        adapters: adapters by path.
        tasks: task modules by name.
    """

    def __init__(
        self,
        paths: tuple[Path, ...],
        input_stage: nn.Module,
        categories: Mapping[str, nn.Module],
        adapters: Mapping[str, nn.Module],
        tasks: Mapping[str, nn.Module],
    ) -> None:
        super().__init__()
        self.paths = paths
        self.input = input_stage
        self.categories = Bricks(categories)
        self.adapters = Bricks(adapters)
        self.tasks = Bricks(tasks)

    def forward(self, images: Tensor) -> Tensor | dict[str, Tensor]:
        """Run all paths.

        Args:
            images: (batch, channels, height, width) in [0, 1].

        Returns:
            The output of a single path; of several, a dict by path.
        """
        normalised = self.input(images)
        features: dict[str, Tensor] = {}
        outputs: dict[str, Tensor] = {}
        for path in self.paths:
            if path.category not in features:
                features[path.category] = self.categories[path.category](normalised)
            value = features[path.category]
            value = value if path.native else self.adapters[path.name](value)
            outputs[path.name] = self.tasks[path.task](value)
        return outputs[self.paths[0].name] if len(self.paths) == 1 else outputs
