"""A program's bricks and groups become modules. Needs torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from legonet.blocks.registry import make_layer
from legonet.blocks.rescale import Rescale
from legonet.compile.program import Brick, Program, Step, joined_name
from legonet.compile.weights import Layers
from legonet.ir.notation import BatchNorm, Conv, ConvTranspose, Layer, Relu
from legonet.ir.notation import Rescale as RescaleLayer

Place = tuple[str, str]
"""Kind and name of a module in a compiled network, such as ("categories", "cat")."""


def build_modules(program: Program, layers: Layers) -> tuple[dict[Place, nn.Module], dict[str, Place]]:
    """Make the modules of a program.

    Args:
        program: that is to run.
        layers: of the stored modules that it names.

    Returns:
        The modules by kind and name, and where the module of each call is.
    """
    modules: dict[Place, nn.Module] = {}
    places: dict[str, Place] = {}
    leaves: dict[Step, nn.Module] = {}
    for call in program.calls:
        bricks = [program.bricks[name] for name in call.bricks]
        if call.is_group:
            shared = len(set(call.reads)) == 1
            place = _free(modules, bricks[0].kind, joined_name([each.name for each in bricks]))
            modules[place] = build_group(bricks, layers, shared)
        else:
            place = (bricks[0].kind, bricks[0].name)
            if place not in modules:
                modules[place] = build_brick(bricks[0], layers, leaves)
        places[call.name] = place
    return modules, places


def _free(modules: dict[Place, nn.Module], kind: str, name: str) -> Place:
    number, found = 2, name
    while (kind, found) in modules:
        found, number = f"{name}-{number}", number + 1
    return kind, found


def build_brick(brick: Brick, layers: Layers, made: dict[Step, nn.Module] | None = None) -> nn.Module:
    """Make one brick's module; stored weights are used as they are.

    Args:
        brick: its steps.
        layers: the stored layers.
        made: layers that are made already; equal steps of several bricks are one layer.
    """
    made = {} if made is None else made
    if brick.steps and brick.steps[0].layer is None:
        return layers[str(brick.steps[0].weights)]
    return chain((step.name, _layer(step, layers, made)) for step in brick.steps)


def chain(named: Iterable[tuple[str, nn.Module]]) -> nn.Sequential:
    """An nn.Sequential of named layers; names with dots nest."""
    root = nn.Sequential()
    for name, layer in named:
        parent = root
        *prefixes, last = name.split(".")
        for prefix in prefixes:
            if prefix not in parent._modules:
                parent.add_module(prefix, nn.Sequential())
            parent = parent.get_submodule(prefix)
        parent.add_module(last, layer)
    return root


def _layer(step: Step, layers: Layers, made: dict[Step, nn.Module]) -> nn.Module:
    if step.in_place and isinstance(step.layer, Relu):
        return nn.ReLU(inplace=True)
    if isinstance(step.weights, str) and step.weights:
        return layers[step.weights]
    if not step.weights:
        return _with_state(step.layer, {})
    if step not in made:
        made[step] = _with_state(step.layer, layers.tensors(step))
    return made[step]


def _with_state(layer: Layer | None, state: dict[str, Tensor]) -> nn.Module:
    assert layer is not None  # noqa: S101 - a module that is no chain has no steps to build
    module = make_layer(layer, "meta" if state else "cpu")
    module.load_state_dict(state, assign=True)
    return module


class SideBySide(nn.Module):
    """Re-scaling of several members that stand side by side in the channels.

    Args:
        betas: one per member.
    """

    betas: Tensor

    def __init__(self, betas: Sequence[Tensor]) -> None:
        super().__init__()
        self.register_buffer("betas", torch.stack(list(betas)))

    def forward(self, features: Tensor) -> Tensor:
        """Scale features (batch, members x channels, height, width)."""
        each = features.unflatten(1, (len(self.betas), -1))
        return (each * self.betas.view(-1, 1, 1, 1)).flatten(1, 2)


def build_group(bricks: Sequence[Brick], layers: Layers, shared: bool) -> nn.Module:
    """Make one module of several bricks of one architecture, side by side in the channels.

    Args:
        bricks: the members.
        layers: the stored layers.
        shared: all read the same value, so that the first convolution sees it once.
    """
    members = len(bricks)
    named: list[tuple[str, nn.Module]] = []
    for level in zip(*(brick.steps for brick in bricks), strict=True):
        convolved = any(isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) for _, layer in named)
        named.append((level[0].name, _side_by_side(level, layers, members, shared and not convolved)))
    return chain(named)


def _side_by_side(level: Sequence[Step], layers: Layers, members: int, shared: bool) -> nn.Module:
    layer = level[0].layer
    if isinstance(layer, RescaleLayer):
        rescales = [layers[str(step.weights)] for step in level]
        return SideBySide([each.beta for each in rescales if isinstance(each, Rescale)])
    if isinstance(layer, Conv | ConvTranspose):
        wide = layer.model_copy(
            update={
                "in_channels": layer.in_channels * (1 if shared else members),
                "out_channels": layer.out_channels * members,
                "groups": layer.groups * (1 if shared else members),
            }
        )
    elif isinstance(layer, BatchNorm):
        wide = layer.model_copy(update={"channels": layer.channels * members})
    else:
        return _layer(level[0], layers, {})
    states = [layers.tensors(step) for step in level]
    state = {
        name: torch.cat([each[name] for each in states]) if value.ndim else value.clone()
        for name, value in states[0].items()
    }
    return _with_state(wide, state)
