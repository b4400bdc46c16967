"""Brings a network from a remote."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

from legonet.errors import StoreError
from legonet.graph.load import load_graph
from legonet.graph.lock import lock_path, read_lock
from legonet.graph.select import select_paths
from legonet.graph.suggest import listed
from legonet.progress import Bars
from legonet.remote.address import RemoteAddress
from legonet.remote.consent import choose, remember
from legonet.remote.manifest import POINTER, look
from legonet.remote.origin import RemoteOrigin
from legonet.remote.place import Place
from legonet.remote.room import expect_room
from legonet.remote.together import together
from legonet.sharing.join import join, note
from legonet.sharing.push import blobs_of_paths
from legonet.sharing.results import Pulled
from legonet.store.blobs import Store
from legonet.store.workspace import Workspace


def pull(place: str, folder: Path, names: Sequence[str], bars: Bars) -> Pulled:
    """Bring a network from a remote into a folder; see `legonet.network.Network.pull`.

    Args:
        place: The address of the remote; or a graph file, whose remote it is.
        folder: A workspace, or a folder that becomes one, of an address.
        names: Paths and applications whose bytes are fetched now; empty: all.
        bars: Where progress is shown.
    """
    if is_graph_file(place):
        loaded, workspace, named_here = load_graph(place), Workspace.find(place), True
        address = choose(None, loaded.graph.remote, workspace.root, place)
    else:
        address, workspace, named_here = RemoteAddress.read(place), _workspace(folder), False
    remote = Place(address)
    found = look(remote)
    if found is None:
        raise StoreError(
            f"{address.shown}: no network was pushed there; expected {POINTER} in it; check the address"
        )
    manifest = found.manifest
    file = Path(place) if named_here else workspace.root / manifest.graph
    workspace.own(file)
    existed = file.exists()
    joined = join(remote, found, file, workspace) and existed
    note(workspace, address, manifest)
    paths = select_paths(load_graph(file).graph, names) if names else None
    wanted = blobs_of_paths(read_lock(lock_path(file)), paths) | (set() if names else manifest.blobs.keys())
    fetched = _fetch(workspace.store, remote, manifest.blobs, wanted, bars)
    later = sum(not workspace.store.path(sha).is_file() for sha in manifest.blobs)
    said = "" if named_here else remember(address, workspace.root)
    return Pulled(address.shown, file, *fetched, later, joined, (said,) if said else ())


def _workspace(folder: Path) -> Workspace:
    return Workspace(Path(os.path.normpath(folder.absolute())))


def is_graph_file(text: str) -> bool:
    """Whether what stands where an address may stand is a graph file."""
    return text.endswith((".yaml", ".yml", ".json")) and Path(text).is_file()


def _fetch(
    store: Store, place: Place, held: Mapping[str, int], wanted: set[str], bars: Bars
) -> tuple[int, int, int]:
    """Fetch what is wanted and lacking: how many blobs, of how many bytes, and how many were there."""
    lacking = sorted(sha for sha in wanted if not store.path(sha).is_file())
    if lost := [sha[:10] for sha in lacking if sha not in held]:
        raise StoreError(
            f"{place.shown}: does not hold {listed(lost)} of these paths; expected all that they are "
            "made of; push them from a workspace that has them (legonet push GRAPH ADDRESS), or choose paths "
            "that it holds (--path)"
        )
    total, done, telling = sum(held[sha] for sha in lacking), 0, Lock()

    def told(count: int) -> None:
        nonlocal done
        with telling:  # several threads fetch
            done = min(total, done + count)
            bars.show("", "fetching", total=max(1, total) / 2**20, done=done / 2**20, state="MiB")

    advice = "fetch some paths only (--path), or make room"
    expect_room(store.folder, total, place.shown, advice)
    store.origin = RemoteOrigin(place, held, told)
    for _ in together(store.fill, lacking, place.address.scheme.at_once):
        pass
    return len(lacking), total, len(wanted) - len(lacking)
