"""A network as it is here, with its card: what is known of it, what it takes, and its drawing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from legonet.errors import LegonetError, RenderError, StoreError
from legonet.graph.lock import Lock
from legonet.graph.select import split_path
from legonet.ir.modules import blob_graph
from legonet.ir.sizes import Size, size_of
from legonet.render import draw
from legonet.render.card import LISTED, PathSize, card
from legonet.render.view import make_view
from legonet.sharing.push import CARD, Local

if TYPE_CHECKING:
    from legonet.drawn import DrawnNetwork

PICTURE = "network.svg"
DRAWN = 200  # pairs of categories and tasks at most


def read_local(network: DrawnNetwork) -> Local:
    """A network as it is in its files.

    Raises:
        StoreError: It has none.
    """
    project, file = network.project(), network.path
    if file is None:
        raise StoreError(
            f"{network.graph.name}: a network in memory; expected one of a graph file; save it first: "
            "net.save('graphs/NAME.yaml')"
        )

    def make(blobs: Mapping[str, int]) -> dict[str, bytes]:
        view, found = make_view(network.graph, network.lock, network.plan()), dict[str, bytes]()
        if len(view.edges) <= DRAWN:
            with suppress(RenderError):  # a card without a picture is a card
                found[PICTURE] = draw(view, "svg").encode()
        sizes = _sizes(network, network.lock, blobs)
        text = card(network.graph, view, sizes, sum(blobs.values()), PICTURE if found else "")
        return found | {CARD: text.encode()}

    return Local(project, network.lock, file, make)


def _sizes(network: DrawnNetwork, lock: Lock, blobs: Mapping[str, int]) -> dict[str, PathSize]:
    """What each path takes that is built, as far as its modules are here."""

    @cache
    def size(sha: str, shape: tuple[int, ...]) -> Size | None:
        try:
            return size_of(blob_graph(network.store.map(sha)), shape) if here(sha) else None
        except LegonetError:
            return None

    def here(sha: str) -> bool:
        return network.store.path(sha).is_file()  # nothing is fetched for a figure

    found: dict[str, PathSize] = {}
    for teacher in network.graph.teachers.values():
        path = f"{teacher.category}:{teacher.task}"
        category, task = split_path(path)
        f, g, h = lock.categories.get(category), lock.tasks.get(task), lock.adapters.get(path)
        if f is None or g is None or path in found or len(found) >= LISTED:
            continue
        parts = [f.built, *([h.adapter] if h else []), g.built]
        shape, operations = network.graph.input_of(category).shape, 0
        for sha in parts:
            made = size(sha, shape)
            if made is None:
                operations = None
                break
            operations, shape = operations + made.operations, made.gives
        found[path] = PathSize(sum(blobs.get(sha, 0) for sha in parts), operations)
    return found
