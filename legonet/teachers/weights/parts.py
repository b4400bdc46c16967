"""A teacher's weights file is checked against its graph and cut into f and g_T. Needs no torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from legonet import foreign
from legonet.errors import StoreError, TeacherError
from legonet.graph.suggest import in_lines
from legonet.ir.graph import ModelGraph
from legonet.ir.sizes import Shape, is_counter, tensor_shapes
from legonet.ir.split import Cut
from legonet.store.blobs import Pieces, sha256
from legonet.store.memory_map import map_bytes
from legonet.store.modules import ModuleKind, module_pieces
from legonet.store.tensors import RawTensor, is_pickle, read_tensors

_AT_ONCE = 2**20  # numbers
_FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
# How bytes are read to find what is not finite: the numbers, or (bits, exponent) for what NumPy lacks.
_NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
_BITS = {"BF16": ("<u2", 0x7F80), "F8_E5M2": ("<u1", 0x7C), "F8_E4M3": ("<u1", 0x7F)}


Weights = bytes | Path | Mapping[str, RawTensor]


@dataclass(frozen=True)
class Half:
    """One part of a teacher that is cut.

    Attributes:
        sha: The address of its blob.
        graph: Its operations.
        tensors: Its weights by name; of a file, they are views of the file.
        pieces: Its blob, of the same views.
    """

    sha: str
    graph: ModelGraph
    tensors: Mapping[str, RawTensor] = field(compare=False, repr=False)
    pieces: Pieces = field(compare=False, repr=False)

    @property
    def blob(self) -> bytes:
        """Its blob, copied."""
        return b"".join(self.pieces)


@dataclass(frozen=True)
class TeacherParts:
    """A teacher, cut.

    Attributes:
        below: The category module: up to and including the cut.
        above: The task module g_T: after it.
    """

    below: Half
    above: Half

    @property
    def f(self) -> bytes:
        """Blob of the category module."""
        return self.below.blob

    @property
    def g(self) -> bytes:
        """Blob of the task module g_T."""
        return self.above.blob

    @property
    def f_sha(self) -> str:
        """Address of f."""
        return self.below.sha

    @property
    def g_sha(self) -> str:
        """Address of g."""
        return self.above.sha


def read_teacher(cut: Cut, weights: Weights) -> TeacherParts:
    """Read a teacher's weights, check them and cut the teacher.

    Args:
        cut: The teacher's model and the place where it is cut.
        weights: A safetensors file, which is mapped and not copied, its bytes, or tensors by name.

    Returns:
        f and g_T with their weights as they are in the file.

    Raises:
        TeacherError: The file cannot be read or is no safetensors file; or tensors are missing, not expected,
            of another shape or dtype, or not finite (all in one message).
    """
    f, g = read_halves(cut, weights, ("category-module", "task-module"))
    return TeacherParts(f, g)


def read_halves(cut: Cut, weights: Weights, kinds: Sequence[ModuleKind]) -> list[Half]:
    """Read some parts of a teacher; of a file, only the weights of these are read.

    Args:
        cut: As of `read_teacher`, like `weights`.
        weights: Likewise.
        kinds: The parts, in the order in which they are given back.

    Raises:
        TeacherError: As of `read_teacher`.
    """
    halves: dict[ModuleKind, ModelGraph] = {"category-module": cut.below, "task-module": cut.above}
    source = f"{cut.where}: {weights}" if isinstance(weights, Path) else cut.where
    tensors = _tensors(weights, source)
    _check(tensors, cut.graph, source, {name for kind in kinds for name in tensor_shapes(halves[kind])})
    found = []
    for kind in kinds:
        own = {key: tensors[key] for key in tensor_shapes(halves[kind])}
        pieces = _pieces(kind, halves[kind], own)
        found.append(Half(sha256(pieces), halves[kind], own, pieces))
    return found


def mapped(path: Path, source: str) -> memoryview:
    """A file's bytes, mapped, so that only what is used is read.

    Raises:
        TeacherError: It cannot be read.
    """
    return map_bytes(path, foreign.WEIGHTS, where=source)


def _tensors(weights: Weights, source: str) -> Mapping[str, RawTensor]:
    if isinstance(weights, Mapping):
        return weights
    found = mapped(weights, source) if isinstance(weights, Path) else weights
    if found[:4] == b"PK\x03\x04" or is_pickle(found):
        raise TeacherError(
            f"{source}: a pickled PyTorch checkpoint; expected a safetensors file, which runs no code; "
            "convert it with safetensors.torch.save_file(model.state_dict(), ...)"
        )
    try:
        return read_tensors(found, source).tensors
    except StoreError as error:
        raise TeacherError(str(error)) from error


def _check(
    tensors: Mapping[str, RawTensor], graph: ModelGraph, source: str, looked_at: Collection[str]
) -> None:
    """Refuse weights of another model, and numbers among those that are looked at that are not finite."""
    expected = tensor_shapes(graph)
    problems = [f"missing: {key} {list(shape)}" for key, shape in expected.items() if key not in tensors]
    problems += [
        f"not expected: {key} {list(tensor.shape)}"
        for key, tensor in tensors.items()
        if key not in expected and not (graph.notation is None and _only_trains(key))
    ]
    for key, shape in expected.items():
        if key in tensors:
            counts = is_counter(graph, key)
            problems += _tensor_problems(key, tensors[key], shape, counts, key in looked_at)
    if not problems:
        return
    advice = _advice(tensors, expected)
    if all(problem.startswith("not finite") for problem in problems):
        advice = "its training diverged or the file is damaged: take weights from before that"
    raise TeacherError(
        f"{source}: the weights do not fit the block; expected its tensors, finite and in its shapes; "
        f"{advice}\n{in_lines(problems)}"
    )


def _only_trains(key: str) -> bool:
    """Batch norm's count of batches: in every state dict, and in no graph, which is a model's evaluation."""
    return key.rsplit(".", 1)[-1] == "num_batches_tracked"


def _advice(tensors: Mapping[str, RawTensor], expected: Mapping[str, Shape]) -> str:
    """Recognise a wrapper such as DataParallel, which puts a prefix before every name."""
    for key in tensors:
        for name in expected:
            prefix = key.removesuffix(name)
            if (
                prefix != key
                and prefix.endswith(".")
                and set(tensors) == {prefix + each for each in expected}
            ):
                return f"every name begins with '{prefix}': save the weights without it"
        break
    return "choose the block that the teacher was trained with, or correct the file"


def _tensor_problems(key: str, tensor: RawTensor, shape: Shape, counts: bool, looked_at: bool) -> list[str]:
    if tensor.shape != shape:
        return [f"shape: {key} {list(tensor.shape)}; the block has {list(shape)}"]
    if counts:
        return []
    if tensor.dtype not in _FLOATS:
        return [f"dtype: {key} {tensor.dtype}; expected floating-point, one of {', '.join(_FLOATS)}"]
    count = _not_finite(tensor) if looked_at else 0
    return [f"not finite: {key}, {count} of {_elements(shape)} values are NaN or infinite"] if count else []


def _not_finite(tensor: RawTensor) -> int:
    """How many numbers are not finite; looked at in parts, as there may be many."""
    dtype, exponent = (_NUMPY[tensor.dtype], None) if tensor.dtype in _NUMPY else _BITS[tensor.dtype]
    values, count = np.frombuffer(tensor.data, dtype=dtype), 0
    for start in range(0, values.size, _AT_ONCE):
        part = values[start : start + _AT_ONCE]
        wrong = ~np.isfinite(part) if exponent is None else (part & exponent) == exponent
        count += int(np.count_nonzero(wrong))
    return count


def _elements(shape: Shape) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _pieces(kind: ModuleKind, graph: ModelGraph, tensors: Mapping[str, RawTensor]) -> Pieces:
    return module_pieces(kind, tensors=tensors, **graph.entry())
