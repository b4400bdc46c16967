"""A graph of operations becomes an nn.Module that computes it. Needs torch.

The module calls the very functions that the original model called, so that its output is the same bit for
bit; its state dict has the original's names. It needs neither the original's class nor its code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from legonet.blocks.operations import INPUT, Operation, Operations
from legonet.errors import BlockError

Observe = Callable[[Operation, list[Any], dict[str, Any]], None]

# What makes a tensor of its own makes it where the input is.
_PLACED = frozenset(
    ["arange", "arange.start", "arange.start_step", "full", "linspace", "ones", "scalar_tensor", "zeros"]
)


class OperationModule(nn.Module):
    """A model that computes a graph of operations.

    Args:
        operations: The model.
        device: Where its tensors are made, with values of no meaning; "meta" makes none.

    Attributes:
        operations: The model.
    """

    def __init__(self, operations: Operations, device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.operations = operations
        self._calls = [(step, _function(step.function)) for step in operations.steps.values()]
        self._frees = _frees(operations)
        self._owners: dict[str, tuple[nn.Module, str]] = {}
        for name, spec in operations.tensors.items():
            tensor = torch.empty(spec.shape, dtype=getattr(torch, spec.dtype), device=device)
            self._owners[name] = _register(self, name, tensor, spec.buffer)

    def tensor(self, name: str) -> Tensor:
        """A tensor by its name in the state dict."""
        owner, last = self._owners[name]
        found = owner._parameters[last] if last in owner._parameters else owner._buffers[last]
        assert found is not None  # noqa: S101 - registered with a value
        return found

    def forward(self, features: Tensor) -> Tensor:
        """Compute the model's output, (batch, …), from (batch, …)."""
        return self.run(features)

    def run(self, features: Tensor, observe: Observe | None = None) -> Tensor:
        """Compute the output.

        Args:
            features: (batch, …).
            observe: Told of each operation and its arguments, before it is computed.
        """
        values: dict[str, Any] = {INPUT: features}
        for step, function in self._calls:
            arguments = [self.resolve(each, values, features) for each in step.arguments]
            keywords = {key: self.resolve(each, values, features) for key, each in step.keywords.items()}
            if step.function in _PLACED:
                keywords["device"] = features.device
            if observe is not None:
                observe(step, arguments, keywords)
            values[step.name] = function(*arguments, **keywords)
            for name in self._frees.get(step.name, ()):
                del values[name]
        return values[self.operations.output]

    def resolve(self, value: Any, values: Mapping[str, Any], features: Tensor) -> Any:
        """An argument's value: results so far by name, tensors, the batch's size."""
        if isinstance(value, list | tuple):
            return [self.resolve(each, values, features) for each in value]
        if not isinstance(value, Mapping):
            return value
        ((mark, content),) = value.items()
        if mark == "ref":
            return values[content]
        if mark == "tensor":
            return self.tensor(content)
        if mark == "batch":
            return features.shape[0] * content
        return getattr(torch, content) if mark == "dtype" else float("inf") * content


def build_operations(operations: Operations, device: torch.device | str = "cpu") -> OperationModule:
    """Make the module of a graph of operations, in evaluation mode; its values have no meaning yet."""
    return OperationModule(operations, device).eval()


def operations_shape(module: OperationModule, input_shape: tuple[int, ...], where: str) -> tuple[int, ...]:
    """Find the shape of the output, without the batch, without weights and without computing.

    Raises:
        BlockError: The operations cannot take an input of this shape.
    """
    return operation_shapes(module, input_shape, where)[module.operations.output]


def operation_shapes(
    module: OperationModule, input_shape: tuple[int, ...], where: str
) -> dict[str, tuple[int, ...]]:
    """Find the shapes of all results that are tensors with the batch as first axis, without it.

    Raises:
        BlockError: The operations cannot take an input of this shape.
    """
    batch = 7  # a number that no other axis is likely to have
    model = module if _is_meta(module) else build_operations(module.operations, "meta")
    values: dict[str, Any] = {INPUT: torch.empty((batch, *input_shape), device="meta")}
    shapes: dict[str, tuple[int, ...]] = {INPUT: tuple(input_shape)}
    with torch.no_grad():
        for step in model.operations.steps.values():
            function, features = bound(step, "meta"), values[INPUT]
            arguments = [model.resolve(each, values, features) for each in step.arguments]
            keywords = {key: model.resolve(each, values, features) for key, each in step.keywords.items()}
            try:
                value = function(*arguments, **keywords)
            except (RuntimeError, ValueError, IndexError, TypeError) as error:
                line = str(error).strip().split("\n")[0].rstrip(".")
                raise BlockError(
                    f"{where}.{step.name}: {step.function} cannot take its input: {line}; expected a model "
                    f"traced with images like these, {input_shape}; choose its input's shape, or trace it "
                    "again"
                ) from error
            values[step.name] = value
            if isinstance(value, Tensor) and value.ndim and value.shape[0] == batch:
                shapes[step.name] = tuple(value.shape[1:])
    if module.operations.output not in shapes:
        raise BlockError(
            f"{where}: its output has no axis for the batch; expected (batch, …); choose another cut"
        )
    return shapes


def _is_meta(module: OperationModule) -> bool:
    return all(each.is_meta for each in (*module.parameters(), *module.buffers()))


def bound(step: Operation, device: torch.device | str) -> Callable[..., Any]:
    """The function of a step; what makes a tensor of its own makes it on the device."""
    function = _function(step.function)
    return partial(function, device=device) if step.function in _PLACED else function


def _function(name: str) -> Callable[..., Any]:
    if name == "getitem":
        return lambda values, index: values[index]
    packet, _, overload = name.partition(".")
    return getattr(getattr(torch.ops.aten, packet), overload or "default")


def _frees(operations: Operations) -> dict[str, list[str]]:
    """After which step which results are no longer needed."""
    frees: dict[str, list[str]] = {}
    for name, last in operations.last_uses().items():
        if name != operations.output:
            frees.setdefault(last, []).append(name)
    return frees


def _register(root: nn.Module, name: str, tensor: Tensor, buffer: bool) -> tuple[nn.Module, str]:
    """Put a tensor at its nested name. Unlike add_module, names such as `type` are taken as they are."""
    *prefixes, last = name.split(".")
    owner = root
    for prefix in prefixes:
        child = owner._modules.get(prefix)
        if child is None:
            child = owner._modules[prefix] = nn.Module()
        owner = child
    if buffer or not tensor.is_floating_point():
        owner._buffers[last] = tensor
    else:
        owner._parameters[last] = nn.Parameter(tensor, requires_grad=False)
    return owner, last
