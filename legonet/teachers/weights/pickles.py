"""Reads pickles as plain data: no code of theirs is run, nor any of Python's that they name. Needs no torch.

A pickle is a program. Here its steps are counted and every name in it is looked up in the caller's table,
so that it can make nothing that the table does not make, and nothing takes more than a pickle of its size
should.
Source: https://docs.python.org/3/library/pickletools.html, which lists the steps.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pickle import UnpicklingError
from typing import Any, NamedTuple

MOST_STEPS = 2_000_000  # of one pickle, and what its steps copy; about two seconds
LONGEST_NUMBER = 32  # bytes
LONGEST_NAME = 1024
_BYTES_A_STEP = 64


class Maker(NamedTuple):
    """What a name in a pickle stands for.

    Attributes:
        make: Called where the pickle calls it; never the thing that is really of this name.
    """

    make: Callable[..., Any]


class Mark(NamedTuple):
    """A name in a pickle that cannot be called, such as a type of numbers."""

    value: Any


class Stateful:
    """What a table makes that a pickle goes on to describe, by a state."""

    def set_state(self, state: Any) -> None:
        """Take what the pickle says; it is of any kind.

        Raises:
            ValueError: It is no state of this.
        """
        raise NotImplementedError


Table = Mapping[str, "Maker | Mark"]


def read_pickle(
    data: memoryview, table: Table, persistent: Callable[[Any], Any], at: int = 0
) -> tuple[Any, int]:
    """Read one pickle.

    Args:
        data: Begins with it, or has it at some place.
        table: What names such as `collections.OrderedDict` stand for.
        persistent: Gives what lies outside of the pickle.
        at: Where the pickle begins.

    Returns:
        What it describes, of dicts, lists, tuples, sets, texts, bytes, numbers, and what the table makes; and
        where it ends.

    Raises:
        pickle.UnpicklingError: It names something that is not in the table.
        ValueError: It is damaged, or makes more than any checkpoint has.
    """
    machine = _Machine(data, table, persistent, at)
    try:
        return machine.run(), machine.at
    except (IndexError, KeyError, TypeError, AttributeError, struct.error, UnicodeError) as error:
        raise ValueError("it is cut short or damaged") from error


_MARK = object()


class _Machine:
    def __init__(self, data: memoryview, table: Table, persistent: Callable[[Any], Any], at: int) -> None:
        self.data, self.at, self._table, self._persistent = data, at, table, persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._left = MOST_STEPS

    def run(self) -> Any:
        steps, data = _STEPS, self.data
        while True:
            code = data[self.at]
            self.at += 1
            self.spend(1)
            if code == _STOP:
                return self._stack.pop()
            steps[code](self)

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise ValueError(f"it takes more than {MOST_STEPS:,} steps to read, as no weights do")

    def take(self, count: int) -> bytes:
        found = bytes(self.data[self.at : self.at + count])
        if len(found) != count:
            raise IndexError
        self.at += count
        return found

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        part = bytes(self.data[self.at : self.at + LONGEST_NAME])
        end = part.index(b"\n") if b"\n" in part else None
        if end is None:
            raise IndexError
        self.at += end + 1
        return part[:end].decode()

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        if self._stack[-1] is _MARK:
            raise IndexError
        return self._stack.pop()

    def marked(self) -> list[Any]:
        """What lies above the last mark, in order."""
        found = []
        while (value := self._stack.pop()) is not _MARK:
            found.append(value)
        return found[::-1]

    def top(self, kind: type) -> Any:
        if not isinstance(self._stack[-1], kind):
            raise TypeError
        return self._stack[-1]

    def put(self, place: int) -> None:
        self._memo[place] = self.top(object)

    def memoize(self) -> None:
        self.put(len(self._memo))

    def get(self, place: int) -> None:
        self.push(self._memo[place])

    def named(self, module: Any, name: Any) -> None:
        whole = f"{module}.{name}"
        if whole not in self._table:
            raise UnpicklingError(f"{whole[:LONGEST_NAME]}")
        self.push(self._table[whole])

    def call(self) -> None:
        arguments, maker = self.pop(), self.pop()
        if not isinstance(maker, Maker) or not isinstance(arguments, tuple):
            raise UnpicklingError("it calls something that makes no tensor")
        for each in arguments:
            self.spend(len(each) if isinstance(each, list | tuple | dict | set) else _steps_of(each))
        self.push(maker.make(*arguments))

    def build(self) -> None:
        """A state of the object below; left out, but for what the table makes, as versions of modules are."""
        state, target = self.pop(), self.top(object)
        if isinstance(target, Stateful):
            target.set_state(state)

    def append(self, values: list[Any]) -> None:
        self.top(list).extend(values)

    def items(self, values: list[Any]) -> None:
        target = self.top(dict)
        if len(values) % 2:
            raise IndexError
        for key, value in zip(values[::2], values[1::2], strict=True):
            target[_key(key)] = value

    def persistent(self) -> None:
        self.push(self._persistent(self.pop()))

    def long(self, size: int) -> None:
        if not 0 <= size <= LONGEST_NUMBER:
            raise ValueError(f"it has a number of {size:,} bytes")
        self.push(int.from_bytes(self.take(size), "little", signed=True))

    def taken(self, count: int) -> list[Any]:
        return [self.pop() for _ in range(count)][::-1]


def _steps_of(value: Any) -> int:
    return len(value) // _BYTES_A_STEP if isinstance(value, str | bytes | bytearray) else 0


def _key(key: Any) -> Any:
    """A key whose hash takes no longer than itself: that of tuples in tuples may take for ever."""
    parts = key if isinstance(key, tuple) else (key,)
    if not all(isinstance(each, str | bytes | int | float | None) for each in parts):
        raise TypeError
    return key


def as_set(values: Any = ()) -> set[Any]:
    """A set, as a table has it."""
    return {_key(each) for each in values}


def as_dict(items: Any = ()) -> dict[Any, Any]:
    """A dict, as a table has it, of a dict or of pairs."""
    return {_key(key): value for key, value in (items.items() if isinstance(items, dict) else items)}


_STOP = ord(".")
_Step = Callable[[_Machine], Any]


def _damaged(machine: _Machine) -> None:
    raise ValueError("it is damaged, or a pickle of another kind than torch.save writes")


_STEPS: list[_Step] = [_damaged] * 256
_KNOWN: dict[bytes, _Step] = {
    b"\x80": lambda m: m.take(1),  # the protocol
    b"\x95": lambda m: m.take(8),  # a frame's length
    b"(": lambda m: m.push(_MARK),
    b"0": lambda m: m._stack.pop(),
    b"1": lambda m: m.marked(),
    b"2": lambda m: m.push(m.top(object)),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"J": lambda m: m.push(m.number("<i")),
    b"K": lambda m: m.push(m.number("<B")),
    b"M": lambda m: m.push(m.number("<H")),
    b"\x8a": lambda m: m.long(m.number("<B")),
    b"\x8b": lambda m: m.long(m.number("<i")),
    b"G": lambda m: m.push(m.number(">d")),
    b"U": lambda m: m.push(m.take(m.number("<B")).decode("latin-1")),  # a text of Python 2
    b"T": lambda m: m.push(m.take(m.number("<I")).decode("latin-1")),
    b"X": lambda m: m.push(m.take(m.number("<I")).decode("utf-8", "surrogatepass")),
    b"\x8c": lambda m: m.push(m.take(m.number("<B")).decode("utf-8", "surrogatepass")),
    b"\x8d": lambda m: m.push(m.take(m.number("<Q")).decode("utf-8", "surrogatepass")),
    b"C": lambda m: m.push(m.take(m.number("<B"))),
    b"B": lambda m: m.push(m.take(m.number("<I"))),
    b"\x8e": lambda m: m.push(m.take(m.number("<Q"))),
    b"\x96": lambda m: m.push(bytearray(m.take(m.number("<Q")))),
    b"]": lambda m: m.push([]),
    b")": lambda m: m.push(()),
    b"}": lambda m: m.push({}),
    b"\x8f": lambda m: m.push(set()),
    b"a": lambda m: m.append(m.taken(1)),
    b"e": lambda m: m.append(m.marked()),
    b"l": lambda m: m.push(m.marked()),
    b"s": lambda m: m.items(m.taken(2)),
    b"u": lambda m: m.items(m.marked()),
    b"d": lambda m: (values := m.marked(), m.push({}), m.items(values)),
    b"\x90": lambda m: (values := m.marked(), m.top(set).update(as_set(values))),
    b"\x91": lambda m: m.push(as_set(m.marked())),
    b"t": lambda m: m.push(tuple(m.marked())),
    b"\x85": lambda m: m.push(tuple(m.taken(1))),
    b"\x86": lambda m: m.push(tuple(m.taken(2))),
    b"\x87": lambda m: m.push(tuple(m.taken(3))),
    b"h": lambda m: m.get(m.number("<B")),
    b"j": lambda m: m.get(m.number("<I")),
    b"q": lambda m: m.put(m.number("<B")),
    b"r": lambda m: m.put(m.number("<I")),
    b"\x94": lambda m: m.memoize(),
    b"c": lambda m: m.named(m.line(), m.line()),
    b"\x93": lambda m: m.named(*m.taken(2)),
    b"R": lambda m: m.call(),
    b"\x81": lambda m: m.call(),
    b"b": lambda m: m.build(),
    b"Q": lambda m: m.persistent(),
}
for _code, _step in _KNOWN.items():
    _STEPS[_code[0]] = _step
