"""Weights as people keep them: safetensors, or a PyTorch checkpoint, of which no code is run. Needs torch."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from legonet import foreign
from legonet.errors import StoreError, TeacherError, first_line
from legonet.graph.suggest import did_you_mean, in_lines, kind_of, listed
from legonet.store.memory_map import map_bytes
from legonet.store.tensors import is_pickle, read_tensors
from legonet.teachers.models.library import with_argument
from legonet.teachers.tracing.programs import ProgramModel
from legonet.teachers.weights.beside import Array
from legonet.teachers.weights.forms import expect_no_other_form, files_of
from legonet.teachers.weights.mapped_tensors import raw_view
from legonet.teachers.weights.naming import COUNTER, Named, in_order, named_for
from legonet.teachers.weights.scratch import Scratch
from legonet.teachers.weights.torch_files import MOST_TENSORS, StoredTensor, TorchFile, read_old, read_zip

# Where training scripts put the weights, and what wrappers put before every name.
WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "module", "weights")
_STATES = ("optim", "sched", "scaler", "rng", "callback")  # of the training, with tensors of their own
AVERAGES = ("state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema")
_DEEPEST = 8  # mappings in mappings that weights are looked for in


def read_checkpoint(
    path: Path,
    where: str = "weights",
    scratch: Scratch | None = None,
    key: str | None = None,
    tell: Callable[[str], None] | None = None,
    *,
    follow: bool = True,
) -> dict[str, Tensor]:
    """Read a file of weights; they stay on the disk until they are used.

    Args:
        path: A safetensors file, or a checkpoint of torch.save.
        where: What messages call it.
        scratch: Where weights go that cannot be mapped: those of torch before 1.6, which lie anywhere in the
            file; default: beside it.
        key: Which of several sets of weights, such as `state_dict_ema`; default: the plain ones.
        tell: Called with a sentence that says which was taken, if there are several.
        follow: A link is followed: the user named it.

    Returns:
        Tensors by name, as in the file.

    Raises:
        TeacherError: The file cannot be read, is damaged, holds code, or no weights.
    """
    place = f"{where}: {path}"
    files = files_of(path, place, follow=follow)
    if files is not None:
        parts = [read_checkpoint(file, where, scratch, key, tell, follow=follow) for file in files]
        return {name: value for part in parts for name, value in part.items()}
    memory = map_bytes(path, foreign.WEIGHTS, where=place, follow=follow)
    return open_checkpoint(memory, path, where, scratch, key, tell)


def open_checkpoint(
    memory: memoryview,
    path: Path,
    where: str = "weights",
    scratch: Scratch | None = None,
    key: str | None = None,
    tell: Callable[[str], None] | None = None,
) -> dict[str, Tensor]:
    """Read a file of weights that is mapped; see `read_checkpoint`.

    Args:
        memory: The file, which may be written to without changing it.
        path: What messages call it.
        where: As of `read_checkpoint`, like the others.
        scratch: Likewise.
        key: Likewise.
        tell: Likewise.

    Raises:
        TeacherError: The file is damaged, holds code, or no weights.
    """
    place, scratch = f"{where}: {path}", scratch or Scratch(path.parent)
    if memory[:4] == b"PK\x03\x04":
        return _unwrapped(path, place, lambda: read_zip(memory, scratch), key, tell)
    if is_pickle(memory[:9]):
        return _unwrapped(path, place, lambda: read_old(memory, scratch), key, tell)
    expect_no_other_form(bytes(memory[:512]), place)
    try:
        tensors = read_tensors(memory, str(path)).tensors
    except StoreError as error:
        found = str(error).removeprefix(f"{path}: ").partition("; expected")[0]
        raise TeacherError(
            f"{place}: {found}; expected a whole safetensors file, or a checkpoint of torch.save; copy or "
            "save it again"
        ) from error
    chosen = tensors if key is None else _chosen(tensors, key, place)
    return {name: raw_view(raw) for name, raw in chosen.items()}


def _unwrapped(
    path: Path,
    place: str,
    load: Callable[[], TorchFile],
    key: str | None,
    tell: Callable[[str], None] | None,
) -> dict[str, Tensor]:
    try:
        file = load()
        found = file.content if key is None else _chosen(file.content, key, place)
        sets = _sets(found)
        if len(sets) > 1 and tell is not None:
            tell(f"{path}: has {listed(list(sets), ' and ')}; {next(iter(sets))} was taken; --key chooses")
        for state in sets.values():
            if len(state) > MOST_TENSORS:
                raise ValueError(f"it has {len(state):,} tensors, more than {MOST_TENSORS:,}")
            return {str(name): file.tensor(str(name), value) for name, value in state.items()}
    except pickle.UnpicklingError as error:
        raise TeacherError(
            f"{place}: holds more than weights ({first_line(error)}), and reading that would run code; "
            "expected tensors only; where you trust its maker, load it there and save model.state_dict() "
            "again"
        ) from error
    except TeacherError:
        raise
    except (ValueError, RuntimeError, MemoryError, OverflowError) as error:  # of the readers, and of torch
        raise TeacherError(
            f"{place}: cannot be read: {first_line(error)}; expected a whole checkpoint of torch.save; copy "
            "or save it again"
        ) from error
    what = listed_keys(found) if isinstance(found, Mapping) else kind_of(found)
    raise TeacherError(f"{place}: holds {what}; expected tensors by name; save model.state_dict()")


def _sets(
    found: Any, above: tuple[str, ...] = (), seen: set[int] | None = None
) -> dict[str, Mapping[Any, Any]]:
    """The sets of weights in what a file holds, by where they are, each once; the plain ones first."""
    seen = set() if seen is None else seen
    if not isinstance(found, Mapping) or id(found) in seen or len(above) > _DEEPEST:
        return {}
    seen.add(id(found))
    tensors = {key: value for key, value in found.items() if isinstance(value, StoredTensor | Array | Tensor)}
    if tensors and not any(isinstance(value, Mapping) for value in found.values()):
        return {".".join(above): tensors}  # numbers beside them are such as an epoch
    sets: dict[str, Mapping[Any, Any]] = {}
    known = [key for key in (*WRAPPERS, *AVERAGES) if key in found]
    for key in known or [key for key in found if not any(word in str(key) for word in _STATES)]:
        sets |= _sets(found[key], (*above, str(key)), seen)
    return sets


def _chosen(found: Any, key: str, place: str) -> Mapping[Any, Any]:
    """What a key names: a part, a part of a part, or those of a set of weights whose names begin with it."""
    part, names = found, key.split(".")
    while isinstance(part, Mapping):
        if not names:
            return part
        begins = f"{'.'.join(names)}."
        inside = [name for name in part if str(name).startswith(begins)]
        if inside:
            return {name.removeprefix(begins): part[name] for name in inside}
        part = part.get(names.pop(0))
    known = [name for name in _sets(found) if name]
    what = f"its sets of weights are {listed(known)}" if known else "it is one set of weights"
    raise TeacherError(f"{place}: has no '{key}'; {what}; choose one.{did_you_mean(key, known)}")


def listed_keys(found: Mapping[Any, Any]) -> str:
    """The first keys of a mapping, for messages."""
    keys = [str(key) for key in list(found)[:5]]
    return f"the keys {', '.join(keys)}" if keys else "nothing"


class OtherModelError(TeacherError):
    """Weights are another model's.

    Args:
        message: The whole report.
        width: The number of classes that the weights have, if that is all that differs.
    """

    def __init__(self, message: str, width: int | None) -> None:
        super().__init__(message)
        self.width = width


def fill_from(
    module: nn.Module,
    path: Path | None,
    where: str,
    model: str,
    key: str | None = None,
    tell: Callable[[str], None] | None = None,
    *,
    by_order: bool = False,
    follow: bool = True,
) -> None:
    """Give a model the weights of a file; a program has its own, and needs none.

    Args:
        module: As of `legonet.teachers.models.table.find_model`.
        path: As of `read_checkpoint`; None if there is none.
        where: What messages call the teacher.
        model: What messages call the model.
        key: As of `read_checkpoint`.
        tell: Called with each sentence that says what was done.
        by_order: As of `fill`.
        follow: As of `read_checkpoint`.

    Raises:
        TeacherError: There are no weights where the model needs some, or some where it needs none; the file
            cannot be read, or is of another model.
    """
    if isinstance(module, ProgramModel):
        if path is not None:
            raise TeacherError(
                f"{where}: {model} has weights of its own; expected no others; leave {path} out"
            )
        return
    if path is None and not any(each.is_meta for each in module.parameters()):
        if tell is not None:
            tell(f"{where}: the weights are those that {model} loads")
        return
    if path is None:
        raise TeacherError(f"{where}: no weights; expected those of {model}; add --weights FILE")
    scratch = Scratch(path.parent)
    read = read_checkpoint(path, where, scratch, key, tell, follow=follow)
    for note in fill(module, read, f"{where}: {path}", scratch, model, by_order=by_order):
        if tell is not None:
            tell(f"{path}: {note}")


def fill(
    module: nn.Module,
    weights: Mapping[str, Tensor],
    where: str = "weights",
    scratch: Scratch | None = None,
    model: str | None = None,
    *,
    by_order: bool = False,
) -> tuple[str, ...]:
    """Give a model its weights, by the names that `legonet.teachers.weights.naming` finds.

    Args:
        module: On any device; on "meta" it takes the tensors as they are.
        weights: By name.
        where: What messages call them.
        scratch: Where weights go whose number type is not the model's; default: into memory.
        model: What messages call the model; default: by its class.
        by_order: Names do not count: the first tensor is the model's first one, and so on.

    Returns:
        What was done to find them, as sentences without a full stop.

    Raises:
        TeacherError: Weights are missing, not expected or of another shape; the model is unchanged.
    """
    expected, label = module.state_dict(), model or type(module).__name__
    if by_order:
        ordered = in_order(weights, expected)
        if ordered is None:
            raise TeacherError(
                f"{where}: the file's tensors do not have the shapes of {label} in its order; expected the "
                "same number of tensors, each of the same shape; give weights with the model's names"
            )
        _load(module, ordered, expected, scratch)
        return ("tensors were taken in the file's order, whatever their names",)
    found = _best(weights, expected, module)
    named = found.tensors
    missing = [name for name in expected if name not in named and not name.endswith(COUNTER)]
    unexpected = [name for name in named if name not in expected]
    others = [name for name in found.left_out if not name.endswith(COUNTER)]
    wrong = [
        f"shape: {name} {list(named[name].shape)}; the model has {list(value.shape)}"
        for name, value in expected.items()
        if name in named and named[name].shape != value.shape
    ]
    problems = [f"missing: {name} {list(expected[name].shape)}" for name in missing]
    if problems or wrong:  # else they are of something beside the model
        unexpected += others
    shapes = {name: value.shape for name, value in (*weights.items(), *named.items())}
    problems += [f"not expected: {name} {list(shapes[name])}" for name in unexpected] + wrong
    if problems:
        width = None if missing or unexpected else _width(named, expected)
        advice = _advice(model, width)
        if in_order(weights, expected) is not None:
            advice += ", or take them in the file's order, in which all shapes are the model's: --by-order"
        raise OtherModelError(
            f"{where}: the weights are of another model: {len(missing)} missing, {len(unexpected)} not "
            f"expected, {len(wrong)} of another shape; expected those of {label}; {advice}\n"
            f"{in_lines(problems)}",
            width,
        )
    _load(module, named, expected, scratch)
    notes = [f"of the names {each}" for each in found.notes]
    if others:
        notes.append(f"{listed(others)} left out, no part of {label}")
    return tuple(notes)


def _load(
    module: nn.Module, named: Mapping[str, Tensor], expected: Mapping[str, Tensor], scratch: Scratch | None
) -> None:
    convert = Tensor.to if scratch is None else scratch.converted
    given = {name: convert(value, expected[name].dtype) for name, value in named.items() if name in expected}
    module.load_state_dict(given, strict=False, assign=True)


def _width(named: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> int | None:
    """What the weights have instead of the model's number of classes, if they differ by nothing else."""
    shapes = [(named[name].shape, value.shape) for name, value in expected.items() if name in named]
    wrong = [(found, own) for found, own in shapes if found != own]
    widths = {found[:1] for found, _ in wrong}
    if len(widths) != 1 or any(len(found) == 0 or found[1:] != own[1:] for found, own in wrong):
        return None
    return widths.pop()[0]


def _advice(model: str | None, width: int | None) -> str:
    choose = "choose the model that they were trained in"
    other = None if width is None else with_argument(str(model), "num_classes", width)
    return choose if other is None else f"{choose}, such as {other}"


def _best(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], module: nn.Module) -> Named:
    """The weights under the model's names; older ones by what the model's own library knows of them."""
    renames = getattr(type(module), "_checkpoint_conversion_mapping", None) or {}
    found = named_for(weights, expected, list(renames.items()))
    library = sys.modules.get(type(module).__module__)
    convert = getattr(library, "checkpoint_filter_fn", None)
    if convert is None or _fits(found, expected):
        return found
    try:
        other = named_for(convert(dict(weights), module), expected)
    except Exception:  # it is made for the forms that it knows
        return found
    return (
        replace(other, notes=(*other.notes, "were read as older ones")) if _fits(other, expected) else found
    )


def _fits(found: Named, expected: Mapping[str, Tensor]) -> bool:
    return all(name in found.tensors for name in expected if not name.endswith(COUNTER))
