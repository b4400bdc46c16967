"""A folder into which teachers are dropped: each complete one is checked and added to the graph file.

A drop is a file `NAME.yaml` with what a graph file says of a teacher, but for its weights, and beside it
`NAME.safetensors` and, if there are any, `NAME.statistics.safetensors`:

    {category: cat, task: classify, model: vgg-slim, cut: pool2}

For a new task it also says `output`. `different: variant` makes a category of its own, `cat@2`, of a teacher
whose category module is not that of its category; `different: replace` makes a new version of the path's
teacher.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from legonet.blocks.files import find_block
from legonet.errors import GraphError, LegonetError, StoreError, TeacherError
from legonet.graph.arrival import teacher_of, variant_name
from legonet.graph.dump import graph_data
from legonet.graph.edit import add_entries
from legonet.graph.load import load_graph, parse_yaml
from legonet.graph.schema import Graph, Label, Model, Name, Number, Output
from legonet.graph.select import givers
from legonet.store.files import write_file
from legonet.store.workspace import Workspace
from legonet.teachers.read import read_teacher
from legonet.teachers.source import STATISTICS_SUFFIX, FileTeacher
from legonet.teachers.validate import problems_of

TEACHERS = "teachers"
ADDED, REJECTED, REPLACED = "added", "rejected", "replaced"
SETTLED = 2.0  # seconds that a drop's files must not have changed
STALE = 60.0  # seconds after which what is missing of a drop is told
WEIGHTS = ".safetensors"


class Dropped(Model):
    """What a drop says of its teacher."""

    category: Name
    task: Name
    model: Label
    cut: Label
    quality: Number | None = None
    output: Output | None = None
    different: Literal["keep", "replace", "variant"] = "keep"


@dataclass(frozen=True)
class Drop:
    """The files of one teacher in the inbox."""

    name: str
    entry: Path

    @property
    def weights(self) -> Path:
        """The teacher's weights."""
        return self.entry.with_name(f"{self.name}{WEIGHTS}")

    @property
    def statistics(self) -> Path:
        """The statistics, if its owner recorded them."""
        return self.entry.with_name(f"{self.name}{STATISTICS_SUFFIX}")

    @property
    def files(self) -> list[Path]:
        """Those that are there."""
        return [file for file in (self.entry, self.weights, self.statistics) if file.is_file()]


