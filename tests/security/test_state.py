"""What lies in `.legonet/` of a clone is a stranger's: it is checked, or not believed at all."""

from __future__ import annotations

import ast
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import legonet
from legonet.cli import main
from legonet.cli.measure import measured
from legonet.compile.export import _was_exported
from legonet.compile.export.pt2 import CARD
from legonet.errors import LegonetError, RenderError
from legonet.plan.ports import Port
from legonet.render.figures import read_figures
from legonet.store.elsewhere import read_record
from legonet.store.workspace import Workspace, init_workspace

Untouched = Callable[[], bool]
HUGE = 10**400  # no number of floating point

needs_fifos = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")


@needs_fifos
@pytest.mark.parametrize("name", ["pace.json", "ports.json", "grouping.json"])
def test_what_this_machine_found_out_is_not_looked_for_in_a_workspace(
    name: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = workspace / "graphs" / "zoo.yaml"
    os.mkfifo(workspace / ".legonet" / name)
    assert main(["plan", str(graph)]) == 0
    legonet.load(graph).compile()
    kept = Workspace(workspace).found_out(name)
    assert kept is not None
    assert not kept.is_relative_to(workspace)


def test_ports_that_came_with_a_workspace_are_not_believed(workspace: Path) -> None:
    """Of a graph of operations they are kept: the same question is answered from the file."""
    graph = workspace / "graphs" / "zoo.yaml"
    project = legonet.load(graph).project()
    finder = project.port_finder()
    assert finder._file is not None
    true = finder("dog-v1" if "dog-v1" in project.graph.teachers else next(iter(project.graph.teachers)))
    (workspace / ".legonet" / "ports.json").write_text("[" * 10**6)
    assert isinstance(true, Port)
    assert finder._file != workspace / ".legonet" / "ports.json"


@pytest.mark.parametrize(
    "text", ["[" * 10_000, '{"a": [{"shape": Infinity}]}', "[[[]]]", '{"a": []}', '{"a": [3]}']
)
def test_ports_that_are_damaged_are_found_again(text: str, workspace: Path) -> None:
    project = legonet.load(workspace / "graphs" / "zoo.yaml").project()
    finder = project.port_finder()
    assert finder._file is not None
    finder._file.parent.mkdir(parents=True, exist_ok=True)
    finder._file.write_text(text)
    assert finder._known() == {}


def test_measuring_runs_nothing_of_the_working_folder(
    workspace: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = workspace / "graphs" / "zoo.yaml"
    graph.with_name("zoo.lock.json").unlink()
    (workspace / ".legonet" / "journal.sqlite").unlink(missing_ok=True)
    (workspace / "legonet").mkdir()
    text = f"open({str(canary)!r}, 'a').write('ran')\nraise ImportError('a trap')\n"
    for name in ("torch.py", "typing.py", "legonet/__init__.py"):
        (workspace / name).write_text(text)
    monkeypatch.chdir(workspace)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setattr("legonet.run.pace.WORTH", 1)
    assert measured(legonet.load(graph).plan(), graph)
    assert not canary.exists()


def test_every_process_is_started_without_the_working_folder() -> None:
    package = Path(legonet.__file__).parent
    started = 0
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.List) and node.elts and ast.unparse(node.elts[0]) == "sys.executable":
                started += 1
                assert ast.unparse(node.elts[1]) in ("'-P'", "'-I'"), f"{file}:{node.lineno}"
    assert started >= 4


# Places that open a file otherwise than by `legonet.foreign`, and why they may.
OPENED = {
    "legonet/cli/completion.py": "a start file of the user's own shell",
    "legonet/cli/teacher/record.py": "statistics that were written a moment ago",
    "legonet/data/crops.py": "photos that come with legonet",
    "legonet/data/silhouettes.py": "a file that comes with legonet",
    "legonet/data/pictures.py": "a file that foreign has opened",
    "legonet/demo/grow.py": "what the demo itself has written",
    "legonet/foreign.py": "it is the place",
    "legonet/graph/atomic.py": "new files, and folders to be flushed",
    "legonet/cli/__init__.py": "the null device",
    "legonet/remote/download.py": "the user's own folder",
    "legonet/remote/objects.py": "a part of a blob, in a folder that was confined",
    "legonet/remote/place.py": "files of fsspec, bounded",
    "legonet/remote/ssh.py": "files of a remote, read in bounded parts",
    "legonet/render/html.py": "files of the package",
    "legonet/run/executors/process.py": "a folder of the run's own, and /proc",
    "legonet/run/executors/wire.py": "likewise",
    "legonet/run/inbox.py": "a teacher's file, which is confined and regular",
    "legonet/store/locks.py": "locks, opened without following links or waiting",
    "legonet/store/plain_files.py": "a file whose size was compared first",
    "legonet/store/sqlite_files.py": "a journal that was looked at first",
    "legonet/store/workspace.py": "examples that come with legonet",
    "legonet/studio/children.py": "new files",
    "legonet/studio/measuring.py": "weights that come with legonet",
    "legonet/teachers/models/names.py": "an installed module, or one that the user allows",
}


def test_files_of_others_are_opened_in_one_place() -> None:
    package = Path(legonet.__file__).parent
    found = set[str]()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            reads = called.endswith((".read_text", ".read_bytes")) or called in ("open", "io.open", "os.open")
            opens = called.endswith(".open") and any(
                isinstance(each, ast.Constant) and set(str(each.value)) <= set("rwxab+") for each in node.args
            )
            if reads or opens or called == "gzip.open":
                found.add(file.relative_to(package.parent).as_posix())
    assert found <= set(OPENED), "open it by legonet.foreign, or say above why it may be opened otherwise"


@needs_fifos
def test_figures_are_opened_as_a_strangers(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "figures.json")
    with pytest.raises(RenderError, match="not a regular file"):
        read_figures(tmp_path / "figures.json")


@pytest.mark.parametrize(
    "change",
    [{"transplanted": HUGE}, {"teacher": "low"}, {"measure": 3}, {"unadapted": []}, {"path": None}],
)
def test_figures_of_other_kinds_are_none(change: dict[str, Any], tmp_path: Path) -> None:
    row = {"path": "cat:sort", "measure": "error", "transplanted": 0.5, "teacher": None}
    file = tmp_path / "figures.json"
    file.write_text(json.dumps({"rows": [row]}))
    assert read_figures(file) == {"cat:sort": row}
    file.write_text(json.dumps({"rows": [row | change]}))
    with pytest.raises(RenderError, match="no figures"):
        read_figures(file)


@needs_fifos
def test_a_card_of_an_export_that_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / CARD)
    assert not _was_exported(tmp_path)
    (tmp_path / CARD).unlink()
    (tmp_path / CARD).write_text("[" * 100_000)
    assert not _was_exported(tmp_path)


