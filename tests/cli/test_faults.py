"""How commands end when something is wrong: a status, a message, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import legonet
from legonet.graph.lock import lock_path

Run = Callable[..., Any]
SUBPROCESS = [sys.executable, "-m", "legonet"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "Usage: legonet"),
        ("plna", "No such command 'plna'"),
        ("plan", "Missing argument 'GRAPH'"),
        ("plan {graph} --jsno", "No such option: --jsno"),
        ("plan {graph} {graph}", "unexpected extra argument"),
        ("compile {graph} dog:classify -o app", "Paths are chosen by an option: --path dog:classify"),
        ("predict {graph} dog:classify", "Paths are chosen by an option: --path dog:classify"),
        ("plan none.yaml", "none.yaml: no such file; expected a graph file"),
        ("plan {folder}", "a folder; expected a graph file"),
        ("plan {photos}/broken.png", "broken.png:1:1: byte 0x89 is not UTF-8"),
        ("transplant {graph} --device nowhere", "device nowhere: "),
        ("transplant {graph} --samples photos", "--samples: found photos; expected PATH=FOLDER"),
        ("transplant {graph} --samples dog:clasify={photos}", "Did you mean 'classify'"),
        ("transplant {graph} --samples dog:classify={photos}", "photos: holds no folders"),
        ("transplant {graph} --samples dog:classify=none", "none"),
        ("evaluate {graph} --data {folder}/none", "none"),
        ("evaluate {graph} --path zebra:classify", "no category 'zebra'"),
        ("evaluate {graph} --device gpu", "device gpu: not known; expected a device of this machine"),
        ("predict {graph}", "Missing argument 'IMAGE"),
        ("predict {graph} none.png", "none.png: no such file; expected an image"),
        ("predict {graph} {photos}/broken.png", "broken.png: cannot be read as an image"),
        ("predict {graph} {folder}/graphs/teachers", "holds no image"),
        ("predict {graph} {photos}/broken.png --path dog", "no application 'dog'"),
        ("predict {graph} {photos}/broken.png --device 7up", "device 7up: "),
        ("render {graph} -o zoo.gif", "zoo.gif: found the ending '.gif'"),
        ("render {graph} -o {graph}/zoo.svg", "zoo.svg: cannot be written"),
        ("render {graph} --figures {graph}", "no figures; expected what `legonet evaluate --json` prints"),
        ("teacher", "Usage: legonet teacher"),
        ("teacher record {graph} dgo-v1 --data {photos}", "Did you mean 'dog-v1'"),
        ("validate", "Missing argument 'FILE'"),
        ("init {graph}", "zoo.yaml"),
    ],
)
def test_the_users_fault(run: Run, graph_file: Path, photos: Path, command: str, message: str) -> None:
    places = {"graph": graph_file, "folder": graph_file.parents[1], "photos": photos}
    outcome = run(*command.format(**places).split())
    assert outcome.status == 1, outcome
    assert message in outcome.err
    assert "Traceback" not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("graphs/zoo.lock.json", "{", "zoo.lock.json"),
        ("graphs/zoo.lock.json", '{"legonet-lock": 9}', "zoo.lock.json"),
        ("graphs/zoo.lock.json", "[" * 100_000, "zoo.lock.json"),
        ("graphs/zoo.yaml", "legonet: [", "zoo.yaml:"),
        ("graphs/zoo.yaml", "", "zoo.yaml:1:1: the file is empty"),
        ("blocks/cat-v1.yaml", "name: [", "cat-v1.yaml"),
        ("graphs/teachers/dog-v1.safetensors", "no tensors", "teachers.dog-v1"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "transplant", "render"])
def test_broken_files(run: Run, workspace: Path, file: str, text: str, message: str, command: str) -> None:
    (workspace / file).write_text(text)
    outcome = run(command, workspace / "graphs" / "zoo.yaml")
    assert outcome.status == 1, outcome
    assert message in outcome.err
    assert "Traceback" not in outcome.out + outcome.err


def test_a_broken_journal(run: Run, graph_file: Path) -> None:
    (graph_file.parents[1] / ".legonet" / "journal.sqlite").write_text("no database " * 500)
    assert run("plan", graph_file).status == 0
    assert run("transplant", graph_file).out == "Nothing to do.\n"


def test_a_store_that_cannot_be_written(run: Run, graph_file: Path) -> None:
    lock_path(graph_file).unlink()
    state = graph_file.parents[1] / ".legonet"
    (state / "blobs").rename(state / "away")
    (state / "blobs").write_text("in the way")
    outcome = run("transplant", graph_file)
    assert outcome.status == 1
    assert "the blob cannot be written" in outcome.err


def test_interrupted(run: Run, graph_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(legonet, "load", interrupt)
    outcome = run("transplant", graph_file)
    assert outcome.status == 130
    assert "run the same command again to go on from here" in outcome.err


def test_a_bug(run: Run, graph_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("1 / 0")

    monkeypatch.setattr(legonet, "load", fail)
    outcome = run("plan", graph_file)
    assert outcome.status == 3
    assert "Traceback" in outcome.err
    assert "This is a bug in legonet; please report it" in outcome.err


class TestProcess:
    """What only a process of its own shows: its exit status, its pipes, its imports."""

    def test_exit_status(self, graph_file: Path) -> None:
        done = subprocess.run([*SUBPROCESS, "plan", graph_file], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Nothing to do" in done.stdout
        bad = subprocess.run([*SUBPROCESS, "plan", "none"], capture_output=True, text=True, check=False)
        assert (bad.returncode, bad.stdout) == (1, "")
        assert bad.stderr.startswith("none: no such file")

    @pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
    def test_a_reader_that_has_gone(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        gone = subprocess.run([*SUBPROCESS, "schema"], stdout=writer, stderr=subprocess.PIPE, check=False)
        os.close(writer)
        assert (gone.returncode, gone.stderr) == (0, b"")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_full_disk(self) -> None:
        with Path("/dev/full").open("wb") as full:
            outcome = subprocess.run(
                [*SUBPROCESS, "schema"], stdout=full, stderr=subprocess.PIPE, check=False
            )
        assert outcome.returncode == 1
        assert b"No space left on device" in outcome.stderr
        assert b"Traceback" not in outcome.stderr

    def test_names_that_the_terminal_cannot_show(self) -> None:
        environment = os.environ | {"PYTHONIOENCODING": "ascii"}
        command = [*SUBPROCESS, "plan", "zoö.yaml"]
        outcome = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert outcome.returncode == 1
        assert outcome.stderr.startswith("zo\\xf6.yaml: no such file")

    def test_planning_and_help_need_no_torch(self, graph_file: Path) -> None:
        script = f"""
import sys
from legonet.cli import main
assert main(["plan", "--help"]) == 0
heavy = {{"torch", "numpy", "pydantic", "yaml", "rich"}} & set(sys.modules)
assert not heavy, heavy
assert main(["plan", {str(graph_file)!r}]) == 0
assert main(["render", {str(graph_file)!r}, "-o", {str(graph_file.with_suffix(".dot"))!r}]) == 0
assert main(["schema"]) == 0
assert "torch" not in sys.modules
"""
        subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
