"""The safetensors format on plain bytes: read without copying, write in one canonical form.

Written out here, not left to the library, since the bytes are a blob's address: they must be the same with
every version of it. `tests/store/test_tensors.py` holds both directions against the library.
Source: https://github.com/huggingface/safetensors, section "Format".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from legonet.errors import StoreError

ITEM_BYTES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "I64": 8,
    "U64": 8,
    "F64": 8,
}
"""Bytes per element of each dtype that a PyTorch module can hold."""

HEADER_LIMIT = 16 * 2**20  # bytes; read as JSON, a header takes at most thirty times as much
MOST_TENSORS = 100_000
MOST_AXES = 64
_MOST_DIGITS = 20
ALIGNMENT = 64
"""Bytes, as torch's own tensors have it: with less, matrix products round differently, or run slower."""


@dataclass(frozen=True)
class RawTensor:
    """A tensor as bytes: little-endian, row-major.

    Attributes:
        dtype: A key of `ITEM_BYTES`.
        shape: Sizes of the axes.
        data: The elements.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview


@dataclass(frozen=True)
class TensorFile:
    """What a safetensors file holds.

    Attributes:
        tensors: By name, in the order of the header.
        metadata: Texts by name.
    """

    tensors: dict[str, RawTensor]
    metadata: dict[str, str]


def write_tensors(tensors: Mapping[str, RawTensor], metadata: Mapping[str, str]) -> bytes:
    """Write tensors as safetensors; see `tensor_pieces`."""
    return b"".join(tensor_pieces(tensors, metadata))


def tensor_pieces(tensors: Mapping[str, RawTensor], metadata: Mapping[str, str]) -> list[bytes | memoryview]:
    """Write tensors as safetensors in pieces, not copied; a mapped file can be computed with as it lies.

    Tensors of whole multiples of 64 bytes come first, each on such a multiple; then the others, larger
    elements first, so that each is aligned to its elements; then by name.

    Raises:
        StoreError: A tensor's bytes do not fit its shape and dtype.
    """
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    parts: list[bytes | memoryview] = []
    offset = 0
    for name in sorted(tensors, key=lambda name: _place(tensors[name], name)):
        tensor = tensors[name]
        length = prod(tensor.shape) * ITEM_BYTES[tensor.dtype]
        if len(tensor.data) != length or name == "__metadata__":
            raise StoreError(
                f"tensor {name}: {len(tensor.data)} bytes; {tensor.dtype} of shape {list(tensor.shape)} "
                f"has {length}"
            )
        header[name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + length],
        }
        parts.append(tensor.data)
        offset += length
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(len(text) + 8) % ALIGNMENT)
    return [len(text).to_bytes(8, "little") + text, *parts]


def _place(tensor: RawTensor, name: str) -> tuple[bool, int, str]:
    """Where a tensor comes among the others."""
    item = _item_bytes(tensor, name)
    return prod(tensor.shape) * item % ALIGNMENT != 0, -item, name


def _item_bytes(tensor: RawTensor, name: str) -> int:
    try:
        return ITEM_BYTES[tensor.dtype]
    except KeyError:
        raise StoreError(_unknown_dtype(name, tensor.dtype)) from None


def _unknown_dtype(name: str, dtype: object) -> str:
    return f"tensor {name}: dtype {dtype!r} is not known; expected one of {', '.join(ITEM_BYTES)}"


def is_pickle(start: bytes | memoryview) -> bool:
    """Whether a file that begins so is a pickle; a header of 640 bytes begins with the same two."""
    return bytes(start[:1]) == b"\x80" and bytes(start[8:9]) != b"{"


def read_tensors(data: bytes | memoryview, where: str) -> TensorFile:
    """Read a safetensors file without copying; nothing in it is trusted.

    Args:
        data: The file's bytes; the tensors are views of it.
        where: What messages call the file.

    Raises:
        StoreError: The bytes are no safetensors file, or are cut short.
    """
    view = memoryview(data)
    header, body = _split(view, where)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise _invalid(where, "its metadata is not text by name")
    tensors: dict[str, RawTensor] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        dtype, shape, start, end = _entry(name, entry, where)
        if end > len(body):
            raise _invalid(
                where, f"it is cut short: tensor {name} ends at byte {end} of {len(body)} bytes of data"
            )
        tensors[name] = RawTensor(dtype, shape, body[start:end])
        spans.append((start, end, name))
    position = 0
    for start, end, name in sorted(spans):
        if start != position:
            raise _invalid(where, f"tensor {name} starts at byte {start}, not {position}")
        position = end
    if position != len(body):
        raise _invalid(where, f"{len(body) - position} bytes belong to no tensor")
    return TensorFile(tensors, metadata)


def _split(view: memoryview, where: str) -> tuple[dict[str, Any], memoryview]:
    if len(view) < 8:
        raise _invalid(where, f"it has {len(view)} bytes")
    length = int.from_bytes(view[:8], "little")
    if length > HEADER_LIMIT:
        raise _invalid(where, f"its header would have {length} bytes, more than {HEADER_LIMIT}")
    if length > len(view) - 8:
        raise _invalid(where, f"it is cut short: its header has {length} bytes, the file {len(view)}")
    try:
        header = _HEADERS.decode(bytes(view[8 : 8 + length]).decode())
    except (ValueError, RecursionError):
        raise _invalid(where, "its header is not JSON") from None
    if not isinstance(header, dict):
        raise _invalid(where, "its header is not a JSON object")
    if len(header) > MOST_TENSORS:
        raise _invalid(where, f"it has {len(header):,} tensors, more than {MOST_TENSORS:,}")
    return header, view[8 + length :]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _natural(digits: str) -> int:
    """A number of a header; longer ones, of which products take ever longer, are in none."""
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number of too many digits")
    return int(digits)


_HEADERS = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_natural)


def _entry(name: str, entry: Any, where: str) -> tuple[str, tuple[int, ...], int, int]:
    try:
        dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise _invalid(where, f"tensor {name} lacks a dtype, shape or data_offsets") from None
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise StoreError(f"{where}: {_unknown_dtype(name, dtype)}; save the file in one of those")
    if any(type(number) is not int or not 0 <= number < 2**63 for number in (*shape, start, end)):
        raise _invalid(where, f"tensor {name} has a shape or offset that is not a natural number")
    if len(shape) > MOST_AXES:
        raise _invalid(where, f"tensor {name} has {len(shape)} axes, more than {MOST_AXES}")
    if end - start != prod(shape) * ITEM_BYTES[dtype]:
        raise _invalid(
            where,
            f"tensor {name} has {end - start} bytes, which {dtype} of shape {list(shape)} does not have",
        )
    if prod(max(size, 1) for size in shape) >= 2**60:  # of nothing, but torch counts with it
        raise _invalid(where, f"tensor {name} has a shape that no memory holds, {list(shape)}")
    return dtype, shape, start, end


def _invalid(where: str, what: str) -> StoreError:
    return StoreError(f"{where}: {what}; expected a whole safetensors file; copy or save it again")
