"""A teacher's weights file is checked against its architecture and cut into f and g_T.

Needs no torch; only a block that a library builds is traced with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from legonet.blocks.parameters import COUNTERS, Shape, tensor_shapes
from legonet.blocks.schema import Block, Layer, Layers, layers_data
from legonet.errors import StoreError, TeacherError
from legonet.graph.suggest import did_you_mean, listed
from legonet.store.blobs import sha256
from legonet.store.modules import ModuleKind, dump_module
from legonet.store.tensors import RawTensor, read_tensors

LONGEST_LIST = 20
_FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
# How bytes are read to find what is not finite: the numbers, or (bits, exponent) for what NumPy lacks.
_NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
_BITS = {"BF16": ("<u2", 0x7F80), "F8_E5M2": ("<u1", 0x7C), "F8_E4M3": ("<u1", 0x7F)}


@dataclass(frozen=True)
class TeacherParts:
    """A teacher, cut.

    Attributes:
        f: Blob of the category module.
        g: Blob of the task module g_T.
        f_sha: Address of f.
        g_sha: Address of g.
        f_layers: Layers up to and including the cut.
        g_layers: The layers after it.
    """

    f: bytes
    g: bytes
    f_sha: str
    g_sha: str
    f_layers: dict[str, Layer]
    g_layers: dict[str, Layer]


def read_teacher(
    architecture: Block | Layers, weights: bytes | Path, cut: str, where: str = "teacher"
) -> TeacherParts:
    """Read a teacher's weights, check them and cut the teacher.

    Args:
        architecture: The teacher's block, or its layers.
        weights: A safetensors file, or its bytes.
        cut: f ends with the layer of this name.
        where: What messages call the teacher.

    Returns:
        f and g_T with their weights as they are in the file.

    Raises:
        TeacherError: The file cannot be read or is no safetensors file; tensors are missing, not expected,
            of another shape or dtype, or not finite (all in one message); or there is no such cut.
        BlockError: The block cannot be built.
    """
    layers = teacher_layers(architecture) if isinstance(architecture, Block) else architecture
    f_layers, g_layers = cut_layers(layers, cut, where=where)
    source = f"{where}: {weights}" if isinstance(weights, Path) else where
    try:
        tensors = read_tensors(_bytes(weights, source), source).tensors
    except StoreError as error:
        raise TeacherError(str(error)) from error
    _check(tensors, tensor_shapes(layers), source)
    f = _blob("category-module", f_layers, tensors)
    g = _blob("task-module", g_layers, tensors)
    return TeacherParts(f, g, sha256(f), sha256(g), f_layers, g_layers)


def teacher_layers(block: Block) -> dict[str, Layer]:
    """List the layers of a block; only one that a library builds needs torch, to be traced.

    Raises:
        BlockError: The block cannot be built.
        TeacherError: The library's model is no chain of known layers.
    """
    if block.layers is not None:
        return dict(block.layers)
    from legonet.blocks.build import build_block
    from legonet.teachers.trace import describe

    return describe(build_block(block, "meta"), block.input, where=f"block {block.name}")


def cut_layers(
    layers: Layers, cut: str, *, where: str = "teacher"
) -> tuple[dict[str, Layer], dict[str, Layer]]:
    """Cut a chain in two.

    Args:
        layers: The teacher's layers.
        cut: The lower part ends with the layer of this name.
        where: What messages call the teacher.

    Returns:
        The layers of f and those of g_T; neither is empty.

    Raises:
        TeacherError: There is no such layer, or nothing is above it.
    """
    names = list(layers)
    if cut not in names[:-1]:
        found = "is the last layer, so that no task module is left" if cut in names else "is no layer"
        raise TeacherError(
            f"{where}: cut '{cut}' {found}; expected one of {listed(names[:-1])}."
            f"{did_you_mean(cut, names[:-1]) if cut not in names else ''}"
        )
    place = names.index(cut) + 1
    return {name: layers[name] for name in names[:place]}, {name: layers[name] for name in names[place:]}


def _bytes(weights: bytes | Path, source: str) -> bytes:
    if isinstance(weights, Path):
        try:
            weights = weights.read_bytes()
        except OSError as error:
            raise TeacherError(
                f"{source}: cannot be read: {error.strerror or error}; expected a safetensors file; "
                "check the path"
            ) from error
    if weights[:4] == b"PK\x03\x04" or weights[:2] == b"\x80\x02":
        raise TeacherError(
            f"{source}: a pickled PyTorch checkpoint; expected a safetensors file, which runs no code; "
            "convert it with safetensors.torch.save_file(model.state_dict(), ...)"
        )
    return weights


def _check(tensors: Mapping[str, RawTensor], expected: Mapping[str, Shape], source: str) -> None:
    problems = [f"missing: {key} {list(shape)}" for key, shape in expected.items() if key not in tensors]
    problems += [
        f"not expected: {key} {list(tensor.shape)}" for key, tensor in tensors.items() if key not in expected
    ]
    for key, shape in expected.items():
        if key in tensors:
            problems += _tensor_problems(key, tensors[key], shape)
    if not problems:
        return
    shown = problems[:LONGEST_LIST]
    if len(problems) > len(shown):
        shown.append(f"and {len(problems) - len(shown)} more")
    raise TeacherError(
        f"{source}: the weights do not fit the block; expected its tensors, finite and in its shapes; "
        f"{_advice(tensors, expected)}\n" + "\n".join(f"  {problem}" for problem in shown)
    )


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


def _tensor_problems(key: str, tensor: RawTensor, shape: Shape) -> list[str]:
    if tensor.shape != shape:
        return [f"shape: {key} {list(tensor.shape)}; the block has {list(shape)}"]
    if key.rsplit(".", 1)[-1] in COUNTERS:
        return []
    if tensor.dtype not in _FLOATS:
        return [f"dtype: {key} {tensor.dtype}; expected floating-point, one of {', '.join(_FLOATS)}"]
    count = _not_finite(tensor)
    return [f"not finite: {key}, {count} of {_elements(shape)} values are NaN or infinite"] if count else []


def _not_finite(tensor: RawTensor) -> int:
    if tensor.dtype in _NUMPY:
        values = np.frombuffer(tensor.data, dtype=_NUMPY[tensor.dtype])
        return int(values.size - np.count_nonzero(np.isfinite(values)))
    dtype, exponent = _BITS[tensor.dtype]
    return int(np.count_nonzero((np.frombuffer(tensor.data, dtype=dtype) & exponent) == exponent))


def _elements(shape: Shape) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _blob(kind: ModuleKind, layers: dict[str, Layer], tensors: Mapping[str, RawTensor]) -> bytes:
    return dump_module(kind, layers_data(layers), {key: tensors[key] for key in tensor_shapes(layers)})
