"""Files that cost as much as their makers can think of, as large as their kind may be; each is read once."""

from __future__ import annotations

import io
import itertools
import json
import pickle
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from benchmarks.fuzz.format import Format

MIB = 2**20
Make = Callable[[], Iterator[bytes]]


def bombs(formats: dict[str, Format], folder: Path) -> Iterator[tuple[str, Format]]:
    """Each under a name of its own; its file is there until the next one is asked for."""
    for kind, what, make in _all():
        each = formats[kind]
        path = folder / f"bomb{each.suffix}"
        with path.open("wb") as file:
            file.writelines(make())
        yield (
            f"{kind}: {what}",
            Format(each.suffix, [b""], lambda seed, _: seed, partial(_of, each, path)),
        )
        with suppress(OSError):
            path.unlink()


def _of(each: Format, path: Path, mutant: Path) -> None:
    each.read(path)


def _all() -> Iterator[tuple[str, str, Make]]:
    for what, make in _YAML.items():
        yield "graph.yaml", what, partial(_cut, make, 8 * MIB)
        yield "drop", what, partial(_cut, make, MIB)
    for what, make in _JSON.items():
        for kind, most in {
            "graph.json": 8 * MIB,
            "block.json": 8 * MIB,
            "lock": 160 * MIB,
            "plan": 160 * MIB,
            "figures": 16 * MIB,
            "weights-index": 64 * MIB,
            "remote-list": 64 * MIB,
            "remote-record": 64 * MIB,
            "unfinished": 64 * MIB,
        }.items():
            yield kind, what, partial(_cut, make, most)
    yield "remote-list", "entries in parts", _entries_of_a_list
    for kind in ("weights.safetensors", "statistics", "module-blob", "descent"):
        for what, header in _HEADERS.items():
            yield kind, what, partial(_with_header, header)
    yield "statistics", "as large as it may be", _large_statistics
    for what, data in _PICKLES.items():
        yield "weights-old.pt", what, partial(_old, data)
        yield "weights.pt", what, partial(_zipped, data)
    yield "weights.pt", "records that are unpacked", _unpacked
    yield "weights.pt", "records that are many", _many_records
    yield "journal", "a note of 256 MiB", partial(_journal, 1, 256 * MIB)
    yield "journal", "notes of 1 MiB", partial(_journal, 250, MIB - 100)
    yield "journal", "notes of 64 KiB", partial(_journal, 4000, MIB // 16)
    yield "image.png", "70 million pixels", partial(_png, 8000, 8750, 16, 6)
    yield "image.png", "text", _png_of_text
    yield "image.bmp", "70 million pixels", _bmp


def _cut(make: Make, most: int) -> Iterator[bytes]:
    """So much of it as a file of its kind may have."""
    for piece in make():
        if most < len(piece):
            yield piece[:most]
            return
        most -= len(piece)
        yield piece


def _again(text: bytes) -> Make:
    data = text * (MIB // len(text))
    return lambda: itertools.repeat(data)


def _counted(text: str) -> Make:
    return lambda: (
        "".join(text % number for number in range(at, at + 10_000)).encode()
        for at in itertools.count(0, 10_000)
    )


def _begun(start: bytes, make: Make) -> Make:
    return lambda: itertools.chain((start,), make())


_YAML: dict[str, Make] = {
    "keys": _counted("a%d: 1\n"),
    "anchors": _counted("- &a%d x\n"),
    "aliases": _begun(b"a: &a [" + b"1, " * 99_000 + b"1]\n", _counted("b%d: *a\n")),
    "flow": _again(b"["),
    "mappings in flow": _again(b"{a: "),
    "lists": _again(b"- "),
    "questions": _again(b"? "),
    "comments": _again(b"#\n"),
    "a folded text": _again(b"a\n"),
    "escapes": _begun(b'"', _again(b"\\u0041")),
    "one odd letter": _begun("'\U0001f600".encode(), _again(b"a")),
    "tags": _again(b"!t "),
    "documents": _again(b"---\n"),
    "digits": _again(b"9"),
    "merges": _begun(b"a: &a {b: 1}\n", _counted("c%d: {<<: *a}\n")),
}
_JSON: dict[str, Make] = {
    "nested": _again(b"["),
    "nested mappings": _again(b'{"a":'),
    "lists": _begun(b"[", _again(b"[],")),
    "numbers": _begun(b"[", _again(b"1,")),
    "digits": _again(b"9"),
    "one odd letter": _begun('"\U0001f600'.encode(), _again(b"a")),
    "escapes": _begun(b'"', _again(b"\\u0041")),
    "keys": _begun(b"{", _counted('"a%d":1,')),
    "adapters": _begun(b'{"legonet-lock":1,"adapters":{', _counted('"a%d:b":{"key":1,"inputs":{}},')),
    "files": _begun(b'{"legonet-manifest":1,"name":"zoo","files":{', _counted('"a%d":{"size":1},')),
    "steps": _begun(b'{"legonet-block":1,"operations":{"steps":[', _counted('{"name":"a%d","op":"relu"},')),
}


def _entries_of_a_list() -> Iterator[bytes]:
    head = {"legonet-manifest": 1, "name": "zoo", "graph": "zoo.yaml", "lock": "zoo.lock.json", "files": {}}
    yield json.dumps(head)[:-1].encode() + b',"blobs":{'
    for number in range(700_000):
        yield f'"{number:064x}":1,'.encode()
    yield b'"' + b"f" * 64 + b'":1}}'


_HEADERS: dict[str, Callable[[], bytes]] = {
    "tensors": lambda: _of_tensors('"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}', 200_000),
    "tensors of many axes": lambda: _of_tensors(
        f'"%d":{{"dtype":"F32","shape":{[1] * 60},"data_offsets":[0,4]}}'.replace(" ", ""), 70_000
    ),
    "nested": lambda: b"[" * 16 * MIB,
    "digits": lambda: b'{"a":{"dtype":"F32","shape":[' + b"9" * (15 * MIB) + b'],"data_offsets":[0,4]}}',
    "one odd letter": lambda: '{"__metadata__":{"legonet":"\U0001f600'.encode() + b"a" * (15 * MIB) + b'"}}',
    "said to be large": lambda: b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}',
    "metadata": lambda: b'{"__metadata__":{"legonet":"' + b"[" * (15 * MIB) + b'"}}',
}


def _of_tensors(text: str, count: int) -> bytes:
    entries = ",".join(text % number for number in range(count))
    return ("{" + entries + "}").encode()[: 16 * MIB]


def _with_header(make: Callable[[], bytes]) -> Iterator[bytes]:
    header = make()
    yield struct.pack("<Q", len(header)) + header + bytes(8)


def _large_statistics() -> Iterator[bytes]:
    """Of maps whose bytes become numbers of four bytes each."""
    import torch

    from legonet.teachers.statistics import Statistics
    from legonet.teachers.statistics_file import dump_statistics

    channels, side, count = 64, 64, 940
    maps = torch.zeros(1).expand(count, channels, side, side)
    several = torch.zeros(1, channels, side, side)
    yield dump_statistics(
        Statistics(
            images=count,
            norm=1.0,
            shares=torch.ones(1),
            means=several,
            factors=maps,
            component=torch.zeros(count, dtype=torch.long),
            rest=torch.ones(1, channels),
            smoothness=torch.ones(channels) / 2,
            quantiles=torch.linspace(0, 1, 5).expand(channels, 5).contiguous(),
            activity=[],
            output_mean=torch.ones(1),
            output_std=torch.ones(1),
            output_quantiles=torch.linspace(-1, 1, 5).view(1, 5),
        )
    )


def _nested(depth: int) -> bytes:
    return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."


_ARRAY = (
    b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(%stcnumpy\ndtype\n(S'%s'\n"
    b"I0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\ntb."
)
_PICKLES: dict[str, Callable[[], bytes]] = {
    "steps": lambda: b"\x80\x02" + b"N0" * (30 * MIB) + b"N.",
    "values": lambda: b"\x80\x02]" + b"(" + b"N" * (60 * MIB) + b"e.",
    "dictionaries": lambda: b"\x80\x02](" + b"}" * (30 * MIB) + b"e.",
    "nested": lambda: _nested(1_900_000),
    "an odd letter": lambda: _text("\U0001f600" + "a" * (60 * MIB)),
    "a long number": lambda: b"\x80\x02\x8b" + struct.pack("<i", 60 * MIB) + b"\xff" * (60 * MIB) + b".",
    "digits": lambda: b"\x80\x02I" + b"9" * (60 * MIB) + b"\n.",
    "tuples of themselves": lambda: b"\x80\x02N" + b"q\x00h\x00\x86" * 900_000 + b".",
    "texts": lambda: b"\x80\x02](" + b"X\x01\x00\x00\x00a" * 1_900_000 + b"e.",
    "an array of long texts": lambda: _array(b"I1\n", b"U500000000"),
    "an array of many": lambda: _array(b"I4294967296\n", b"f8"),
    "an array of objects": lambda: _array(b"I1\n", b"O8"),
    "arrays": lambda: b"](" + b"".join(_array(b"I1\n", b"f8")[:-1] for _ in range(100_000)) + b"e.",
    "kept in memory": lambda: (
        b"\x80\x02" + b"".join(b"]r" + struct.pack("<I", n) for n in range(1_000_000)) + b"."
    ),
}


def _array(shape: bytes, kind: bytes) -> bytes:
    return _ARRAY % (shape, kind)


def _text(text: str) -> bytes:
    data = text.encode()
    return b"\x80\x02X" + struct.pack("<I", len(data)) + data + b"."


def _old(make: Callable[[], bytes]) -> Iterator[bytes]:
    yield (
        pickle.dumps(0x1950A86A20F9469CFC6C, 2)
        + pickle.dumps(1001, 2)
        + pickle.dumps({"little_endian": True}, 2)
    )
    yield make()


def _zipped(make: Callable[[], bytes]) -> Iterator[bytes]:
    yield _archive({"m/data.pkl": make(), "m/version": b"3\n"}, zipfile.ZIP_STORED)


def _archive(records: dict[str, bytes], method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    return file.getvalue()


def _unpacked() -> Iterator[bytes]:
    from benchmarks.fuzz.weights import saved

    found = dict[str, bytes]()
    with zipfile.ZipFile(io.BytesIO(saved(True))) as archive:
        for name in archive.namelist():
            found[name] = archive.read(name) + bytes(60 * MIB if "/data/" in name else 0)
    yield _archive(found, zipfile.ZIP_DEFLATED)


def _many_records() -> Iterator[bytes]:
    yield _archive({f"m/data/{number}": b"" for number in range(80_000)}, zipfile.ZIP_STORED)


def _journal(jobs: int, size: int) -> Iterator[bytes]:
    import tempfile

    from benchmarks.fuzz.files import journal

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        path.write_bytes(journal(Path(folder)))
        with sqlite3.connect(path) as base:
            base.execute("UPDATE jobs SET notes = ?, quality = ?", ("[" + "[]," * (size // 3) + "1]", "{}"))
            for _ in range(jobs - 1):
                base.execute("INSERT INTO jobs SELECT * FROM jobs LIMIT 1")
        base.close()
        yield path.read_bytes()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, bits: int, colours: int) -> Iterator[bytes]:
    """Interlaced, of 16 bits, with a channel for transparency."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 1))
    packer = zlib.compressobj(1)
    row = bytes(width * bits)
    body = b"".join(packer.compress(row) for _ in range(height // 2)) + packer.flush()
    yield b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _png_of_text() -> Iterator[bytes]:
    text = _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(60 * MIB), 9))
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    yield (
        b"\x89PNG\r\n\x1a\n"
        + head
        + text * 50
        + _chunk(b"IDAT", zlib.compress(bytes(200)))
        + _chunk(b"IEND", b"")
    )


def _bmp() -> Iterator[bytes]:
    width, height = 8000, 8700
    size = width * height * 3
    yield b"BM" + struct.pack("<IHHI", 54 + size, 0, 0, 54)
    yield struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, size, 0, 0, 0, 0)
    for _ in range(height):
        yield bytes(width * 3)
