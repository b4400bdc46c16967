"""What torch.save wrote, old and new, read without torch's own reader: tensors stay where they lie.

A pickle says which tensors there are and how they lie in their storages, which are beside it: as records of a
zip file, or in a row after it, as torch before 1.6 had them. Needs torch.
Source: `torch/serialization.py` and `torch/_utils.py` of PyTorch 2.9: `_save`, `_legacy_save`,
`_rebuild_tensor_v2`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from math import prod
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor

from legonet.ir.graph import LARGEST
from legonet.ir.modules import DTYPES
from legonet.teachers.weights.beside import Array, beside
from legonet.teachers.weights.mapped_tensors import part_of
from legonet.teachers.weights.pickles import Maker, Mark, Table, as_dict, as_set, read_pickle
from legonet.teachers.weights.scratch import Scratch
from legonet.teachers.weights.zip_records import ZipRecords

LARGEST_PICKLE = 64 * 2**20  # bytes
MOST_TENSORS = 100_000
MOST_AXES = 64

_PLAIN = frozenset(DTYPES.values())
_OLD_MAGIC = 0x1950A86A20F9469CFC6C
_OLD_PROTOCOL = 1001
_ANOTHER = "it is a pickle, but not one that torch.save wrote"
_OTHER_ARCHIVES = {
    "archive_format": "a file of torch.export, which is a model: give it as that",
    "constants.pkl": "a TorchScript archive: load it where you trust its maker, and save its state_dict()",
}


@dataclass(frozen=True, eq=False)
class Storage:
    """Numbers in a row, somewhere in the file.

    Attributes:
        key: Its name there.
        dtype: Of its numbers; bytes, where its tensors tell their own.
        count: Of its numbers.
    """

    key: str
    dtype: torch.dtype
    count: int


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor, as the pickle describes it.

    Attributes:
        odd: What it is, if it is not just numbers in memory; then nothing else is known of it.
        storage: Where its numbers are.
        dtype: Their type.
        shape: Sizes of its axes.
        strides: Steps of its axes, in numbers.
        offset: Of its first number.
    """

    odd: str = ""
    storage: Storage = Storage("", torch.uint8, 0)
    dtype: torch.dtype = torch.uint8
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    offset: int = 0


