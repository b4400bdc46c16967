"""What built paths reach on labelled images: measured by children, kept while the paths stay the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from legonet import foreign
from legonet.errors import LegonetError
from legonet.graph.lock import Lock
from legonet.graph.select import givers, image_names, meaning_of, split_path
from legonet.store.workspace import Workspace, shipped_folder
from legonet.studio.children import Child, Children
from legonet.studio.drafted import Drafted
from legonet.studio.models.graph import Measuring
from legonet.studio.models.runs import NewMeasure
from legonet.web.faults import refuse

ANIMALS = "animals"
MOST = 60  # paths that are measured together
KEPT = 50
_IMAGES = "animal-shape-mnist"  # the distribution that has the animals

Row = Mapping[str, object]


class Measures:
    """The figures of one graph file.

    Args:
        path: The graph file.
        workspace: Its workspace.
    """

    def __init__(self, path: Path, workspace: Workspace) -> None:
        self._path, self._workspace = path, workspace
        self.children = Children(workspace, "measures", KEPT)
        self._rows: dict[str, dict[str, Row]] = {}  # of children that have ended

    def look(self, graph: str) -> Looked:
        """What is known of a network's figures."""
        children = [each for each in self.children.all() if each.asked.get("graph") == graph]
        return Looked(tuple((each, _marks(each), self._measured(each)) for each in children))

    def start(self, asked: NewMeasure, drafted: Drafted) -> Child:
        """Measure paths.

        Args:
            asked: Which, on what.
            drafted: What the file says.

        Raises:
            LegonetError: Others are being measured, none of these can be, or the folder is outside.
        """
        if self.look(drafted.graph.name).now.running:
            raise refuse(409, "figures are being measured", advice="wait for their end")
        paths = [each for each in _built(drafted) if not asked.paths or each in asked.paths]
        if asked.data != ANIMALS:
            paths = _with_folder(drafted, Path(self._source(asked.data)), paths)
        if not paths:
            found = f"none of these built paths has labelled images in {asked.data}"
            raise refuse(422, found, "expected scores, masks or classes, and a folder for each category")
        return self._started(asked.data, drafted, paths[:MOST])

    def go_on(self, drafted: Drafted, looked: Looked, known: Collection[str]) -> bool:
        """Measure what was not tried as it is now, where it is known on what.

        That is the images that somebody has chosen before; and those of the animals that come with legonet,
        for their own teachers only: who knows what another network calls a cat.

        Args:
            drafted: What the file says.
            looked: What is known already.
            known: What needs no measuring.

        Returns:
            Whether it began.
        """
        lock, tried = drafted.lock, looked.tried
        left = [
            each for each in _built(drafted) if each not in known and (each, mark(lock, each)) not in tried
        ]
        if not left or looked.now.running:
            return False
        data, paths = ANIMALS, _of_animals(drafted, left)
        if not paths and looked.now.data not in ("", ANIMALS):
            with suppress(LegonetError):  # the folder is gone
                data = looked.now.data
                paths = _with_folder(drafted, Path(self._source(data)), left)
        if paths:
            self._started(data, drafted, paths[:MOST])
        return bool(paths)

    def _started(self, data: str, drafted: Drafted, paths: Sequence[str]) -> Child:
        source, chosen = self._source(data), [f"--path={each}" for each in paths]
        return self.children.start(
            ["evaluate", str(self._path.absolute()), f"--data={source}", *chosen, "--json"],
            ["evaluate", str(self._path), "--data", data, *chosen],
            graph=drafted.graph.name,
            data=data,
            marks={each: mark(drafted.lock, each) for each in paths},
        )

    def _source(self, data: str) -> str:
        """As `--data` takes it.

        Raises:
            LegonetError: It is no folder of the workspace.
        """
        if data == ANIMALS:
            return data
        folder = self._workspace.resolve(self._workspace.root, data)
        if not folder.is_dir():
            raise refuse(422, f"{data}: no folder", "expected one of the workspace", key="data")
        return str(folder)

    def _measured(self, child: Child) -> dict[str, Row] | None:
        """The first row of each path; None before its end."""
        if child.id not in self._rows:
            if child.alive():
                return None
            self._rows[child.id] = _rows(child)
        return self._rows[child.id]


