"""What a model keeps from earlier calls, such as anchors for the size of its images. Needs torch.

A model that was called before it is given may hold tensors for the batch that it was called with. They are
put back to what a new model has, as far as that can be known: the class's own value, else nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from legonet.teachers.tracing.evaluation import evaluating

_BATCHES = (3, 4)  # neither is the batch that models are traced with


def forget(module: nn.Module, input_shape: tuple[int, ...]) -> list[str]:
    """Put back the attributes that calls of other batches change, in place.

    Args:
        module: A model, in evaluation mode.
        input_shape: Of one image: (channels, height, width).

    Returns:
        Their names, such as `head.anchors`.
    """
    place = next((each.device for each in module.parameters()), torch.device("cpu"))
    states = []
    with torch.no_grad(), evaluating(module):
        for batch in _BATCHES:
            module(torch.zeros(batch, *input_shape, device=place))
            states.append({key: copy.copy(value) for key, value in _attributes(module)})
    modules, found = dict(module.named_modules()), []
    first, second = states
    for (prefix, name), value in second.items():
        if (prefix, name) in first and _equal(first[prefix, name], value):
            continue
        owner = modules[prefix]
        if hasattr(type(owner), name):
            vars(owner).pop(name, None)
        else:
            vars(owner)[name] = type(value)() if isinstance(value, dict | list | set) else None
        found.append(f"{prefix}.{name}" if prefix else name)
    return found


def _attributes(module: nn.Module) -> Iterator[tuple[tuple[str, str], Any]]:
    """The plain attributes of all modules: no tensors of the state dict, no modules, no hooks."""
    for prefix, each in module.named_modules():
        for name, value in vars(each).items():
            if not name.startswith("_") or isinstance(value, Tensor):
                yield (prefix, name), value


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(value, b[key]) for key, value in a.items())
    try:
        return a is b or bool(a == b)
    except Exception:  # comparisons of foreign values may raise anything
        return False
