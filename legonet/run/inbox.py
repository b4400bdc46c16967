"""A folder into which teachers are dropped: each complete one is checked and added to the graph file.

A drop is a file `NAME.yaml` with what `legonet teacher add` takes, and beside it the weights,
`NAME.safetensors`, `NAME.pt` or `NAME.pth`, and, if there are any, `NAME.statistics.safetensors`:

    {category: cat, task: classify, model: vgg-slim, cut: pool2}

The model is a block, one of a library, such as `torchvision:resnet18`, or `NAME.pt2` beside it, which has its
weights. That file counts as code, as a function does that makes a model: only the user's own file of
permissions allows it. `take` names the output that counts, and last steps, as `--output` of the command does;
`key` a set of weights; `by_order: true` takes them in the file's order. For a new task the drop also says
`output`. `on_conflict: variant` makes a category of its own, `cat@2`, of a teacher whose category module is
not that of its category; `on_conflict: replace` makes a new version of the path's teacher. Needs torch.
"""

from __future__ import annotations

import errno
import os
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from legonet import foreign
from legonet.errors import GraphError, LegonetError, StoreError, TeacherError
from legonet.graph.address import without_secrets
from legonet.graph.checks.structure import explain
from legonet.graph.editing.build import extended
from legonet.graph.editing.dump import graph_data
from legonet.graph.editing.on_conflict import OnConflict, kept_beside, teacher_of, variant_name
from legonet.graph.fields import Address, Label, Model, Name, Number
from legonet.graph.load import load_graph, parse_yaml
from legonet.graph.lock import Lock
from legonet.graph.reading.findings import located
from legonet.graph.schema import AnyOutput, Graph, Input
from legonet.graph.select import givers
from legonet.graph.suggest import listed
from legonet.store.blobs import sha256
from legonet.store.confined import expect_inside
from legonet.store.locks import RunLock
from legonet.store.plain_files import write_file
from legonet.store.workspace import TEACHERS_FOLDER, Workspace
from legonet.teachers.arrival import expect_bridge
from legonet.teachers.from_module import expect_input, expect_new, from_module
from legonet.teachers.models.table import find_model
from legonet.teachers.new_teacher import NewTeacher
from legonet.teachers.recording import with_statistics
from legonet.teachers.save import save_network
from legonet.teachers.sources.file import STATISTICS_SUFFIX, FileTeacher
from legonet.teachers.sources.memory import MemoryTeacher
from legonet.teachers.statistics_file import parse_statistics
from legonet.teachers.tracing.programs import SUFFIX
from legonet.teachers.validate import shape_problems
from legonet.teachers.weights.checkpoints import fill_from

ADDED, REJECTED, REPLACED = "added", "rejected", "replaced"
SETTLED = 2.0  # seconds that a drop's files must not have changed
STALE = 60.0  # seconds after which what is missing of a drop is told
WEIGHTS = (".safetensors", ".pt", ".pth", SUFFIX)


class Dropped(Model):
    """What a drop says of its teacher."""

    category: Name
    task: Name
    model: Label
    cut: Label | Number
    key: Label | None = None
    by_order: bool = False
    take: Label | None = None
    quality: Number | None = None
    licence: Label | None = None
    source: Address | None = None
    output: AnyOutput | None = None
    input: Input | None = None
    on_conflict: OnConflict = "keep"


@dataclass(frozen=True)
class Drop:
    """The files of one teacher in the inbox."""

    name: str
    entry: Path

    @property
    def weights(self) -> list[Path]:
        """The teacher's weights, or the program that has them; more than one file is one too many."""
        files = [self.entry.with_name(f"{self.name}{suffix}") for suffix in WEIGHTS]
        return [file for file in files if file.is_file()]

    @property
    def statistics(self) -> Path:
        """The statistics, if its owner recorded them."""
        return self.entry.with_name(f"{self.name}{STATISTICS_SUFFIX}")

    @property
    def files(self) -> list[Path]:
        """Those that are there."""
        return [file for file in (self.entry, *self.weights, self.statistics) if file.is_file()]