@dataclass
class TorchFile:
    """A checkpoint.

    Attributes:
        content: What it holds; of its tensors, where they are.
    """

    content: Any
    _records: Mapping[str, memoryview] | ZipRecords = field(repr=False)
    _scratch: Scratch = field(repr=False)
    _little: bool = True
    _ready: dict[tuple[str, int], memoryview] = field(default_factory=dict, repr=False)

    def tensor(self, name: str, stored: StoredTensor | Array) -> Tensor:
        """A tensor of the file, in mapped memory; of an array of NumPy's, a copy.

        Raises:
            ValueError: It is no plain one, or reaches beyond its storage.
        """
        if isinstance(stored, Array):
            return _of_array(name, stored)
        if stored.odd:
            raise ValueError(f"{name} is {stored.odd}: save plain tensors")
        item = stored.dtype.itemsize
        memory = self._memory(stored.storage, item)
        if not prod(stored.shape):
            return torch.empty(stored.shape, dtype=stored.dtype)
        steps = zip(stored.shape, stored.strides, strict=True)
        last = stored.offset + sum((size - 1) * step for size, step in steps)
        if (last + 1) * item > len(memory):
            raise ValueError(f"{name} reaches beyond its storage")
        return part_of(memory, stored.dtype, stored.shape, stored.strides, stored.offset)

    def _memory(self, storage: Storage, item: int) -> memoryview:
        """A storage's bytes in this machine's order, aligned to numbers of so many bytes."""
        if (storage.key, item) not in self._ready:
            self._ready[storage.key, item] = self._found(storage, item)
        return self._ready[storage.key, item]

    def _found(self, storage: Storage, item: int) -> memoryview:
        if isinstance(self._records, ZipRecords):
            memory = self._records.record(f"data/{storage.key}")
        elif storage.key in self._records:
            memory = self._records[storage.key]
        else:
            raise ValueError(f"it has no storage {storage.key[:100]}")
        size = storage.count * storage.dtype.itemsize
        if len(memory) < size:
            raise ValueError(f"its storage {storage.key[:100]} is cut short")
        memory = memory[:size]
        swapped = self._little != (sys.byteorder == "little") and item > 1
        if size and (swapped or np.frombuffer(memory, np.uint8).ctypes.data % item):
            room = self._scratch.room(size).numpy()
            room[:] = np.frombuffer(memory, np.uint8)
            if swapped:
                room[:] = np.frombuffer(memory[: size // item * item], f"u{item}").byteswap().view(np.uint8)
            return room.data
        return memory


def _of_array(name: str, array: Array) -> Tensor:
    values = array.values(name)
    if values.dtype.kind == "u" and values.dtype.itemsize > 1:
        raise ValueError(f"{name} is an array of {values.dtype}: save plain tensors")
    return torch.from_numpy(values)


def read_zip(memory: memoryview, scratch: Scratch) -> TorchFile:
    """Read a checkpoint of torch since 1.6.

    Raises:
        ValueError: It is none, or damaged.
        pickle.UnpicklingError: It holds something else than data.
    """
    records = ZipRecords(memory)
    names = records.names()
    for name, what in _OTHER_ARCHIVES.items():
        if name in names:
            raise ValueError(f"it is {what}")
    if "data.pkl" not in names:
        raise ValueError("it is a zip file of something else")
    order = bytes(records.record("byteorder")[:16]) if "byteorder" in names else b"little"
    content, _ = read_pickle(_bounded(records.record("data.pkl")), _table(), _storage_of)
    return TorchFile(content, records, scratch, order == b"little")


def read_old(memory: memoryview, scratch: Scratch) -> TorchFile:
    """Read a checkpoint of torch before 1.6.

    Raises:
        ValueError: It is none, or damaged.
        pickle.UnpicklingError: It holds something else than data.
    """
    at, head = 0, []
    for _ in range(3):  # a number that tells such files, the format's version, the machine
        try:
            found, at = read_pickle(memory[:LARGEST_PICKLE], {}, _nothing, at)
        except UnpicklingError as error:
            raise ValueError(_ANOTHER) from error
        head.append(found)
    if head[:2] != [_OLD_MAGIC, _OLD_PROTOCOL] or not isinstance(head[2], dict):
        raise ValueError(_ANOTHER)
    sizes = dict[str, int]()

    def storage_of(persistent: Any) -> Storage:
        found = _storage_of(persistent)
        sizes[found.key] = found.dtype.itemsize
        return found

    content, at = read_pickle(memory[: at + LARGEST_PICKLE], _table(), storage_of, at)
    keys, at = read_pickle(memory[: at + LARGEST_PICKLE], {}, _nothing, at)
    if not isinstance(keys, list):
        raise ValueError("it is cut short or damaged")
    records = dict[str, memoryview]()
    for key in keys:
        if not isinstance(key, str) or key not in sizes:
            raise ValueError("it has a storage of which nothing is known")
        count, at = int.from_bytes(memory[at : at + 8], "little", signed=True), at + 8
        end = at + count * sizes[key]
        if not at <= end <= len(memory):
            raise ValueError("it is cut short or damaged")
        records[key], at = memory[at:end], end
    return TorchFile(content, records, scratch, head[2].get("little_endian") is not False)


def _bounded(pickle: memoryview) -> memoryview:
    if len(pickle) > LARGEST_PICKLE:
        raise ValueError(f"its pickle has more than {LARGEST_PICKLE // 2**20} MiB")
    return pickle


def _nothing(persistent: Any) -> Any:
    raise ValueError("it is cut short or damaged")


def _storage_of(persistent: Any) -> Storage:
    match persistent:
        case ("storage", Mark(torch.dtype() as dtype), str(key), str(), int(count), *view):
            if view and view != [None]:
                raise ValueError("a storage in it is a part of another one: save it with a newer PyTorch")
            if not 0 <= count <= LARGEST:
                raise ValueError(f"its storage {key[:100]} has no such size")
            return Storage(key, dtype, count)
    raise ValueError("it is damaged, or has a storage of an unknown kind")


def _sizes(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple | list) or len(value) > MOST_AXES:
        raise ValueError("a tensor in it has no shape")
    if any(type(size) is not int or not 0 <= size <= LARGEST for size in value):
        raise ValueError("a tensor in it has a size that no memory holds")
    return tuple(value)


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any, dtype: Any = None
) -> StoredTensor:
    if not isinstance(storage, Storage):
        raise ValueError("a tensor in it has no storage")
    sizes, steps, (start,) = _sizes(shape), _sizes(strides), _sizes([offset])
    if len(sizes) != len(steps) or prod(max(size, 1) for size in sizes) > LARGEST // 8:
        raise ValueError("a tensor in it has more numbers than any memory holds")
    found = storage.dtype if dtype is None else dtype
    if not isinstance(found, torch.dtype):
        raise ValueError("a tensor in it has no dtype")
    odd = "" if found in _PLAIN else f"of {'complex numbers' if found.is_complex else found}"
    return StoredTensor(odd, storage, found, sizes, steps, start)


def _tensor_v3(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, *rest: Any
) -> StoredTensor:
    return _tensor(storage, offset, shape, strides, dtype=dtype.value)


def _parameter(tensor: Any, *rest: Any) -> Any:
    return tensor


def _of_type(maker: Any, kind: Any, arguments: Any, *rest: Any) -> Any:
    """A tensor of a class of its own, as a plain one."""
    if not isinstance(maker, Maker) or not isinstance(arguments, tuple):
        raise ValueError("a tensor in it is made in an unknown way")
    return maker.make(*arguments)


def _bytes(data: Any = b"", *rest: Any) -> bytes:
    return bytes(data) if isinstance(data, bytes) else b""


def _encoded(text: str = "", encoding: str = "latin1", *rest: Any) -> bytes:
    """How Python 2's protocols write bytes."""
    return text.encode("utf-8" if encoding == "utf-8" else "latin-1")


_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
    "UntypedStorage": "uint8",
}
_ODD = {
    "_rebuild_qtensor": "quantised",
    "_rebuild_sparse_tensor": "sparse",
    "_rebuild_sparse_csr_tensor": "sparse",
    "_rebuild_nested_tensor": "nested",
    "_rebuild_meta_tensor_no_storage": "without values, of the meta device",
    "_rebuild_wrapper_subclass": "of a class of its own",
    "_rebuild_device_tensor_from_numpy": "of another device",
    "_rebuild_device_tensor_from_cpu_tensor": "of another device",
}


