"""Sends a network to a remote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock as ThreadLock

from legonet import foreign
from legonet.blocks.files import list_blocks
from legonet.errors import StoreError
from legonet.graph.lock import Lock, dump_lock, lock_path
from legonet.graph.select import select_paths, split_path
from legonet.graph.subgraph import concerning
from legonet.progress import Bars
from legonet.remote.consent import choose, remember
from legonet.remote.manifest import POINTER, POINTER_MOST, Found, Manifest, Sent, is_safe, look, pointer_to
from legonet.remote.objects import Objects
from legonet.remote.place import Place
from legonet.remote.together import together
from legonet.run.prepare import lock_teachers, store_blobs
from legonet.run.project import Project
from legonet.sharing.join import join, note
from legonet.sharing.results import Pushed
from legonet.store.blobs import Store, sha256
from legonet.store.elsewhere import Elsewhere
from legonet.store.gc import named
from legonet.store.workspace import BLOCKS_FOLDER, Workspace
from legonet.teachers.sources.file import FileTeacher

ROUNDS = 8  # of joining and pushing, while others push too
CARD = "README.md"


@dataclass(frozen=True)
class Local:
    """A network as it is here, read at one moment.

    Attributes:
        project: Where it lives.
        lock: What has been built.
        file: The graph file.
        card: Makes its card and what lies beside it, by name, of the sizes of its blobs.
    """

    project: Project
    lock: Lock
    file: Path
    card: Callable[[Mapping[str, int]], Mapping[str, bytes]] = field(repr=False)

    @property
    def workspace(self) -> Workspace:
        """Where it lives.

        Raises:
            StoreError: In memory.
        """
        if self.project.workspace is None:
            raise StoreError(
                f"{self.project.graph.name}: a network in memory; expected one of a graph file; save it "
                "first: net.save('graphs/NAME.yaml')"
            )
        return self.project.workspace


def push(read: Callable[[], Local], url: str | None, names: Sequence[str], bars: Bars) -> Pushed:
    """Send a network to a remote; see `legonet.network.Network.push`.

    Args:
        read: Reads the network as it is in its files.
        url: Of the remote; None: the one that the graph file names, or the user's settings.
        names: Paths and applications whose bytes are sent; empty: all.
        bars: Where progress is shown.
    """
    local = read()
    workspace = local.workspace
    address = choose(url, local.project.graph.remote, workspace.root, str(local.file))
    place = Place(address)
    place.expect_writable()
    sending, joined, known = _Sending(place, workspace.store, bars), False, None
    for _ in range(ROUNDS):
        known = look(place, known)
        if known is not None and join(place, known, local.file, workspace):
            note(workspace, address, known.manifest)  # what is here has theirs in it now
            local, joined = read(), True
        manifest = _send(sending, local, names, known)
        if _published(place, known, manifest, sending.beside):
            note(workspace, address, manifest)
            said = remember(address, workspace.root) if url is not None else ""
            notes = (*sending.notes, *([said] if said else []))
            return Pushed(address.shown, sending.sent, sending.bytes, sending.there, joined, notes)
    raise StoreError(
        f"{address.shown}: others pushed {ROUNDS} times while this was pushed; expected a moment "
        "without; run the command again: nothing is sent twice"
    )


def _published(place: Place, known: Found | None, manifest: Manifest, beside: Mapping[str, bytes]) -> bool:
    """Let the pointer point at a list, unless somebody else has moved it; files for people come first."""
    data = manifest.dump()
    if known is not None and known.sha256 == sha256(data):
        return True
    Objects(place).send(sha256(data), [data])
    for name, text in beside.items():
        place.write(name, text)
    before = None if known is None else known.pointer
    return place.swap(POINTER, before, pointer_to(manifest, data).dump(), POINTER_MOST)


class _Sending:
    """What a push sends, and what it need not."""

    def __init__(self, place: Place, store: Store, bars: Bars) -> None:
        self._store, self._bars, self._objects = store, bars, Objects(place, self._told)
        self._at_once = place.address.scheme.at_once
        self.sent = self.bytes = self.there = 0
        self.notes: list[str] = []
        self.beside: dict[str, bytes] = {}  # files for people
        self._known = set[str]()
        self._total, self._done, self._telling = 0, 0, ThreadLock()

    def _told(self, count: int) -> None:
        with self._telling:  # several threads send
            self._done += count
            total = max(1, self._total, self._done)
            self._bars.show("", "sending", total=total / 2**20, done=self._done / 2**20, state="MiB")

    def data(self, data: bytes, there: Iterable[str]) -> Sent:
        """Send bytes, unless the remote's list names them."""
        found = Sent(sha256=sha256(data), size=len(data))
        if found.sha256 in there:
            self.there += 1
        elif found.sha256 not in self._known:
            self._count(self._objects.send(found.sha256, [data]), len(data))
        self._known.add(found.sha256)
        return found

    def blobs(self, needed: Mapping[str, int], there: Iterable[str]) -> None:
        """Send blobs, unless the remote's list names them."""
        new = {sha: size for sha, size in needed.items() if sha not in there and sha not in self._known}
        self.there += len(needed) - len(new)
        self._total, self._done = sum(new.values()), 0
        for sha, sent in together(self._send, sorted(new), self._at_once):
            self._count(sent, new[sha])
            self._known.add(sha)

    def _send(self, sha: str) -> tuple[str, bool]:
        return sha, self._objects.send(sha, [self._store.map(sha)])

    def _count(self, sent: bool, size: int) -> None:
        self.sent, self.bytes, self.there = (
            self.sent + sent,
            self.bytes + size * sent,
            self.there + (not sent),
        )


