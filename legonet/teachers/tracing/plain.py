"""A model as people bring it becomes a plain one for as long as it is taken in. Needs torch.

Wrappers are taken off (`DataParallel`, `torch.compile`, averages), parametrizations become the tensors that
they compute, and weights in other floating-point types become float32. What cannot be a teacher is refused
here, before anything is run. The model itself gets its own state back afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from legonet.errors import TeacherError
from legonet.graph.suggest import kind_of, listed
from legonet.teachers.tracing.evaluation import evaluating, restoring
from legonet.teachers.tracing.meant import InFloat32
from legonet.teachers.tracing.programs import ProgramModel

# What wraps a model without changing what it computes, by the class's name, since some need other packages;
# and where each keeps the model.
_WRAPPERS = {
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "OptimizedModule": "_orig_mod",
    "AveragedModel": "module",
    "ModelEma": "ema",
    "ModelEmaV2": "module",
    "ModelEmaV3": "module",
    "DeepSpeedEngine": "module",
    "_FabricModule": "module",
}
# Older parametrizations: hooks that compute a tensor before each call, and the attribute with its name.
_HOOKS: dict[type, str] = {WeightNorm: "name", SpectralNorm: "name", BasePruningMethod: "_tensor_name"}


@dataclass(frozen=True)
class PlainModel:
    """A model that can be traced.

    Attributes:
        module: Without wrappers.
        notes: What was done to it, as sentences without a full stop.
    """

    module: nn.Module
    notes: tuple[str, ...] = ()


@contextmanager
def plain(given: nn.Module, where: str) -> Iterator[PlainModel]:
    """Make a model plain; afterwards it is as it was.

    Args:
        given: As its owner has it.
        where: What messages call it.

    Raises:
        TeacherError: It is no Python module, is quantised, or has parameters that were never made.
    """
    module, notes = unwrapped(given), list[str]()
    if module is not given:
        notes.append(f"it was taken out of {type(given).__name__}")
    _expect_plain(module, where)
    if isinstance(module, ProgramModel):
        _expect_float32(module, where)
        yield PlainModel(module, tuple(notes))
        return
    with restoring(module):
        inner = _unwrap_inside(module)
        if inner:
            notes.append(f"{listed(inner)} taken out of wrappers")
        folded = _fold(module)
        if folded:
            notes.append(f"{listed(folded)} kept as the tensors that their parametrizations compute")
        types = _to_float32(module)
        if types:
            names = [str(each).removeprefix("torch.") for each in types]
            notes.append(f"its weights were converted from {listed(names, ' and ')} to float32")
        with InFloat32(types) if types else nullcontext():
            yield PlainModel(module, tuple(notes))


def unwrapped(module: nn.Module) -> nn.Module:
    """The model inside wrappers that compute nothing."""
    while True:
        names = [each.__name__ for each in type(module).__mro__]
        inside = next((_WRAPPERS[name] for name in names if name in _WRAPPERS), None)
        found = None if inside is None else getattr(module, inside, None)
        if not isinstance(found, nn.Module):
            return module
        module = found


def _unwrap_inside(module: nn.Module) -> list[str]:
    """Take wrappers off modules inside, and give their names; graphs compiled in place are left unused."""
    found = []
    for name, owner in list(module.named_modules()):
        owner.__dict__["_compiled_call_impl"] = None
        for key, child in owner._modules.items():
            plain = None if child is None else unwrapped(child)
            if plain is not child:
                owner._modules[key] = plain
                found.append(f"{name}.{key}" if name else key)
    return found


def _expect_plain(module: Any, where: str) -> None:
    if not isinstance(module, nn.Module):
        raise TeacherError(f"{where}: it is {kind_of(module)}; expected an nn.Module; give the model itself")
    for name, each in module.named_modules():
        place = f"{where}.{name}" if name else where
        if isinstance(each, torch.jit.ScriptModule):
            raise TeacherError(
                f"{place}: it is a TorchScript model; expected the Python model that it was made from; build "
                "that one, and give it the weights of `scripted.state_dict()`"
            )
        kind = f"{type(each).__module__}."
        if kind.startswith(("torch.ao.quantization.fake_quantize.", "torch.ao.quantization.observer.")):
            raise TeacherError(
                f"{place}: it is prepared for quantisation ({type(each).__name__}); expected floating-point "
                "weights alone; give the model as it was before it was prepared, with these weights"
            )
        if ".quantized." in kind or ".ao.nn.quantizable" in kind:
            raise TeacherError(
                f"{place}: it is quantised ({type(each).__name__}); expected floating-point weights; give "
                "the model from before it was quantised"
            )
        for key, tensor in (*each._parameters.items(), *each._buffers.items()):
            if tensor is None:
                continue
            if nn.parameter.is_lazy(tensor):
                raise TeacherError(
                    f"{place}.{key}: it has no shape yet, since {type(each).__name__} has seen no image; "
                    "expected a trained model; call it once with an image, then load its weights"
                )
            if tensor.is_quantized:
                raise TeacherError(
                    f"{place}.{key}: it is quantised ({tensor.dtype}); expected floating-point weights; give "
                    "the model from before it was quantised"
                )


def _expect_float32(program: ProgramModel, where: str) -> None:
    """Refuse a program whose operations are fixed for weights of another type."""
    for name, tensor in program.state_dict().items():
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise TeacherError(
                f"{where}: was exported with weights in {kind}, such as {name}; expected float32; export "
                "`model.float()`"
            )


def _fold(module: nn.Module) -> list[str]:
    """Put in the place of each parametrized tensor what it is computed to be; gives their names."""
    with torch.no_grad(), evaluating(module):
        values = {prefix: _computed(owner) for prefix, owner in module.named_modules()}
    for prefix, names in values.items():
        if not names:
            continue
        owner = module.get_submodule(prefix)
        for key, hook in list(owner._forward_pre_hooks.items()):
            if isinstance(hook, tuple(_HOOKS)):
                del owner._forward_pre_hooks[key]
        if _parametrized(owner):
            owner.__class__ = parametrize.type_before_parametrizations(owner)
            del owner._modules["parametrizations"]
        for name, value in names.items():
            for key in (name, *(f"{name}_{part}" for part in ("g", "v", "u", "orig", "mask"))):
                for held in (owner._parameters, owner._buffers, owner.__dict__):
                    held.pop(key, None)
            owner._parameters[name] = nn.Parameter(value.detach(), requires_grad=False)
    return [f"{prefix}.{name}".removeprefix(".") for prefix, names in values.items() for name in names]


def _computed(owner: nn.Module) -> dict[str, Tensor]:
    """The tensors that a module's parametrizations compute."""
    found = {name: getattr(owner, name) for name in _parametrized(owner)}
    for hook in owner._forward_pre_hooks.values():
        for kind, attribute in _HOOKS.items():
            if isinstance(hook, kind):
                hook(owner, ())
                name = getattr(hook, attribute)
                found[name] = owner.__dict__[name]
    return found


def _parametrized(owner: nn.Module) -> list[str]:
    return list(owner.parametrizations) if parametrize.is_parametrized(owner) else []  # type: ignore[arg-type]


def _to_float32(module: nn.Module) -> list[torch.dtype]:
    """Convert all other floating-point tensors; gives the types that there were."""
    types: dict[torch.dtype, None] = {}
    known: dict[int, Tensor] = {}  # a tensor that several modules share stays one
    for owner in module.modules():
        for held in (owner._parameters, owner._buffers):
            for key, tensor in held.items():
                if tensor is None or not tensor.is_floating_point() or tensor.dtype == torch.float32:
                    continue
                types[tensor.dtype] = None
                if id(tensor) not in known:
                    value = tensor.detach().float()
                    known[id(tensor)] = (
                        nn.Parameter(value, requires_grad=False) if held is owner._parameters else value
                    )
                held[key] = known[id(tensor)]  # type: ignore[assignment]
    return list(types)
