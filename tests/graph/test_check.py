"""Checks beyond one file's structure; the exact messages are part of what is tested."""
# ruff: noqa: E501

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from legonet.graph.check import check, report
from legonet.graph.load import LoadedGraph, load_graph, read_graph
from legonet.graph.reading.findings import Finding
from legonet.graph.schema import Category, Graph, Input, Task, Teacher
from legonet.outputs.vector import VectorOutput
from legonet.store.workspace import Workspace

TEACHER = "  {name}: {{category: {name}, task: classify, model: {model}, weights: {weights}, cut: c{more}}}\n"
START = """legonet: 1
name: zoo
input: {shape: [3, 32, 32]}
categories: {cat: {}, dog: {}, cow: {}}
tasks: {classify: {output: {kind: binary}}}
teachers:
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("blocks", "graphs", "teachers"):
        (tmp_path / name).mkdir()
    (tmp_path / "teachers" / "cat.safetensors").write_bytes(b"cat")
    (tmp_path / "teachers" / "dog.safetensors").write_bytes(b"dog")
    (tmp_path / "teachers" / "notes.txt").write_bytes(b"")
    return tmp_path


def loaded(folder: Path, *teachers: tuple[str, str, str]) -> LoadedGraph:
    """A graph with teachers (name, weights, more keys)."""
    path = folder / "graphs" / "zoo.yaml"
    lines = (TEACHER.format(name=n, model="vgg-slim", weights=w, more=more) for n, w, more in teachers)
    path.write_text(START + "".join(lines))
    return load_graph(path)


def messages(graph: LoadedGraph, **options) -> list[str]:
    assert graph.path is not None
    text = report(check(graph, Workspace.find(graph.path), **options), graph)
    return text.replace(str(graph.path), "zoo.yaml").splitlines()


def test_a_sound_graph_has_no_problems(folder: Path):
    sha = hashlib.sha256(b"cat").hexdigest()
    graph = loaded(folder, ("cat", "../teachers/cat.safetensors", f", sha256: {sha}"))
    assert messages(graph, blocks=["vgg-slim"]) == []


def test_missing_files_name_a_similar_one_of_the_same_kind(folder: Path):
    graph = loaded(
        folder,
        ("cat", "../teachers/cats.safetensors", ", statistics: ../teachers/cat.json"),
        ("dog", "../nowhere/dog.safetensors", ""),
        ("cow", "../teachers", ""),
    )
    assert messages(graph) == [
        "zoo.yaml:7:66: teachers.cat.weights: no file '../teachers/cats.safetensors'; expected a weights file, "
        "relative to the graph file; correct the path. Did you mean '../teachers/cat.safetensors'?",
        "zoo.yaml:7:116: teachers.cat.statistics: no file '../teachers/cat.json'; expected a statistics file, "
        "relative to the graph file; correct the path.",
        "zoo.yaml:8:66: teachers.dog.weights: no file '../nowhere/dog.safetensors'; expected a weights file, "
        "relative to the graph file; correct the path.",
        "zoo.yaml:9:66: teachers.cow.weights: '../teachers' is a folder; expected a weights file; name the file in it",
    ]


def test_hash_mismatch(folder: Path):
    graph = loaded(folder, ("cat", "../teachers/cat.safetensors", f", sha256: {'a' * 64}"))
    found = hashlib.sha256(b"cat").hexdigest()
    (message,) = messages(graph)
    assert message.startswith(
        f"zoo.yaml:7:111: teachers.cat.sha256: '../teachers/cat.safetensors' has sha256 {found}; expected {'a' * 64}; "
    )


def test_paths_that_leave_the_workspace(folder: Path):
    outside = folder.parent / f"{folder.name}-outside.safetensors"
    outside.write_bytes(b"")
    (folder / "teachers" / "link.safetensors").symlink_to(outside)
    graph = loaded(
        folder,
        ("cat", f"../../{outside.name}", ""),
        ("dog", str(outside), ""),
        ("cow", "../teachers/link.safetensors", ""),
    )
    first, second, third = messages(graph)
    assert first.startswith("zoo.yaml:7:66: teachers.cat.weights: ")
    assert "leaves the workspace" in first
    assert "an absolute path" in second
    assert third.startswith("zoo.yaml:9:66: teachers.cow.weights: ")
    assert "leaves the workspace" in third


def test_unknown_blocks(folder: Path):
    graph = loaded(folder, ("cat", "../teachers/cat.safetensors", ""))
    assert messages(graph, blocks=["vgg16", "vgg_slim"]) == [
        "zoo.yaml:7:47: teachers.cat.model: no block 'vgg-slim'; blocks are vgg16, vgg_slim; name one of them, or add "
        "its file. Did you mean 'vgg_slim'?"
    ]
    assert "there are no blocks" in messages(graph, blocks=[])[0]


def test_files_are_not_looked_for_without_a_workspace(folder: Path):
    assert check(loaded(folder, ("cat", "nowhere", ""))) == []


def test_problems_found_elsewhere_join_the_report_in_file_order(folder: Path):
    graph = loaded(folder, ("cat", "../teachers/cats.safetensors", ""))
    problems = check(graph, Workspace(folder))
    problems += [Finding(("teachers", "cat", "cut"), "no layer 'c'"), Finding(("tasks",), "first")]
    lines = report(problems, graph).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["tasks", "teachers.cat.weights", "teachers.cat.cut"]
    assert lines[-1] == f"{graph.path}:7:101: teachers.cat.cut: no layer 'c'"


def test_a_graph_built_in_code_is_checked_too():
    teacher = Teacher(category="cat", task="pose", model="m", weights="w", cut="c")
    graph = Graph(
        legonet=1,
        name="zoo",
        input=Input(shape=(3, 8, 8), mean=(0.5,)),
        categories={"cat": Category(), "dog": Category(teacher="cat-v1")},
        tasks={"pose": Task(output=VectorOutput(kind="vector", names=("x",)))},
        teachers={"cat-v1": teacher, "cat-v2": teacher},
        applications={"all": ("cat:pose", "dog:pose")},
    )
    assert report(check(LoadedGraph(graph)), LoadedGraph(graph)).splitlines() == [
        "zoo: categories.dog.teacher: teacher 'cat-v1' is of category 'cat'; expected a teacher of category 'dog'; "
        "name another",
        "zoo: teachers.cat-v2: category 'cat' and task 'pose' already have the teacher 'cat-v1'; expected one teacher "
        "for a path; remove one of them",
        "zoo: applications.all[1]: no teacher connects category 'dog' to task 'pose'; teachers of 'dog' are for "
        "nothing; add a teacher, or remove this path",
        "zoo: input.mean: found 1 value; expected 3, one for each channel of input.shape; correct one of the two",
    ]


def test_a_broken_file_gets_one_report_with_its_missing_files(folder: Path):
    path = folder / "graphs" / "zoo.yaml"
    good = TEACHER.format(
        name="cat", model="vgg-slim", weights="../teachers/cats.safetensors", more=", epochs: 3"
    )
    bad = "  dog: {category: dgo, task: classify, model: 3, weights: '', sha256: x, cut: c, statistics: no}\n  cow: 3\n"
    path.write_text(START + good + bad)
    reading = read_graph(path)
    problems = check(reading, Workspace(folder), blocks=["vgg16"])
    assert [line.split(": ")[1] for line in report(problems, reading).splitlines()] == [
        "teachers.cat.model",
        "teachers.cat.weights",
        "teachers.cat.epochs",
        "teachers.dog.category",
        "teachers.dog.model",
        "teachers.dog.weights",
        "teachers.dog.sha256",
        "teachers.dog.statistics",
        "teachers.cow",
    ]


def test_a_file_without_teachers_is_checked(folder: Path):
    path = folder / "graphs" / "zoo.yaml"
    for text in ("- 1\n", "teachers: 3\n", ""):
        path.write_text(text)
        assert report(check(read_graph(path), Workspace(folder), []), read_graph(path)).startswith(str(path))
