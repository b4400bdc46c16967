"""What a remote holds: bytes by their sha256, in parts where they are many. Imports nothing of the network.

`objects/ab/abcd…` has the bytes of that sha256. A blob of more than `PART` bytes has, instead,
`objects/ab/abcd….parts`, which lists the objects that it is made of. So nothing is sent twice, and what was
cut goes on part by part; every object is verified when it arrives, and a blob as a whole once more.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path

from legonet.errors import StoreError
from legonet.graph.fields import SHA256_PATTERN
from legonet.remote import patience
from legonet.remote.place import Place
from legonet.remote.room import expect_room
from legonet.store.blobs import Pieces, sha256

try:
    import fcntl
except ImportError:  # a system without file locks: two commands there fetch the same bytes twice
    fcntl = None

PART = 8 * 2**20  # bytes of an object that is sent
LARGEST_PART = 64 * 2**20  # bytes of one that is taken
LARGEST = 64 * 2**30  # bytes of a blob
WRONG = 3  # attempts at an object whose bytes do not match its name
_SHA256 = re.compile(SHA256_PATTERN)
_LINE = 80  # bytes of an index for each of its parts, and more

Told = Callable[[int], None]


class Objects:
    """The objects of a remote.

    Args:
        place: Where they are.
        told: Called with the bytes that were sent or fetched, or that need not be.
    """

    def __init__(self, place: Place, told: Told = lambda _: None) -> None:
        self._place, self._told = place, told

    def has(self, sha: str, size: int) -> bool:
        """Whether a blob is there, whole as far as its length says."""
        if size > PART and self._place.size(f"{name_of(sha)}.parts") is not None:
            return True
        return self._place.size(name_of(sha)) == size

    def holds(self, sha: str) -> bool:
        """Whether a blob of any length is there."""
        return any(self._place.size(f"{name_of(sha)}{end}") is not None for end in ("", ".parts"))

    def send(self, sha: str, pieces: Pieces) -> bool:
        """Put a blob there, unless it is there already; of one that was cut, only what is lacking.

        Args:
            sha: Its address.
            pieces: Its bytes.

        Returns:
            Whether anything was sent.
        """
        size = sum(map(len, pieces))
        if self.has(sha, size):
            self._told(size)
            return False
        if size <= PART:
            self._place.write(name_of(sha), b"".join(pieces))
            self._told(size)
            return True
        parts = []
        for part in _parts(pieces):
            own = sha256(part)
            parts.append([own, len(part)])
            if self._place.size(name_of(own)) != len(part):
                self._place.write(name_of(own), part)
            self._told(len(part))
        index = json.dumps({"size": size, "parts": parts}, separators=(",", ":"))
        self._place.write(f"{name_of(sha)}.parts", index.encode())
        return True

    def read(self, sha: str, most: int) -> bytes:
        """A small blob's bytes, verified.

        Args:
            sha: Its address.
            most: Bytes that it may have.

        Raises:
            StoreError: It is not there, or is another one.
        """
        try:
            return self._object(sha, min(most, LARGEST_PART))
        except FileNotFoundError:
            pass
        parts = self._index(sha, None)
        if sum(size for _, size in parts) > most:
            raise StoreError(
                f"{self._shown(sha)}: has more than {most:,} bytes; expected no more; nothing of it is kept; "
                "push it again from a workspace that has it"
            )
        data = b"".join(self._part(*part) for part in parts)
        if sha256(data) != sha:
            raise self._wrong(sha, "the bytes of its parts", "do not match its name")
        return data

    def fetch(self, sha: str, size: int | None, file: Path) -> None:
        """Bring a blob into a file; what an earlier attempt has brought is not fetched again.

        Args:
            sha: Its address.
            size: Bytes that it has to have; None: whatever it says.
            file: Where it goes; one that is there is the beginning of it.

        Raises:
            StoreError: It is not there, or its bytes are wrong however often they are asked for.
        """
        with _alone(file) as target:
            for _ in range(2):
                self._fill(sha, size, target, file.parent)
                target.seek(0)
                if hashlib.file_digest(target, "sha256").hexdigest() == sha:
                    return
                target.truncate(0)  # what an earlier attempt had left, or an index that lies
        file.unlink(missing_ok=True)
        raise self._wrong(sha, "its bytes", "do not match its name")

    def _fill(self, sha: str, size: int | None, target: BufferedRandom, folder: Path) -> None:
        if size is None or size <= PART:
            try:
                data = self._object(sha, LARGEST_PART if size is None else size)
            except FileNotFoundError:
                pass
            else:
                target.truncate(0)
                target.seek(0)
                target.write(data)
                target.flush()
                self._told(len(data))
                return
        start, there = 0, target.seek(0, 2)
        parts = self._index(sha, size)
        expect_room(folder, sum(length for _, length in parts) - there, self._shown(sha))
        for own, length in parts:
            if start + length > there:
                target.seek(start)
                target.write(self._part(own, length))
                target.truncate()
                target.flush()
            start += length
            self._told(length)
        target.truncate(start)

    def _index(self, sha: str, size: int | None) -> list[tuple[str, int]]:
        """The parts of a blob, each with its length."""
        name = f"{name_of(sha)}.parts"
        most = _LINE * (2 + (LARGEST if size is None else size) // PART) if size else 2**20
        try:
            data = json.loads(self._place.read(name, max(most, 4096)))
            parts = [(each, length) for each, length in data["parts"]]
            fits = all(
                isinstance(each, str)
                and _SHA256.fullmatch(each)
                and type(length) is int
                and 0 < length <= LARGEST_PART
                for each, length in parts
            )
        except FileNotFoundError:
            raise StoreError(
                f"{self._shown(sha)}: is not there; expected what the remote's list names; push it again "
                "from a workspace that has it"
            ) from None
        except (ValueError, TypeError, KeyError, RecursionError):
            parts, fits = [], False
        total = sum(length for _, length in parts) if fits else 0
        if not fits or total > LARGEST or size not in (None, total):
            raise self._wrong(sha, "its list of parts", "is missing or another blob's")
        return parts

    def _part(self, sha: str, size: int) -> bytes:
        try:
            return self._object(sha, size)
        except FileNotFoundError:
            raise self._wrong(sha, "a part", "is not there") from None

    def _object(self, sha: str, most: int) -> bytes:
        """An object's bytes, verified; wrong ones are asked for again."""
        pause = patience.FIRST_PAUSE
        for attempt in range(1, WRONG + 1):
            data = self._place.read(name_of(sha), most)
            if sha256(data) == sha:
                return data
            if attempt < WRONG:
                time.sleep(pause)
                pause *= 2
        raise self._wrong(sha, f"its bytes, asked for {WRONG} times,", "do not match its name")

    def _shown(self, sha: str) -> str:
        return f"{self._place.shown}: {sha[:10]}"

    def _wrong(self, sha: str, what: str, found: str) -> StoreError:
        return StoreError(
            f"{self._shown(sha)}: {what} {found}; expected bytes of that sha256; nothing of it is kept; push "
            "it again from a workspace that has it"
        )


def name_of(sha: str) -> str:
    """The name of an object in a remote."""
    return f"objects/{sha[:2]}/{sha}"


def _parts(pieces: Pieces) -> Iterator[bytes]:
    """The same bytes in parts of one size, but for the last."""
    held, count = list[memoryview](), 0
    for piece in _short(pieces):
        held.append(piece)
        count += len(piece)
        while count >= PART:
            data = b"".join(held)
            yield data[:PART]
            held, count = [memoryview(data)[PART:]], count - PART
    if count:
        yield b"".join(held)


def _short(pieces: Pieces) -> Iterable[memoryview]:
    for piece in map(memoryview, pieces):
        yield from (piece[start : start + PART] for start in range(0, len(piece), PART))


@contextmanager
def _alone(file: Path) -> Iterator[BufferedRandom]:
    """The file, for this process alone: others wait until it is whole."""
    with file.open("a+b") as appended:
        if fcntl is not None:
            fcntl.flock(appended, fcntl.LOCK_EX)
        with file.open("r+b") as target:
            yield target
