"""Brings one file from anywhere, as a stranger's: bounded, resumed where it was cut, its hash told."""

from __future__ import annotations

import errno
import hashlib
import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from legonet import foreign
from legonet.errors import LegonetError, StoreError, first_line
from legonet.remote import patience
from legonet.remote.address import RemoteAddress
from legonet.remote.place import Place
from legonet.remote.room import expect_room
from legonet.store.plain_files import write_file

LARGEST = 64 * 2**30  # bytes of a file whose length is told before it comes
UNTOLD = 2 * 2**30  # bytes of one whose length nobody tells


@dataclass(frozen=True)
class Downloaded:
    """A file that was brought.

    Attributes:
        path: Where it is.
        sha256: Of its bytes.
    """

    path: Path
    sha256: str


def download(
    address: RemoteAddress, file: Path, told: Callable[[int, int | None], None] = lambda done, total: None
) -> Downloaded:
    """Bring a file; one that is there whole is not asked for again, and one that was cut goes on.

    Args:
        address: Of the file.
        file: Where it goes; its name is the caller's, never the address's.
        told: Called with how many bytes are there, and of how many.

    Raises:
        FileNotFoundError: There is no such file.
        StoreError: It cannot be had, or is too large.
    """
    place = Place(address)
    size, mark = _state(place)
    if size is not None and size > LARGEST:
        raise _too_large(address, size, size)
    part, about = file.with_name(f"{file.name}.part"), file.with_name(f"{file.name}.json")
    known = {"address": hashlib.sha256(address.url.encode()).hexdigest(), "size": size, "mark": mark}
    if mark is None or _read(about) != known:  # another file by now, or one that nothing tells apart
        for each in (file, part):
            each.unlink(missing_ok=True)
        write_file(about, json.dumps(known).encode())
    if not file.exists():
        _fill(place, part, size, told)
        part.replace(file)
    with foreign.opened(file, foreign.WEIGHTS) as opened:
        return Downloaded(file, hashlib.file_digest(opened, "sha256").hexdigest())


def _state(place: Place) -> tuple[int | None, str | None]:
    """A file's size, and what changes when it does; None where its store does not tell."""
    found = place.info()
    size = found.get("size")
    for key in ("ETag", "etag", "mtime", "LastModified", "blob_id", "lfs"):
        if found.get(key):
            return size, f"{key} {found[key]} {size}"
    return size, None


def _read(about: Path) -> Any:
    with suppress(LegonetError, ValueError, RecursionError):
        return json.loads(foreign.read(about, foreign.SETTINGS))
    return None


def _fill(place: Place, part: Path, size: int | None, told: Callable[[int, int | None], None]) -> None:
    address, attempt = place.address, 0
    pause = patience.FIRST_PAUSE
    if size is not None:
        expect_room(part.parent, size, address.shown)
    while True:
        begin = part.stat().st_size if part.exists() else 0
        error = _more(place, part, begin, size, told)
        end = part.stat().st_size if part.exists() else 0
        if end > (UNTOLD if size is None else size):
            part.unlink()
            raise _too_large(address, end, size)
        if error is None and (size is None or end == size):
            return
        attempt = 1 if end > begin else attempt + 1
        verdict = "again" if error is None else patience.verdict_of(error)
        if verdict == "missing":
            raise FileNotFoundError(errno.ENOENT, "no such file", address.shown) from None
        if verdict != "again" or attempt >= patience.ATTEMPTS:
            said = (
                "cut" if error is None else address.scrubbed(f"{type(error).__name__}: {first_line(error)}")
            )
            raise StoreError(
                f"{address.shown}: {end:,}{'' if size is None else f' of {size:,}'} bytes came ({said}); "
                "expected all; run the command again: it goes on where it was"
            ) from None
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - see patience
        pause = patience.FIRST_PAUSE if attempt == 1 else min(2 * pause, patience.LONGEST_PAUSE)


def _more(
    place: Place, part: Path, begin: int, size: int | None, told: Callable[[int, int | None], None]
) -> Exception | None:
    """Bring what comes in one go; what ended it, if not the file's end."""
    done = begin
    most = (UNTOLD if size is None else size) + 1 - begin
    with part.open("ab") as file:
        try:
            for piece in place.pieces("", begin, most, size):
                file.write(piece)
                done += len(piece)
                told(done, size)
        except LegonetError:
            raise
        except Exception as error:  # what stands under fsspec raises anything
            return error
    return None


def _too_large(address: RemoteAddress, found: int, told: int | None) -> StoreError:
    if told is None:
        return StoreError(
            f"{address.shown}: has more than {UNTOLD / 2**30:,.0f} GiB; its server does not tell how many; "
            "expected a length (Content-Length), or less; fetch it yourself, and name the file"
        )
    if found > LARGEST:
        return StoreError(
            f"{address.shown}: has {found / 2**30:,.1f} GiB; expected at most {LARGEST / 2**30:,.0f} GiB; is "
            "this a file of weights?"
        )
    return StoreError(
        f"{address.shown}: sent more than the {told:,} bytes that it said; expected a file that stays as it "
        "is; run the command again"
    )
