"""Mutants of files: bytes, tokens of a text, and values of JSON, by a generator that a seed gives."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

_NUMBERS = (0, 1, -1, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1)
_TOKEN = re.compile(rb"[A-Za-z0-9_.+-]+|[\[\]{}:,&*!|>\"'#?-]|\n *")
_ODD_TOKENS = (
    b"",
    b"0",
    b"-1",
    b"1e999",
    b".nan",
    b"9" * 400,
    b"9999999999999999999999",
    b"[[[[[[[[]]]]]]]]",
    b"{}",
    b"null",
    b"~",
    b"true",
    b"&a [*a, *a]",
    b"&a [&b [*b], *a]",
    b"*a",
    b"!!python/object/apply:os.system [touch canary]",
    b"!!binary aGVsbG8=",
    b"<<: {a: b}",
    b"---\n",
    b"%YAML 1.1\n---\n",
    b"\t",
    b"\x00",
    b"\xff",
    b"\xe2\x80\xae",
    b"../../../../etc/passwd",
    b"/dev/zero",
    b"a" * 5000,
    b"? ",
    b"eval",
    b"__class__",
)
_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 65_537, 2**31, 2**53 + 1, 2**62, 2**63, -(2**63), 2**64, 10**400),
    *(0.5, -0.0, 1e308, 1e-320, "", "a", "input", "relu", "\x00", "\ud800", "../x", "/dev/zero", "a" * 5000),
    *([], {}, [[]], [[[[[[]]]]]], [None], [0, 0], [2**40, 2**40], {"ref": "input"}, {"ref": "conv"}),
    *({"batch": 1}, {"batch": 2**40}, {"dtype": "complex64"}, {"dtype": "float64"}, {"infinity": -1}),
    *({"tensor": "conv.weight"}, {"ref": ["x"]}, {"ref": "x", "tensor": "y"}),
)


def mutant(seed: bytes, choose: random.Random) -> bytes:
    """Bytes with one to eight changes."""
    data = bytearray(seed)
    for _ in range(choose.choice((1, 1, 1, 2, 4, 8))):
        choose.choice(_BYTES)(data, choose)
    return bytes(data)


def text_mutant(seed: bytes, choose: random.Random) -> bytes:
    """A text with one to four of its tokens changed; sometimes any of its bytes."""
    if choose.random() < 0.2:
        return mutant(seed, choose)
    tokens, at = list[bytes](), 0
    for match in _TOKEN.finditer(seed):
        tokens += [seed[at : match.start()], match.group()]
        at = match.end()
    tokens.append(seed[at:])
    for _ in range(choose.choice((1, 1, 2, 4))):
        place = choose.randrange(len(tokens))
        if choose.random() < 0.6:
            tokens[place] = choose.choice(_ODD_TOKENS)
        else:
            tokens[place] = tokens[choose.randrange(len(tokens))]
    return b"".join(tokens)


def json_mutant(seed: bytes, choose: random.Random) -> bytes:
    """JSON with one to three of its values, keys or items changed; sometimes any of its bytes."""
    if choose.random() < 0.2:
        return mutant(seed, choose)
    data = json.loads(seed)
    for _ in range(choose.choice((1, 1, 2, 3))):
        places = list(_places(data))
        if places:
            owner, key = choose.choice(places)
            _change(owner, key, choose)
    return json.dumps(data).encode()


def _places(value: Any) -> Any:
    if isinstance(value, dict):
        for key in value:
            yield value, key
            yield from _places(value[key])
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield value, index
            yield from _places(each)


def _change(owner: Any, key: Any, choose: random.Random) -> None:
    what = choose.random()
    if what < 0.7:
        owner[key] = json.loads(json.dumps(choose.choice(_ODD_VALUES)))
    elif what < 0.85:
        del owner[key]
    elif isinstance(owner, list):
        owner.insert(key, choose.choice(owner))
    else:
        owner[choose.choice(("", "device", "x" * 100, "__metadata__", "kwargs"))] = owner[key]


def _flip(data: bytearray, choose: random.Random) -> None:
    if data:
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)


def _set(data: bytearray, choose: random.Random) -> None:
    if data:
        data[choose.randrange(len(data))] = choose.choice((0, 1, 0x7F, 0x80, 0xFF, choose.randrange(256)))


def _number(data: bytearray, choose: random.Random) -> None:
    """One of the numbers at which counts overflow, in two, four or eight bytes, of either order."""
    size, order = choose.choice((2, 4, 8)), choose.choice(("little", "big"))
    if len(data) > size:
        place = choose.randrange(len(data) - size)
        number = choose.choice(_NUMBERS) % 2 ** (8 * size)
        data[place : place + size] = number.to_bytes(size, order)  # type: ignore[arg-type]


def _cut(data: bytearray, choose: random.Random) -> None:
    start = choose.randrange(len(data) + 1)
    del data[start : start + choose.choice((1, 2, 16, 256, len(data)))]


def _repeat(data: bytearray, choose: random.Random) -> None:
    start = choose.randrange(len(data) + 1)
    part = data[start : start + choose.choice((1, 4, 64))]
    data[start:start] = part * choose.choice((1, 2, 100))


def _move(data: bytearray, choose: random.Random) -> None:
    start, length = choose.randrange(len(data) + 1), choose.choice((1, 4, 32))
    part = data[start : start + length]
    place = choose.randrange(len(data) + 1)
    data[place : place + length] = part


_BYTES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip,
    _flip,
    _set,
    _number,
    _cut,
    _repeat,
    _move,
)


def header_mutant(seed: bytes, choose: random.Random) -> bytes:
    """Mutants of a safetensors file: half of them of its header as JSON, with its length put right."""
    if choose.random() < 0.5:
        return mutant(seed, choose)
    size = int.from_bytes(seed[:8], "little")
    header = json_mutant(seed[8 : 8 + size], choose)
    return len(header).to_bytes(8, "little") + header + seed[8 + size :]