@dataclass(frozen=True)
class Looked:
    """Children that measured, the newest first: what they were asked for, and what they found.

    Attributes:
        children: Each with what its paths were made of, and the first row of each; None before its end.
    """

    children: tuple[tuple[Child, Mapping[str, str], Mapping[str, Row] | None], ...]

    def figures(self, lock: Lock) -> dict[str, Row]:
        """The first measure of each path that was measured as it is now, as `legonet evaluate` gives it."""
        found: dict[str, Row] = {}
        for _, marks, rows in self.children:
            for path, row in (rows or {}).items():
                if marks.get(path) == mark(lock, path):
                    found.setdefault(path, row)
        return found

    @property
    def tried(self) -> set[tuple[str, str]]:
        """Paths, and what they were made of, that were measured or could not be."""
        return {each for _, marks, _ in self.children for each in marks.items()}

    @property
    def now(self) -> Measuring:
        """Whether something is measured, and where the images come from."""
        if not self.children:
            return Measuring(running=False, data="", message="")
        newest, _, rows = self.children[0]
        said = "" if rows is None or rows else newest.errors() or "its process ended without saying why"
        return Measuring(running=rows is None, data=str(newest.asked.get("data", ""))[:500], message=said)


def mark(lock: Lock, path: str) -> str:
    """What a path is made of: as long as this stays the same, so do its figures."""
    category, task = split_path(path)
    modules = lock.categories.get(category), lock.tasks.get(task)
    adapter = lock.adapters.get(path)
    built = [None if each is None else each.built for each in modules]
    return " ".join(map(str, (*built, None if adapter is None else adapter.adapter)))


def _built(drafted: Drafted) -> list[str]:
    """Built paths whose labels a source of images can have."""
    edges, lock = () if drafted.plan is None else drafted.plan.edges, drafted.lock
    found = []
    for path in (each.path for each in edges if each.action in ("keep", "native")):
        category, task = split_path(path)
        built = category in lock.categories and task in lock.tasks
        if built and meaning_of(drafted.graph, path).annotation() is not None:
            found.append(path)
    return found


def _with_folder(drafted: Drafted, folder: Path, paths: Sequence[str]) -> list[str]:
    """Those whose category has a folder of images."""
    there = {each.name for each in folder.iterdir() if each.is_dir()}
    return [each for each in paths if there.intersection(image_names(drafted.graph, split_path(each)[0]))]


def _of_animals(drafted: Drafted, paths: Sequence[str]) -> list[str]:
    """Those whose category's module comes of the teacher that is shipped for it, if the images are here."""
    try:
        metadata.distribution(_IMAGES)
    except metadata.PackageNotFoundError:
        return []
    given = givers(drafted.graph if drafted.planned is None else drafted.planned.graph).categories
    found = []
    for path in paths:
        category = split_path(path)[0]
        with suppress(LegonetError):
            teacher = drafted.project.sources.get(given.get(category) or "")
            if teacher is not None and _shipped().get(teacher.weights_hash()) == category:
                found.append(path)
    return found


@cache
def _shipped() -> dict[str, str]:
    """The categories of the teachers that come with legonet, by the hash of their weights."""
    files = shipped_folder("graphs").glob("teachers/*-*.safetensors")
    return {hashlib.sha256(each.read_bytes()).hexdigest(): each.name.partition("-")[0] for each in files}


def _marks(child: Child) -> dict[str, str]:
    marks = child.asked.get("marks")
    return {str(path): str(each) for path, each in marks.items()} if isinstance(marks, dict) else {}


def _rows(child: Child) -> dict[str, Row]:
    with suppress(LegonetError, ValueError, RecursionError):
        said = json.loads(foreign.read(child.output, foreign.STATE))
        rows = said.get("rows") if isinstance(said, dict) else None
        if isinstance(rows, list):
            told = [each for each in rows if isinstance(each, dict) and isinstance(each.get("path"), str)]
            return {each["path"]: each for each in reversed(told)}
    return {}
