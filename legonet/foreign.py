"""The one place that opens files of others. Needs no torch.

A file that somebody else may have put there is opened only if it is a regular one, no larger than its kind
may be, and no link, unless the user named it. So no FIFO keeps a command waiting, no device fills the memory,
and no link leads to what its maker may not read.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from legonet.errors import (
    BlockError,
    DataError,
    GraphError,
    LegonetError,
    PlanError,
    Problem,
    StoreError,
    TeacherError,
)

MIB = 2**20


@dataclass(frozen=True)
class Kind:
    """A kind of foreign files.

    Attributes:
        what: What messages call one, such as `lock file`.
        largest: Bytes that it may have; None for what is mapped and checked before it is used, so that its
            size costs nothing.
        error: What is raised where a file is none of this kind.
        advice: What to do about one that is none.
    """

    what: str
    largest: int | None
    error: type[LegonetError]
    advice: str = "check the path"

    @property
    def expected(self) -> str:
        """What messages say was expected."""
        return f"expected {'an' if self.what[0] in 'aeiou' else 'a'} {self.what}"


GRAPH = Kind("graph file", 8 * MIB, GraphError)
BLOCK = Kind("block file", 8 * MIB, BlockError)
SETTINGS = Kind("settings file", MIB, StoreError)
LOCK = Kind("lock file", 160 * MIB, GraphError, "restore it from version control, or delete it")
PLAN = Kind("plan file", 160 * MIB, PlanError, "make the plan again with `legonet plan GRAPH -o PLAN`")
DROP = Kind("drop's YAML file", MIB, TeacherError)
STATISTICS = Kind("statistics file", 256 * MIB, TeacherError, "record it again with `legonet teacher record`")
WEIGHTS = Kind("file of weights", None, TeacherError)
INDEX = Kind("index of weights", 64 * MIB, TeacherError, "download it again")
PROGRAM = Kind("file of torch.export", None, TeacherError)
BLOB = Kind("blob", None, StoreError, "run `legonet transplant` to build it again")
JOURNAL = Kind("journal", None, StoreError, "delete it: nothing but the history of runs is lost")
STATE = Kind("file of legonet's own", 256 * MIB, StoreError, "delete it: it is made again")
IMAGE = Kind("image", 256 * MIB, DataError)


def opened(path: Path | str, kind: Kind, *, where: str = "", follow: bool = False) -> BufferedReader:
    """Open a foreign file for reading.

    Args:
        path: The file.
        kind: What it should be.
        where: What messages call it; default: its path.
        follow: A link at the end of the path is followed: the user named it. Links of folders always are.

    Raises:
        LegonetError: Of the kind: it is not there, cannot be read, is no regular file, a link, or too large.
            What is there instead is never waited for.
    """
    place = where or str(path)
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    flags |= 0 if follow else getattr(os, "O_NOFOLLOW", 0)
    try:
        if not follow and Path(path).is_symlink():  # said so; the flag is for what changes meanwhile
            raise _refused(kind, place, "a link", "put the file itself there")
        handle = os.open(path, flags)
    except FileNotFoundError as error:
        raise _refused(kind, place, "no such file", kind.advice) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "not a path"
        raise _refused(
            kind, place, f"cannot be read ({reason})", "check the path and its permissions"
        ) from error
    try:
        state = os.fstat(handle)
        if stat.S_ISDIR(state.st_mode):
            raise _refused(kind, place, "a folder", "name the file in it")
        if not stat.S_ISREG(state.st_mode):
            raise _refused(kind, place, "not a regular file", "copy it into a file first")
        if kind.largest is not None and state.st_size > kind.largest:
            raise too_large(kind, place, state.st_size)
    except BaseException:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def read(path: Path | str, kind: Kind, *, where: str = "", follow: bool = False) -> bytes:
    """A foreign file's bytes, all of them; as `opened`.

    Raises:
        LegonetError: As of `opened`; or it grew too large meanwhile.
    """
    place = where or str(path)
    with opened(path, kind, where=where, follow=follow) as file:
        try:
            data = file.read(-1 if kind.largest is None else kind.largest + 1)
        except OSError as error:
            raise _refused(kind, place, f"cannot be read ({error.strerror or error})", kind.advice) from error
    if kind.largest is not None and len(data) > kind.largest:
        raise too_large(kind, place, len(data))
    return data


def read_if_there(path: Path | str, kind: Kind) -> bytes | None:
    """As `read`; None where there is no file of this name, nor anything else."""
    try:
        return read(path, kind)
    except LegonetError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise


def too_large(kind: Kind, place: str, size: int) -> LegonetError:
    """The error about a file of more bytes than its kind may have."""
    expected = f"{kind.expected} of at most {(kind.largest or 0) // MIB} MiB"
    found = f"{size / MIB:,.1f} MiB"
    return kind.error.of(Problem(found, expected, "is this another kind of file?", place))


def _refused(kind: Kind, place: str, found: str, advice: str) -> LegonetError:
    return kind.error.of(Problem(found, kind.expected, advice, place))