def _send(sending: _Sending, local: Local, names: Sequence[str], known: Found | None) -> Manifest:
    """Send what the remote lacks of a network; the list of what it holds then."""
    project, workspace, lock = local.project, local.workspace, local.lock
    there = None if known is None else known.manifest
    held = {} if there is None else there.blobs
    chosen = concerning(project.graph, names) if names else project.graph
    paths = select_paths(project.graph, names) if names else None
    teachers = lock_teachers(project.sources, lock)
    modules, cut = set[str](), set[str]()
    for name, each in teachers.items():
        own = {each.category_module, each.task_module}
        own |= set() if each.statistics is None else {each.statistics}
        cut |= own
        modules |= own if name in chosen.teachers else set()
    wanted = modules | blobs_of_paths(lock, paths)
    here = {name: project.sources[name] for name in chosen.teachers}
    store_blobs(modules - held.keys(), here, {name: teachers[name] for name in here}, project.store)
    for sha in sorted(wanted - held.keys()):
        workspace.store.fill(sha)  # what another remote has, and is not here yet
    sizes, lost = _sizes(workspace.store, wanted, held)
    sending.blobs(sizes, held.keys())
    sending.notes = [f"{sha[:10]} is not in the store, and is not sent" for sha in lost]
    needed = {*named(lock), *cut}
    blobs = {sha: size for sha, size in held.items() if sha in needed} | sizes
    elsewhere = {} if there is None else dict(there.elsewhere)
    for name, each in teachers.items():
        elsewhere |= _elsewhere(project.sources[name], (each.category_module, each.task_module), workspace)
    files = dict(_files(local, dump_lock(lock)))
    before = set[str]()
    if there is not None:
        before = {each.sha256 for each in (*there.files.values(), there.card) if each is not None}
    made = Manifest(
        name=project.graph.name,
        graph=relative(local.file, workspace),
        lock=relative(lock_path(local.file), workspace),
        files={name: sending.data(data, before) for name, data in sorted(files.items())},
        elsewhere=dict(sorted(elsewhere.items())),
        blobs=dict(sorted(blobs.items())),
        card=None if there is None else there.card,
    )
    if made == there:
        sending.there += made.card is not None
        return made
    sending.beside = dict(local.card(blobs))
    return made.model_copy(update={"card": sending.data(sending.beside[CARD], before)})


def blobs_of_paths(lock: Lock, paths: Sequence[str] | None) -> set[str]:
    """The content hashes of what runs on some paths; None: of all that a lock names."""
    if paths is None:
        return set(named(lock))
    pairs = [split_path(path) for path in paths]
    parts = [lock.categories.get(category) for category, _ in pairs]
    parts += [lock.tasks.get(task) for _, task in pairs]
    return {each.built for each in parts if each is not None} | {
        lock.adapters[path].adapter for path in paths if path in lock.adapters
    }


def _sizes(store: Store, wanted: Iterable[str], held: Mapping[str, int]) -> tuple[dict[str, int], list[str]]:
    """Sizes of blobs that are here or there, and those that are nowhere."""
    found, lost = dict[str, int](), list[str]()
    for sha in sorted(wanted):
        path = store.path(sha)
        if path.is_file():
            found[sha] = path.stat().st_size
        elif sha in held:
            found[sha] = held[sha]
        else:
            lost.append(sha)
    return found, lost


def _files(local: Local, lock: str) -> Iterable[tuple[str, bytes]]:
    """The files that travel as they are: graph, lock, and the blocks of its teachers."""
    file, workspace, graph = local.file, local.workspace, local.project.graph
    yield relative(file, workspace), foreign.read(file, foreign.GRAPH, follow=True)
    yield relative(lock_path(file), workspace), lock.encode()
    blocks = list_blocks(workspace.block_folders)
    for path in sorted({blocks[each.model] for each in graph.teachers.values() if each.model in blocks}):
        yield f"{BLOCKS_FOLDER}/{path.name}", foreign.read(path, foreign.BLOCK, follow=True)


def _elsewhere(source: object, modules: tuple[str, str], workspace: Workspace) -> dict[str, Elsewhere]:
    """The files of a teacher that do not travel, and what holds what is in them."""
    if not isinstance(source, FileTeacher):
        return {}
    root = workspace.root.resolve()
    weights = source.weights_path().relative_to(root).as_posix()
    found = {weights: Elsewhere(sha256=source.weights_hash(), blobs=modules)}
    if (statistics := source.statistics_hash()) is not None:
        path = source.statistics_path().relative_to(root).as_posix()
        found[path] = Elsewhere(sha256=statistics, blobs=(statistics,))
    return found


def relative(file: Path, workspace: Workspace) -> str:
    """A file's path in its workspace, as it travels.

    Raises:
        StoreError: Not every system could have a file of this name.
    """
    path = file.absolute()
    name = path.relative_to(workspace.root).as_posix() if path.is_relative_to(workspace.root) else str(path)
    if not is_safe(name):
        raise StoreError(
            f"{name}: a name that not every system may have; expected letters, digits, - and _, and an "
            "ending .yaml or .json; rename it before it travels"
        )
    return name
