"""Weights as people keep them: safetensors, or a PyTorch checkpoint, of which no code is run. Needs torch."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from legonet.blocks.library import LIBRARIES
from legonet.errors import TeacherError

# Where training scripts put the weights, and what wrappers put before every name.
WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "module", "weights")
PREFIXES = ("module.", "model.", "_orig_mod.", "net.", "backbone.")
LONGEST_LIST = 20
_COUNTER = "num_batches_tracked"


def read_checkpoint(path: Path, where: str = "weights") -> dict[str, Tensor]:
    """Read a file of weights; they stay on the disk until they are used.

    Args:
        path: A safetensors file, or a checkpoint of torch.save.
        where: What messages call it.

    Returns:
        Tensors by name, as in the file.

    Raises:
        TeacherError: The file cannot be read, is damaged, holds code, or no weights.
    """
    place = f"{where}: {path}"
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise TeacherError(
            f"{place}: cannot be read: {error.strerror or error}; expected a file of weights; check the path"
        ) from error
    if start[:2] == b"PK" or start[:1] == b"\x80":
        return _unwrapped(_pickled(path, place, mapped=start[:2] == b"PK"), place)
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, ValueError, OSError) as error:
        raise TeacherError(
            f"{place}: {error}; expected a whole safetensors file, or a checkpoint of torch.save; copy it "
            "again"
        ) from error


def _pickled(path: Path, place: str, mapped: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the pickle's protocol
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise TeacherError(
            f"{place}: holds more than weights ({_line(error)}), and reading that would run code; expected "
            "tensors only; where you trust its maker, load it there and save model.state_dict() again"
        ) from error
    except Exception as error:  # what a damaged pickle leads to is not bounded
        raise TeacherError(
            f"{place}: cannot be read: {_line(error)}; expected a whole checkpoint; copy or save it again"
        ) from error


def _line(error: Exception) -> str:
    text = str(error).split("WeightsUnpickler error:")[-1].strip().split("\n")[0]
    return text.split(". ")[0].split(" was not an allowed")[0].rstrip(".") or type(error).__name__


def _unwrapped(found: Any, place: str) -> dict[str, Tensor]:
    while isinstance(found, Mapping) and not _is_state(found):
        inside = [found[key] for key in WRAPPERS if isinstance(found.get(key), Mapping)]
        if not inside:
            break
        found = inside[0]
    if not isinstance(found, Mapping) or not _is_state(found):
        what = listed_keys(found) if isinstance(found, Mapping) else f"a {type(found).__name__}"
        raise TeacherError(f"{place}: holds {what}; expected tensors by name; save model.state_dict()")
    return {str(name): value for name, value in found.items() if isinstance(value, Tensor)}


def listed_keys(found: Mapping[Any, Any]) -> str:
    """The first keys of a mapping, for messages."""
    keys = [str(key) for key in list(found)[:5]]
    return f"the keys {', '.join(keys)}" if keys else "nothing"


def _is_state(found: Mapping[Any, Any]) -> bool:
    return bool(found) and all(isinstance(value, Tensor) for value in found.values())


def fill(
    module: nn.Module, weights: Mapping[str, Tensor], where: str = "weights", model: str | None = None
) -> None:
    """Give a model its weights; prefixes that wrappers put before every name are taken off.

    Args:
        module: On any device; on "meta" it takes the tensors as they are.
        weights: By name.
        where: What messages call them.
        model: What messages call the model; default: by its class.

    Raises:
        TeacherError: Weights are missing, not expected or of another shape; the model is unchanged.
    """
    expected = module.state_dict()
    named = _best(weights, expected)
    missing = [name for name in expected if name not in named and not name.endswith(_COUNTER)]
    unexpected = [name for name in named if name not in expected and not name.endswith(_COUNTER)]
    wrong = [
        f"shape: {name} {list(named[name].shape)}; the model has {list(value.shape)}"
        for name, value in expected.items()
        if name in named and named[name].shape != value.shape
    ]
    problems = [f"missing: {name} {list(expected[name].shape)}" for name in missing]
    problems += [f"not expected: {name} {list(named[name].shape)}" for name in unexpected] + wrong
    if problems:
        shown = problems[:LONGEST_LIST]
        if len(problems) > len(shown):
            shown.append(f"and {len(problems) - len(shown)} more")
        raise TeacherError(
            f"{where}: the weights are of another model: {len(missing)} missing, {len(unexpected)} not "
            f"expected, {len(wrong)} of another shape; expected those of {model or type(module).__name__}; "
            f"{_advice(model, bool(missing or unexpected))}\n" + "\n".join(f"  {each}" for each in shown)
        )
    given = {name: value.to(expected[name].dtype) for name, value in named.items() if name in expected}
    module.load_state_dict(given, strict=False, assign=True)


def _advice(model: str | None, other_names: bool) -> str:
    choose = "choose the model that they were trained in"
    library = model is not None and model.partition(":")[0] in LIBRARIES
    if other_names or not library:
        return choose
    return f"{choose}: a file in blocks/ with `builder: {model}` and its `arguments`, such as num_classes"


def _best(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names that most of the model's are among, prefixes taken off or not."""
    best, seen = dict(weights), {tuple(weights)}
    candidates = [best]
    while candidates:
        names = candidates.pop()
        if len(set(names) & set(expected)) > len(set(best) & set(expected)):
            best = names
        for prefix in PREFIXES:
            if names and all(name.startswith(prefix) for name in names):
                shorter = {name.removeprefix(prefix): value for name, value in names.items()}
                if tuple(shorter) not in seen:
                    seen.add(tuple(shorter))
                    candidates.append(shorter)
    return best
