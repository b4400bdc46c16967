"""How a file is exchanged only if it is still what it was: one function for each means that stores offer.

Each tells whether it has written; if not, somebody else has written meanwhile. An attempt whose answer was
lost on its way counts as done: what it wrote is there. Imports nothing of the network.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from legonet.errors import StoreError
from legonet.remote import patience
from legonet.store.locks import WritersLock

if TYPE_CHECKING:
    from legonet.remote.place import Place

LOCK = ".legonet-remote.lock"
HELD = 60.0  # seconds that a marker of somebody else is waited for
_COMMITS = 8  # attempts at one, while others commit too
_MEMORY = threading.Lock()

Exchange = Callable[["Place", str, bytes | None, bytes, int], bool]


def _by_lock(place: Place, name: str, before: bytes | None, after: bytes, most: int) -> bool:
    """Under a lock of this machine."""
    with _alone_here(place):
        return _if_unchanged(place, name, before, after, most)


@contextmanager
def _alone_here(place: Place) -> Iterator[None]:
    folder = place.address.folder
    if folder is None:
        with _MEMORY:
            yield
    else:
        folder.mkdir(parents=True, exist_ok=True)
        with WritersLock(folder / LOCK):
            yield


def _by_marker(place: Place, name: str, before: bytes | None, after: bytes, most: int) -> bool:
    """Under a file beside it, which only one can make."""
    with _marker(place, f"{name}.lock"):
        return _if_unchanged(place, name, before, after, most)


@contextmanager
def _marker(place: Place, name: str) -> Iterator[None]:
    started = time.monotonic()
    while not place.make(name):
        if time.monotonic() - started > HELD:
            raise StoreError(
                f"{place.shown}/{name}: has been there for {HELD:.0f} s; expected a push to hold it for a "
                "moment, so that one was interrupted, or is slow; once nobody is pushing, delete this "
                "file there"
            )
        time.sleep(patience.FIRST_PAUSE)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            place.remove(name)


def _if_unchanged(place: Place, name: str, before: bytes | None, after: bytes, most: int) -> bool:
    if place.now(name, most) != before:
        return False
    place.write(name, after)
    return True


def _by_etag(place: Place, name: str, before: bytes | None, after: bytes, most: int) -> bool:
    """S3 compares a mark of the file's bytes."""

    def write(path: str, mark: str | None) -> None:
        place.files.pipe_file(path, after, **({"IfNoneMatch": "*"} if mark is None else {"IfMatch": mark}))

    return _conditional(place, name, before, after, most, "ETag", write)


def _by_generation(place: Place, name: str, before: bytes | None, after: bytes, most: int) -> bool:
    """Google's storage compares the number of the file's generation, which is 0 where there is none."""

    def write(path: str, mark: str | None) -> None:
        place.files.exchange(path, after, mark or "0")

    return _conditional(place, name, before, after, most, "generation", write)


def _conditional(
    place: Place,
    name: str,
    before: bytes | None,
    after: bytes,
    most: int,
    key: str,
    write: Callable[[str, str | None], None],
) -> bool:
    """Write if the store still has the mark that it had; its refusal is the answer."""

    def once() -> bool:
        path, mark = place.path(name), None
        if before is not None:  # the mark first: what is read may be newer, and then it is not the file's
            mark = place.files.info(path)[key]
            found = place.now(name, most)
            if found != before:
                return found == after
        try:
            write(path, mark)
        except Exception as error:  # what stands under fsspec raises anything
            if patience.status_of(error) in (409, 412) or isinstance(error, FileExistsError):
                return place.now(name, most) == after
            if patience.verdict_of(error) == "missing" and before is not None:
                return False
            raise
        return True

    return place.persist(name, once)


def _by_commit(place: Place, name: str, before: bytes | None, after: bytes, most: int) -> bool:
    """A hub takes a commit only on top of the one that it is said to follow."""

    def once() -> bool:
        api, where = place.files._api, place.files.resolve_path(place.path(name))
        if getattr(where, "repo_id", None) is None:
            raise StoreError(
                f"{place.shown}: has no commits, so two pushes at once could lose one; expected a "
                "repository, such as hf://owner/name or hf://datasets/owner/name"
            )
        repository = {"repo_type": where.repo_type, "revision": where.revision}
        for _ in range(_COMMITS):
            head = api.repo_info(where.repo_id, **repository).sha
            found = place.now(name, most)
            if found != before:
                return found == after
            try:
                api.create_commit(
                    where.repo_id,
                    [_addition(where.path_in_repo, after)],
                    commit_message=f"legonet push: {name}",
                    parent_commit=head,
                    **repository,
                )
            except Exception as error:  # see above
                if patience.status_of(error) not in (409, 412):
                    raise
            else:
                return True
        return False

    return place.persist(name, once)


def _addition(path: str, data: bytes) -> Any:
    from huggingface_hub import CommitOperationAdd

    return CommitOperationAdd(path, data)


EXCHANGES: Mapping[str, Exchange] = {
    "lock": _by_lock,
    "marker": _by_marker,
    "etag": _by_etag,
    "generation": _by_generation,
    "commit": _by_commit,
}
