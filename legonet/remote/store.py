"""A store that many machines share: a remote, with what this machine has read of it kept here."""

from __future__ import annotations

from pathlib import Path

from legonet.errors import StoreError
from legonet.remote.address import RemoteAddress
from legonet.remote.objects import Objects
from legonet.remote.place import Place
from legonet.store.blobs import Origin, Pieces, Store
from legonet.store.settings import cache_folder


class _Shared(Origin):
    """All that a remote holds, whether a list names it or not."""

    def __init__(self, objects: Objects) -> None:
        self._objects, self._known = objects, set[str]()

    def has(self, sha: str) -> bool:
        """Ask the remote; what it has, it keeps."""
        if sha not in self._known and self._objects.holds(sha):
            self._known.add(sha)
        return sha in self._known

    def fetch(self, sha: str, file: Path) -> None:
        """Bring a blob into a file."""
        self._objects.fetch(sha, None, file)


class RemoteStore(Store):
    """Blobs in a remote; each is fetched once, and what is put here is there when `put` returns.

    Args:
        address: Of the remote. It holds no password: other machines have credentials of their own.
        folder: Where what was read is kept; default: the user's folder of what can be had again.
    """

    def __init__(self, address: RemoteAddress, folder: Path | None = None) -> None:
        if address.secret:
            raise StoreError(
                f"{address.shown}: holds a password, which would travel to other machines; expected an "
                "address without; let each machine have credentials of its own"
            )
        self.objects = Objects(Place(address))
        super().__init__(folder or cache_folder("blobs"), _Shared(self.objects))

    def put(self, data: bytes | Pieces) -> str:
        """Keep a blob, here and in the remote."""
        sha = super().put(data)
        self.objects.send(sha, [data] if isinstance(data, bytes) else data)
        return sha
