"""A store that is filled when it is read: what it lacks comes from the remote of its network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from legonet.errors import StoreError
from legonet.remote.address import RemoteAddress
from legonet.remote.consent import is_allowed
from legonet.remote.objects import Objects, Told
from legonet.remote.place import Place
from legonet.store.blobs import Origin
from legonet.store.elsewhere import read_record, record_path
from legonet.store.workspace import Workspace


class RemoteOrigin(Origin):
    """A remote as the place where blobs come from.

    Args:
        place: The remote; nothing is asked of it before a blob is fetched.
        blobs: What it holds, with sizes.
        told: Called with the bytes that were fetched.
    """

    def __init__(self, place: Place, blobs: Mapping[str, int], told: Told = lambda _: None) -> None:
        self._blobs, self._objects = blobs, Objects(place, told)

    def has(self, sha: str) -> bool:
        """Say whether the remote's list names it."""
        return sha in self._blobs

    def fetch(self, sha: str, file: Path) -> None:
        """Bring a blob into a file."""
        self._objects.fetch(sha, self._blobs[sha], file)


def fill_from_remote(workspace: Workspace, name: str) -> None:
    """Let a workspace's store fetch what it lacks of a network, if the user allows its remote.

    Args:
        workspace: Where a record may say what was pulled last, and from where.
        name: Of the network.
    """
    if not workspace.records.is_dir():
        return
    record = read_record(record_path(workspace.records, name))
    if record is None or record.name != name:
        return
    try:
        address = RemoteAddress.read(record.remote)
    except StoreError:
        return
    if not address.secret and is_allowed(address, workspace.root):
        workspace.store.origin = RemoteOrigin(Place(address), record.blobs)