@cache
def _table() -> Table:
    """What names in a checkpoint stand for: what torch.load with weights_only allows, and `beside`."""
    table: dict[str, Maker | Mark] = {
        "collections.OrderedDict": Maker(as_dict),
        "collections.Counter": Maker(as_dict),
        "collections.defaultdict": Maker(lambda kind=None, items=(): as_dict(items)),
        "_codecs.encode": Maker(_encoded),
        "torch.Size": Maker(tuple),
        "torch.device": Maker(lambda *where: ":".join(map(str, where))),
        "torch.serialization._get_layout": Maker(str),
        "torch.Tensor": Mark("Tensor"),
        "torch.nn.parameter.Parameter": Mark("Parameter"),
        "torch._tensor._rebuild_from_type_v2": Maker(_of_type),
        "torch._utils._rebuild_tensor": Maker(_tensor),
        "torch._utils._rebuild_tensor_v2": Maker(_tensor),
        "torch._utils._rebuild_tensor_v3": Maker(_tensor_v3),
        "torch._utils._rebuild_parameter": Maker(_parameter),
        "torch._utils._rebuild_parameter_with_state": Maker(_parameter),
    }
    for place in ("builtins", "__builtin__"):
        table[f"{place}.set"] = table[f"{place}.frozenset"] = Maker(as_set)
        table[f"{place}.complex"] = Maker(lambda real=0.0, imaginary=0.0: complex(real, imaginary))
        table[f"{place}.bytearray"] = Maker(_bytes)
    for name, odd in _ODD.items():
        table[f"torch._utils.{name}"] = Maker(lambda *rest, odd=odd: StoredTensor(odd))
    for place in ("torch", "torch.cuda", "torch.storage"):
        table |= {f"{place}.{name}": Mark(getattr(torch, dtype)) for name, dtype in _STORAGES.items()}
    kinds = (torch.dtype, torch.qscheme, torch.layout, torch.memory_format)
    named = {name: value for name, value in vars(torch).items() if isinstance(value, kinds)}
    return table | beside() | {f"torch.{name}": Mark(value) for name, value in named.items()}