class Inbox:
    """The inbox of a graph file.

    Args:
        folder: Into which teachers are dropped.
        graph: The graph file that they are added to.
        note: Called with what people should know of a drop that is taken nevertheless.
    """

    def __init__(self, folder: Path, graph: Path, note: Callable[[str], None] = lambda _: None) -> None:
        self.folder, self.graph, self._note = folder, graph, note
        self._told: dict[str, float] = {}

    def ready(self) -> Iterator[Drop]:
        """The drops that are complete: nothing of them has changed for a while; the oldest first."""
        for drop in self._drops():
            if all(_stands(file, SETTLED) for file in drop.files):
                yield drop

    def changing(self) -> Iterator[Drop]:
        """The drops that have all their files, of which one has changed a moment ago."""
        for drop in self._drops():
            if not all(_stands(file, SETTLED) for file in drop.files):
                yield drop

    def _drops(self) -> list[Drop]:
        drops = [Drop(file.stem, file) for file in self.folder.glob("*.yaml")]
        drops.sort(key=lambda drop: (_changed(drop.entry), drop.name))
        return [drop for drop in drops if drop.weights]

    def incomplete(self, seconds: float = STALE) -> Iterator[str]:
        """Files that have lain there without the other half of their drop for a while; each is reported once.

        Args:
            seconds: How long they must not have changed.
        """
        entries = [Drop(file.stem, file) for file in self.folder.glob("*.yaml")]
        either = listed(WEIGHTS, " or ")
        waiting = [(drop.entry, f"{drop.name}{either}") for drop in entries if not drop.weights]
        for suffix in WEIGHTS:
            for file in self.folder.glob(f"*{suffix}"):
                name = file.name.removesuffix(STATISTICS_SUFFIX).removesuffix(suffix)
                if not (entry := file.with_name(f"{name}.yaml")).is_file():
                    waiting.append((file, entry.name))
        for file, lacks in sorted(waiting):
            changed = _changed(file)
            if not file.is_file() or self._told.get(file.name) == changed:
                continue
            if _stands(file, seconds):
                self._told[file.name] = changed
                yield f"{file.name} waits for {lacks}, which is not there; put it beside, or take it away"

    def take(self, drop: Drop) -> str:
        """Check a drop and add its teacher to the graph file; a refused one leaves no trace there.

        Returns:
            The path that the teacher is of.

        Raises:
            Exception: Why it is refused; it is set aside then, with the reason beside it.
            OSError: A file cannot be read now; it stays where it is.
        """
        with self._alone():
            if not os.path.lexists(drop.entry):
                raise FileNotFoundError(errno.ENOENT, "another command has taken it", str(drop.entry))
            return self._take(drop)

    def _alone(self) -> RunLock:
        """Another `legonet watch` may look into the same folder; each drop is one's."""
        name = sha256(os.fsencode(self.folder.resolve()))[:16]
        path = Workspace.find(self.graph).state("inboxes", f"{name}.lock")
        return RunLock(path, wait=True, told=self._note, what="this inbox")

    def _take(self, drop: Drop) -> str:
        try:
            path = self._added(drop)
        except OSError:
            raise
        except Exception as error:  # a bug too is no reason to look at the same drop for ever
            text = str(error) if isinstance(error, LegonetError) else traceback.format_exc()
            reason = drop.entry.with_suffix(".reason.txt")
            if reason.is_symlink():  # to where whoever drops files may not write
                reason.unlink()
            write_file(reason, f"{text}\n".encode())
            self._move([*drop.files, reason], REJECTED)
            raise
        self._move(drop.files, ADDED)
        return path

    def _added(self, drop: Drop) -> str:
        said, graph = self._read(drop), load_graph(self.graph).graph
        arriving = self._arriving(drop, said, graph)
        known = graph.teachers.get(drop.name)
        if known is not None and self._source(graph, drop.name).parts() == arriving.parts():
            return f"{known.category}:{known.task}"  # a kill came between adding and moving
        taken = teacher_of(graph, said.category, said.task)
        if taken is not None and said.on_conflict == "replace":
            return self._replace(drop, graph, taken, arriving)
        category, giver = said.category, givers(graph).categories.get(said.category)
        if giver is not None:
            differs = self._source(graph, giver).parts().f_sha != arriving.parts().f_sha
            if said.on_conflict == "keep":
                if differs:
                    image = (said.input or graph.input_of(category)).shape
                    expect_bridge(drop.name, giver, self._source(graph, giver).cut(), arriving.cut(), image)
                    self._note(f"teachers.{drop.name}: {kept_beside(giver)}")
            elif said.on_conflict == "variant" and (differs or taken is not None):
                category = variant_name(graph, category)
            elif differs:
                raise TeacherError(
                    f"{drop.entry}: {category}:{said.task} has no teacher that could be replaced; to replace "
                    f"the category's module, drop it without `on_conflict` and write `teacher: {drop.name}` "
                    f"under categories.{category}"
                )
        self._write(drop, said, graph, category, arriving)
        return f"{category}:{said.task}"

    def _read(self, drop: Drop) -> Dropped:
        data, positions = parse_yaml(foreign.read(drop.entry, foreign.DROP), str(drop.entry))
        if isinstance(data, dict) and "different" in data and "on_conflict" not in data:
            data["on_conflict"] = data.pop("different")
            self._note(
                f"{drop.entry}: `different` is called `on_conflict` now; it is read; write the new word"
            )
        try:
            return Dropped.model_validate(data)
        except ValidationError as error:
            problems = located(explain(data, Dropped, positions), str(drop.entry), positions)
            raise TeacherError.of(*problems) from error

    def _arriving(self, drop: Drop, said: Dropped, graph: Graph) -> MemoryTeacher:
        """The dropped teacher, read as `legonet teacher add` reads one; its weights stay in their file."""
        file, *more = drop.weights
        if more:
            raise TeacherError(
                f"{drop.entry}: beside it are {', '.join(each.name for each in drop.weights)}; expected one "
                "file of weights; take the others away"
            )
        workspace, program = Workspace.find(self.graph), f"{drop.name}{SUFFIX}"
        is_program = said.model.endswith(SUFFIX)
        if is_program and said.model != program:  # what is allowed elsewhere is not what was dropped
            raise TeacherError(
                f"{drop.entry}: model {said.model}; expected {program}, beside it; rename the file"
            )
        reference = str(drop.entry.with_name(program)) if is_program else said.model
        module = find_model(reference, workspace.block_folders, workspace=workspace.root)
        weights = None if is_program and file.suffix == SUFFIX else file
        where = f"teachers.{drop.name}"
        fill_from(
            module, weights, where, said.model, said.key, self._note, by_order=said.by_order, follow=False
        )
        new = NewTeacher(drop.name, module, said.category, said.task, said.cut, said.take, copy=False)
        source, _ = from_module(new, (said.input or graph.input_of(said.category)).shape)
        for note in source.notes:
            self._note(f"{where}: {note}")
        if drop.statistics.is_file():
            statistics = foreign.read(drop.statistics, foreign.STATISTICS)
            parse_statistics(statistics, str(drop.statistics))
            source = with_statistics(source, statistics)
        return source

    def _write(self, drop: Drop, said: Dropped, graph: Graph, category: str, arriving: MemoryTeacher) -> None:
        """Add the teacher to the graph file and put its files beside it, or leave both as they were."""
        expect_new(graph, drop.name, category, said.task)
        expect_input(graph, category, said.input, str(drop.entry))
        entry: dict[str, Any] = {"category": category, "task": said.task, "model": said.model}
        entry |= {"weights": f"{TEACHERS_FOLDER}/{drop.name}.safetensors", "cut": arriving.cut_name}
        source = None if said.source is None else without_secrets(said.source)
        said_of_it = {"quality": said.quality, "licence": said.licence, "source": source}
        entry |= {key: value for key, value in said_of_it.items() if value is not None}
        entries: dict[str, dict[str, Any]] = {"teachers": {drop.name: entry}}
        if category not in graph.categories:
            base = graph.categories.get(said.category)
            known: dict[str, Any] = {} if base is None else {"label": base.label or said.category}
            image = said.input or (None if base is None else base.input)
            known |= {} if image is None else {"input": graph_data(image)}
            entries["categories"] = {category: known}
        if said.task not in graph.tasks:
            if said.output is None:
                raise TeacherError(
                    f"{drop.entry}: task '{said.task}' is new; expected its meaning; add `output`, such as "
                    "{kind: binary}"
                )
            entries["tasks"] = {said.task: {"output": graph_data(said.output)}}
        grown, new = extended(graph, entries), {drop.name: arriving}
        sources = {name: self._source(graph, name) for name in graph.teachers}
        problems = list(shape_problems(grown, {**sources, **new}))
        if problems:
            raise GraphError.of(*located(problems, str(drop.entry)))
        save_network(grown, Lock(), Workspace.find(self.graph).store, new, self.graph, graph)

    def _replace(self, drop: Drop, graph: Graph, taken: str, arriving: MemoryTeacher) -> str:
        """A new version: the files of the path's teacher are exchanged, its entry stays."""
        old, source = graph.teachers[taken], self._source(graph, taken)
        if arriving.cut() != source.cut() or old.sha256 is not None:
            raise TeacherError(
                f"{drop.entry}: would replace {taken}, of model {old.model}, cut at {old.cut}"
                + (
                    "; its entry has a sha256, which holds it to its file; remove that first"
                    if old.sha256
                    else "; expected the same model and cut; drop it as a new teacher, or as a variant"
                )
            )
        moment, beside = time.time_ns(), arriving.statistics()
        new = {
            source.weights_path(): arriving.weights(),
            source.statistics_path(): None if beside is None else [beside],
        }
        workspace = Workspace.find(self.graph)
        with workspace.writing():
            for target in map(workspace.own, new):
                if target.is_file():
                    copy = self._own(self.folder / REPLACED / f"{moment}-{target.name}")
                    write_file(copy, target.read_bytes())
            for target, pieces in new.items():
                if pieces is not None:
                    write_file(target, pieces)
                else:
                    target.unlink(missing_ok=True)
        return f"{old.category}:{old.task}"

    def _source(self, graph: Graph, name: str) -> FileTeacher:
        folder = self.graph.absolute().parent
        return FileTeacher(name, graph.teachers[name], folder, Workspace.find(self.graph))

    def _own(self, path: Path) -> Path:
        """A path of the inbox that no link leads out of."""
        return expect_inside(self.folder.absolute(), path.absolute())

    def _move(self, files: list[Path], where: str) -> None:
        """Out of the inbox; what has the same name there already is overwritten."""
        folder = self._own(self.folder / where)
        try:
            folder.mkdir(exist_ok=True)
            for file in files:
                file.replace(folder / file.name)
        except OSError as error:
            raise StoreError(
                f"{self.folder}: {files[0].stem} cannot be moved to {where} ({error.strerror or error}); "
                "expected a folder that may be written to; check its permissions"
            ) from error


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # gone meanwhile
        return 0.0


def _stands(file: Path, seconds: float) -> bool:
    return abs(time.time() - _changed(file)) > seconds  # a file from the future is as settled as an old one
