"""The safetensors format by hand, held against the library in both directions."""

from __future__ import annotations

import json
from math import prod

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from legonet.errors import StoreError
from legonet.store.tensors import ITEM_BYTES, RawTensor, read_tensors, write_tensors

NUMPY_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "I64": "int64",
    "U64": "uint64",
    "F64": "float64",
}


@st.composite
def raw_tensors(draw: st.DrawFn, dtypes: tuple[str, ...] = tuple(ITEM_BYTES)) -> RawTensor:
    dtype = draw(st.sampled_from(dtypes))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
    length = prod(shape) * ITEM_BYTES[dtype]
    return RawTensor(dtype, shape, draw(st.binary(min_size=length, max_size=length)))


NAMES = st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__")


def files(**options: tuple[str, ...]) -> st.SearchStrategy[dict[str, RawTensor]]:
    return st.dictionaries(NAMES, raw_tensors(**options), max_size=5)


def plain(tensors: dict[str, RawTensor]) -> dict[str, tuple]:
    return {name: (each.dtype, each.shape, bytes(each.data)) for name, each in tensors.items()}


@given(files(), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2))
def test_what_is_written_is_read_again(tensors: dict[str, RawTensor], metadata: dict[str, str]) -> None:
    data = write_tensors(tensors, metadata)
    file = read_tensors(data, "file")
    assert plain(file.tensors) == plain(tensors)
    assert file.metadata == metadata
    assert write_tensors(dict(reversed(tensors.items())), metadata) == data


@given(files())
def test_the_library_reads_what_is_written(tensors: dict[str, RawTensor]) -> None:
    found = safetensors.deserialize(write_tensors(tensors, {"legonet": "{}"}))
    assert {
        name: (each["dtype"], tuple(each["shape"]), bytes(each["data"])) for name, each in found
    } == plain(tensors)


@given(files(dtypes=tuple(NUMPY_DTYPES)))
def test_the_library_writes_what_is_read(tensors: dict[str, RawTensor]) -> None:
    arrays = {
        name: np.frombuffer(bytes(each.data), NUMPY_DTYPES[each.dtype]).reshape(each.shape)
        for name, each in tensors.items()
    }
    data = safetensors.numpy.save(arrays, {"key": "value"})
    file = read_tensors(data, "file")
    assert plain(file.tensors) == plain(tensors)
    assert file.metadata == {"key": "value"}


def test_every_tensor_is_aligned_to_its_elements() -> None:
    tensors = {"a": RawTensor("F16", (3,), bytes(6)), "b": RawTensor("I64", (), bytes(8))}
    header = _header(write_tensors(tensors, {}))
    assert header["b"]["data_offsets"] == [0, 8]
    assert header["a"]["data_offsets"] == [8, 14]


def test_large_tensors_can_be_computed_with_as_they_lie_in_a_mapped_file() -> None:
    tensors = {
        "bias": RawTensor("F32", (1,), bytes(4)),
        "wide": RawTensor("F64", (3,), bytes(24)),
        "weight": RawTensor("F32", (16, 3), bytes(192)),
        "other": RawTensor("F16", (32,), bytes(64)),
    }
    data = write_tensors(tensors, {"key": "value"})
    starts = {name: entry["data_offsets"][0] for name, entry in _header(data).items() if name in tensors}
    assert starts == {"weight": 0, "other": 192, "wide": 256, "bias": 280}
    assert (8 + int.from_bytes(data[:8], "little")) % 64 == 0


def _header(data: bytes) -> dict:
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


GOOD = write_tensors({"a": RawTensor("F32", (2,), bytes(8)), "b": RawTensor("U8", (3,), b"xyz")}, {"k": "v"})


@given(st.integers(0, len(GOOD) - 1))
def test_a_file_cut_short_anywhere_is_refused(length: int) -> None:
    with pytest.raises(StoreError, match=r"^file: .*; expected a whole safetensors file"):
        read_tensors(GOOD[:length], "file")


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_is_an_error_or_other_content_but_no_crash(place: int, change: int) -> None:
    data = bytearray(GOOD)
    data[place] ^= change
    try:
        found = read_tensors(bytes(data), "file")
    except StoreError:
        return
    same = found.metadata == {"k": "v"} and plain(found.tensors) == plain(read_tensors(GOOD, "file").tensors)
    assert not same or chr(data[place]).isspace()  # a header may be padded with any


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read_tensors(data, "file")
    except StoreError:
        return
    safetensors.deserialize(data)


def _file(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def _entry(dtype: object = "U8", shape: object = (1,), offsets: object = (0, 1)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "it has 0 bytes"),
        ((2**63).to_bytes(8, "little"), "its header would have 9223372036854775808 bytes"),
        ((10**6).to_bytes(8, "little") + b"{}", "its header has 1000000 bytes, the file 10"),
        (_file(b"nonsense"), "its header is not JSON"),
        (_file(b"\xff\xfe"), "its header is not JSON"),
        (_file(b"[" * 100_000), "its header is not JSON"),
        (_file(b'{"a":1,"a":1}'), "its header is not JSON"),
        (_file([]), "its header is not a JSON object"),
        (_file({"__metadata__": {"a": 1}}), "its metadata is not text"),
        (_file({"__metadata__": 3}), "its metadata is not text"),
        (_file({"a": 3}), "tensor a lacks"),
        (_file({"a": {"dtype": "U8"}}), "tensor a lacks"),
        (_file({"a": _entry(dtype="U7")}, b"x"), "dtype 'U7' is not known; expected one of BOOL, U8"),
        (_file({"a": _entry(dtype=["U8"])}, b"x"), "is not known"),
        (_file({"a": _entry(shape=[-1])}, b"x"), "not a natural number"),
        (_file({"a": _entry(shape=[1.0])}, b"x"), "not a natural number"),
        (_file({"a": _entry(shape=[True])}, b"x"), "not a natural number"),
        (_file({"a": _entry(shape=[2**62, 2**62])}, b"x"), "does not have"),
        (_file({"a": _entry(offsets=[0, 2])}, b"xy"), "does not have"),
        (_file({"a": _entry(offsets=[1, 2])}, b"xy"), "starts at byte 1, not 0"),
        (_file({"a": _entry(), "b": _entry()}, b"x"), "tensor b starts at byte 0, not 1"),
        (_file({"a": _entry()}, b"xy"), "1 bytes belong to no tensor"),
        (_file({"a": _entry()}), "it is cut short: tensor a ends at byte 1 of 0"),
    ],
)
def test_hostile_files(data: bytes, what: str) -> None:
    with pytest.raises(StoreError) as caught:
        read_tensors(data, "file")
    assert str(caught.value).startswith("file: ")
    assert what in str(caught.value)


@pytest.mark.parametrize(
    "tensor", [RawTensor("F32", (2,), b"1234567"), RawTensor("U7", (1,), b"1"), RawTensor("U8", (2, 0), b"1")]
)
def test_a_tensor_that_contradicts_itself_is_not_written(tensor: RawTensor) -> None:
    with pytest.raises(StoreError, match=r"^tensor a: "):
        write_tensors({"a": tensor}, {})


def test_the_name_of_the_metadata_is_no_tensor() -> None:
    with pytest.raises(StoreError, match=r"^tensor __metadata__: "):
        write_tensors({"__metadata__": RawTensor("U8", (1,), b"1")}, {})
