"""Teachers in files and in memory: their hashes, and what is said of files that are not right."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
import torch
from torch import nn

import legonet
from legonet.errors import LegonetError, TeacherError
from legonet.network import Network
from legonet.teachers.from_module import from_module
from legonet.teachers.new_teacher import NewTeacher
from legonet.teachers.sources.file import FileTeacher


@pytest.fixture
def source(graph_file: Path) -> FileTeacher:
    found = legonet.load(graph_file)._sources["dog-v1"]
    assert isinstance(found, FileTeacher)
    return found


def test_memory_and_file_have_one_fingerprint(network: Network, tmp_path: Path) -> None:
    before = {name: each.fingerprint() for name, each in network._sources.items()}
    assert len(set(before.values())) == 3
    network.save(tmp_path / "zoo.yaml")
    assert {name: each.fingerprint() for name, each in network._sources.items()} == before


def test_it_is_not_cut_again_where_the_lock_knows_it(
    source: FileTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = source.locked()
    monkeypatch.setattr(FileTeacher, "parts", None)
    assert source.locked(locked) == locked
    assert source.locked() == locked  # it has cut it before


def test_a_model_is_cut_once_while_its_block_stays(source: FileTeacher, graph_file: Path) -> None:
    cut = source.cut()
    assert source.cut() is cut
    block = graph_file.parents[1] / "blocks" / "cat-v1.yaml"
    block.write_text(block.read_text().replace("type: relu", "type: identity", 1))
    assert source.cut().graph != cut.graph


def test_other_weights_are_another_teacher(source: FileTeacher, graph_file: Path) -> None:
    locked = source.locked()
    cow = graph_file.parent / "teachers" / "cow-v1.safetensors"
    source.weights_path().write_bytes(cow.read_bytes())
    assert source.locked(locked).task_module != locked.task_module


def test_a_file_at_rest_is_hashed_once(source: FileTeacher, monkeypatch: pytest.MonkeyPatch) -> None:
    path = source.weights_path()
    earlier = time.time_ns() - 60 * 10**9
    os.utime(path, ns=(earlier, earlier))
    found = source.weights_hash()
    assert found == hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(Path, "open", None)
    assert source.weights_hash() == found


def test_a_file_just_written_is_hashed_again(source: FileTeacher) -> None:
    path = source.weights_path()
    data = bytearray(path.read_bytes())
    path.write_bytes(data)
    state = path.stat()
    first = source.weights_hash()
    data[-1] ^= 1
    path.write_bytes(data)  # as large as before, and within the clock's resolution
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert source.weights_hash() != first


def test_statistics_beside_the_weights(source: FileTeacher) -> None:
    assert source.statistics() is None
    assert source.statistics_hash() is None
    source.statistics_path().write_bytes(b"figures")
    assert source.statistics() == b"figures"
    assert source.statistics_hash() == hashlib.sha256(b"figures").hexdigest()
    assert source.locked().statistics == source.statistics_hash()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("teachers/dog-v1", "teachers/god-v1", r"teachers\.dog-v1\.weights: .*: no such file"),
        (
            "teachers/dog-v1.safetensors",
            "teachers",
            r"teachers\.dog-v1\.weights: .*: a folder; expected",
        ),
        ("teachers/dog-v1", "../../../dog-v1", r"teachers\.dog-v1\.weights: .*leaves the workspace"),
        ("teachers/dog-v1.safetensors", "/etc/passwd", r"teachers\.dog-v1\.weights: .*an absolute path"),
        ("teachers/dog-v1.safetensors", "zoo.yaml", r"teachers\.dog-v1"),
        (
            "dog-v1.safetensors\n",
            f"dog-v1.safetensors\n    sha256: {'0' * 64}\n",
            r"teachers\.dog-v1\.sha256: .*0000",
        ),
        (
            "dog-v1.safetensors\n",
            "dog-v1.safetensors\n    statistics: s.bin\n",
            r"teachers\.dog-v1\.statistics: ",
        ),
    ],
)
def test_files_that_are_not_right(graph_file: Path, old: str, new: str, message: str) -> None:
    text = graph_file.read_text()
    assert old in text
    graph_file.write_text(text.replace(old, new))
    with pytest.raises(LegonetError, match=message):
        legonet.load(graph_file).plan()


def test_the_hash_in_the_graph_file_is_checked_on_reading_too(graph_file: Path) -> None:
    text = graph_file.read_text()
    good = hashlib.sha256((graph_file.parent / "teachers" / "dog-v1.safetensors").read_bytes()).hexdigest()
    line = "dog-v1.safetensors\n"
    graph_file.write_text(text.replace(line, f"{line}    sha256: {good}\n"))
    network = legonet.load(graph_file)
    network.teacher("dog-v1")
    (graph_file.parent / "teachers" / "dog-v1.safetensors").write_bytes(b"else")
    with pytest.raises(TeacherError, match="has sha256"):
        network.teacher("dog-v1")


def test_a_block_that_is_gone(graph_file: Path) -> None:
    (graph_file.parents[1] / "blocks" / "cat-v1.yaml").unlink()
    with pytest.raises(LegonetError, match="no block 'cat-v1'"):
        legonet.load(graph_file).plan()


@pytest.mark.parametrize("copy", [True, False])
def test_a_copy_does_not_follow_the_module(copy: bool) -> None:
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 1))
    source, _ = from_module(NewTeacher("cat", module, "cat", "classify", "1", copy=copy), (3, 8, 8))
    before = source.parts().f_sha
    with torch.no_grad():
        module.get_parameter("0.weight").add_(1)
    assert (source.parts().f_sha == before) is copy