class Inbox:
    """The inbox of a graph file.

    Args:
        folder: into which teachers are dropped.
        graph: the graph file that they are added to.
    """

    def __init__(self, folder: Path, graph: Path) -> None:
        self.folder, self.graph = folder, graph
        self._told: dict[str, float] = {}

    def ready(self) -> Iterator[Drop]:
        """The drops that are complete: nothing of them has changed for a while; the oldest first."""
        drops = [Drop(file.stem, file) for file in self.folder.glob("*.yaml")]
        for drop in sorted(drops, key=lambda drop: (_changed(drop.entry), drop.name)):
            if drop.weights.is_file() and all(_stands(file) for file in drop.files):
                yield drop

    def incomplete(self, seconds: float = STALE) -> Iterator[str]:
        """The files that have lain there for a while without the other half of their drop; each is told once.

        Args:
            seconds: that they must not have changed.
        """
        pairs = [(file, file.with_suffix(WEIGHTS)) for file in self.folder.glob("*.yaml")]
        for file in self.folder.glob(f"*{WEIGHTS}"):
            name = file.name.removesuffix(STATISTICS_SUFFIX).removesuffix(WEIGHTS)
            pairs.append((file, file.with_name(f"{name}.yaml")))
        for file, other in sorted(pairs):
            changed = _changed(file)
            if not file.is_file() or other.is_file() or self._told.get(file.name) == changed:
                continue
            if _stands(file, seconds):
                self._told[file.name] = changed
                yield (
                    f"{file.name} has not changed for {seconds:.0f} s and waits for {other.name}, which is "
                    "not there; put it beside, or take it away"
                )

    def take(self, drop: Drop) -> str:
        """Check a drop and add its teacher to the graph file; a refused one leaves no trace there.

        Returns:
            The path that the teacher is of.

        Raises:
            Exception: why it is refused; it is set aside then, with the reason beside it.
            OSError: a file cannot be read now; it stays where it is.
        """
        try:
            path = self._added(drop)
        except OSError:
            raise
        except Exception as error:  # a bug too is no reason to look at the same drop for ever
            text = str(error) if isinstance(error, LegonetError) else traceback.format_exc()
            reason = drop.entry.with_suffix(".reason.txt")
            write_file(reason, f"{text}\n".encode())
            self._move([*drop.files, reason], REJECTED)
            raise
        self._move(drop.files, ADDED)
        return path

    def _added(self, drop: Drop) -> str:
        said, graph = _read(drop), load_graph(self.graph).graph
        workspace = Workspace.find(self.graph)
        block = find_block(said.model, workspace.block_folders)
        parts = read_teacher(block, drop.weights, said.cut, str(drop.entry))
        known = graph.teachers.get(drop.name)
        if known is not None and self._source(graph, drop.name).parts() == parts:
            return f"{known.category}:{known.task}"  # a kill came between adding and moving
        taken = teacher_of(graph, said.category, said.task)
        if taken is not None and said.different == "replace":
            return self._replace(drop, said, graph, taken)
        category, giver = said.category, givers(graph).categories.get(said.category)
        if giver is not None and said.different != "keep":
            differs = self._source(graph, giver).parts().f_sha != parts.f_sha
            if said.different == "variant" and (differs or taken is not None):
                category = variant_name(graph, category)
            elif differs:
                raise TeacherError(
                    f"{drop.entry}: {category}:{said.task} has no teacher that could be replaced; to replace "
                    f"the category's module, drop it without `different` and write `teacher: {drop.name}` "
                    f"under categories.{category}"
                )
        self._write(drop, said, graph, category)
        return f"{category}:{said.task}"

    def _write(self, drop: Drop, said: Dropped, graph: Graph, category: str) -> None:
        """Add the teacher to the graph file and put its files beside it, or leave both as they were."""
        entry: dict[str, Any] = {"category": category, "task": said.task, "model": said.model}
        entry |= {"weights": f"{TEACHERS}/{drop.name}.safetensors", "cut": said.cut}
        entry |= {} if said.quality is None else {"quality": said.quality}
        entries: dict[str, dict[str, Any]] = {"teachers": {drop.name: entry}}
        if category not in graph.categories:
            base = graph.categories.get(said.category)
            entries["categories"] = {category: {} if base is None else {"label": base.label or said.category}}
        if said.task not in graph.tasks:
            if said.output is None:
                raise TeacherError(
                    f"{drop.entry}: task '{said.task}' is new; expected its meaning; add `output`, such as "
                    "{kind: binary}"
                )
            entries["tasks"] = {said.task: {"output": graph_data(said.output)}}
        before = self.graph.read_bytes()
        as_json = self.graph.suffix == ".json"
        text = add_entries(before.decode(), entries, str(self.graph), as_json)
        placed = self._place(drop)
        try:
            write_file(self.graph, text.encode())
            problems = problems_of(self.graph)
            if problems:
                raise GraphError(problems)
        except BaseException:
            write_file(self.graph, before)
            for file in placed:
                file.unlink(missing_ok=True)
            raise

    def _place(self, drop: Drop) -> list[Path]:
        """Copy weights and statistics to where the graph file finds them."""
        folder = self.graph.absolute().parent / TEACHERS
        placed = [folder / file.name for file in (drop.weights, drop.statistics) if file.is_file()]
        for file in placed:
            if file.exists():
                raise StoreError(f"{file}: is there already; expected a new name; drop it under another")
        for file in placed:
            write_file(file, (self.folder / file.name).read_bytes())
        return placed

    def _replace(self, drop: Drop, said: Dropped, graph: Graph, taken: str) -> str:
        """A new version: the files of the path's teacher are exchanged, its entry stays."""
        old = graph.teachers[taken]
        if (said.model, said.cut, None) != (old.model, old.cut, old.sha256):
            raise TeacherError(
                f"{drop.entry}: replaces {taken} of model {old.model}, cut {old.cut}"
                f"{', with a sha256' if old.sha256 else ''}; expected the same, without sha256"
            )
        source, moment = self._source(graph, taken), time.time_ns()
        pairs = [(drop.weights, source.weights_path()), (drop.statistics, source.statistics_path())]
        for new, target in pairs:
            if target.is_file():
                write_file(self.folder / REPLACED / f"{moment}-{target.name}", target.read_bytes())
            if new.is_file():
                write_file(target, new.read_bytes())
            else:
                target.unlink(missing_ok=True)
        return f"{old.category}:{old.task}"

    def _source(self, graph: Graph, name: str) -> FileTeacher:
        folder = self.graph.absolute().parent
        return FileTeacher(name, graph.teachers[name], folder, Workspace.find(self.graph))

    def _move(self, files: list[Path], where: str) -> None:
        """Out of the inbox; what has the same name there already is overwritten."""
        folder = self.folder / where
        try:
            folder.mkdir(exist_ok=True)
            for file in files:
                file.replace(folder / file.name)
        except OSError as error:
            raise StoreError(
                f"{self.folder}: {files[0].stem} cannot be moved to {where} ({error.strerror or error}); "
                "expected a folder that may be written to"
            ) from error


def _read(drop: Drop) -> Dropped:
    data, _ = parse_yaml(drop.entry.read_bytes(), str(drop.entry))
    try:
        return Dropped.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise TeacherError(
            f"{drop.entry}: {place}: {first['msg']}; expected category, task, model and cut; correct it and "
            "drop it again"
        ) from error


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # gone meanwhile
        return 0.0


def _stands(file: Path, seconds: float = SETTLED) -> bool:
    return abs(time.time() - _changed(file)) > seconds  # a file from the future is as settled as an old one