@needs_fifos
def test_a_new_workspace_waits_for_no_fifo(tmp_path: Path) -> None:
    (tmp_path / "graphs").mkdir()
    os.mkfifo(tmp_path / "graphs" / "graph.schema.json")
    with pytest.raises(legonet.errors.StoreError, match="is there already"):
        init_workspace(tmp_path)


@pytest.mark.parametrize(
    "change", [{"blobs": {"a" * 64: -1}}, {"blobs": {"a" * 64: HUGE}}, {"graph": ["a" * 64, HUGE]}]
)
def test_records_name_sizes_that_files_have(change: dict[str, Any], tmp_path: Path) -> None:
    sha = "a" * 64
    good = {"remote": "s3://bucket/zoo", "name": "zoo", "manifest": sha, "graph": [sha, 1], "lock": [sha, 1]}
    (tmp_path / "zoo.json").write_text(json.dumps(good))
    assert read_record(tmp_path / "zoo.json") is not None
    (tmp_path / "zoo.json").write_text(json.dumps(good | change))
    assert read_record(tmp_path / "zoo.json") is None


class _Exported:
    """A studio's folder of an export, as a clone may bring it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / ".legonet" / "studio" / "exports" / "20260101-000000-00000000"
        (self.folder / "network").mkdir(parents=True)
        (self.folder / "network" / "network.py").write_text("print('theirs')")
        self.say(started=1.0)
        (self.folder / "output").write_text(
            json.dumps({"output": "network", "difference": HUGE, "bytes": HUGE})
        )

    def say(self, **asked: object) -> None:
        data = {"command": "legonet compile", "pid": 1, "graph": "zoo", "paths": [], "form": "folder"} | asked
        (self.folder / "asked.json").write_text(json.dumps(data))


def test_children_that_came_with_a_workspace(workspace: Path, beside: Path, untouched: Untouched) -> None:
    pytest.importorskip("starlette")
    from legonet.studio.exporting import Exports

    theirs = _Exported(workspace)
    exports = Exports(workspace / "graphs" / "zoo.yaml", Workspace(workspace))
    theirs.say(started=HUGE)
    assert exports.children.all() == []
    with pytest.raises(LegonetError, match="no export"):
        exports.children.find(theirs.folder.name)
    mark = exports.children._mark(theirs.folder.name)
    assert mark is not None
    mark.parent.mkdir(parents=True)
    mark.touch()
    (child,) = exports.children.all()
    assert child.started == 0
    shown = exports.shown(child)
    assert (shown.difference, shown.bytes) == (None, None)
    for form in ([], {}, "pt3"):
        theirs.say(form=form)
        with pytest.raises(LegonetError, match="no export"):
            exports.shown(exports.children.find(child.id))
    theirs.say(command="\ud800")  # no text: an answer could not be sent
    assert exports.children.all() == []
    theirs.say()
    # Whoever made the clone does not know the process's number, and may make a link for each.
    packed = theirs.folder / "network.zip"
    packed.with_name(f"network.zip.{os.getpid()}").symlink_to(beside / "notes.txt")
    assert exports.file(child) == packed
    assert untouched()
    assert zipfile.ZipFile(packed).namelist() == ["network/network.py"]


@pytest.mark.parametrize("state", [[], {}, None, 3, "\ud800"])
def test_events_of_no_known_state(state: object, tmp_path: Path) -> None:
    pytest.importorskip("starlette")
    from legonet.studio.run_log import RunLog

    events = [{"path": "dog:sort", "state": state}, {"path": "dog:sort", "state": "done", "seconds": 2.5}]
    (tmp_path / "output").write_text("".join(f"{json.dumps(each)}\n" for each in events))
    log = RunLog(tmp_path / "output", ["dog:sort"])
    log.read()
    (job,) = log.jobs(running=False)
    assert (job.state, job.seconds) == ("done", 2.5)


def test_lists_without_end_are_not_made_into_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte of JSON may become a hundred of Python's."""
    from legonet.errors import StoreError, TeacherError
    from legonet.remote.address import RemoteAddress
    from legonet.remote.manifest import POINTER, Pointer, look
    from legonet.remote.place import Place
    from legonet.store.blobs import sha256
    from legonet.store.elsewhere import read_record
    from legonet.teachers.weights.forms import files_of

    many = b'{"blobs": [' + b"0," * 300_000 + b"0]}"
    read = list[int]()

    def from_json(data: bytes) -> Any:
        read.append(len(data))
        raise ValueError("it was read")

    monkeypatch.setattr("legonet.graph.in_parts.MOST_VALUES", 200_000)
    monkeypatch.setattr("legonet.graph.in_parts.from_json", from_json)
    (tmp_path / "zoo.json").write_bytes(many)
    assert read_record(tmp_path / "zoo.json") is None
    objects = tmp_path / "objects" / sha256(many)[:2]
    objects.mkdir(parents=True)
    (objects / sha256(many)).write_bytes(many)
    pointer = Pointer(name="zoo", manifest=sha256(many), size=len(many))
    (tmp_path / POINTER).write_bytes(pointer.dump())
    with pytest.raises(StoreError, match="too many values"):
        look(Place(RemoteAddress.read(str(tmp_path))))
    index = tmp_path / "model.safetensors.index.json"
    index.write_bytes(b'{"weight_map": [' + b"0," * 600_000 + b"0]}")
    with pytest.raises(TeacherError, match="is not an index"):
        files_of(index, "weights")
    assert read == []
