"""The commands that edit a graph file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from legonet.graph.load import load_graph

Run = Callable[..., Any]
GRAPH = """\
# My zoo.
legonet: 1
name: zoo
input: {shape: [3, 8, 8]}
categories:
  cat: {}   # meow
  dog: {}
tasks: {classify: {output: {kind: binary}, adapter: {kernel: 1}}}
teachers:
  cat-v1: {category: cat, task: classify, model: small, weights: a.safetensors, cut: a}
  dog: {category: dog, task: classify, model: small, weights: b.safetensors, cut: a}
applications: {pets: [cat:classify, dog:classify]}   # both
"""


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "graphs").mkdir()
    path = tmp_path / "graphs" / "zoo.yaml"
    path.write_bytes(GRAPH.replace("\n", "\r\n").encode("utf-8-sig"))
    monkeypatch.chdir(tmp_path)
    return Path("graphs/zoo.yaml")


def test_a_path_is_connected_changed_and_disconnected(run: Run, graph: Path) -> None:
    first = graph.read_bytes()
    done = run("connect", graph, "dog:classify", "--depth", 2, "--method", "{name: closed-form, draws: 8}")
    assert (done.status, done.out, done.err) == (0, f"{graph}: dog:classify connected.\n", "")
    text = graph.read_bytes()
    entry = "{kernel: 1, depth: 2, method: {name: closed-form, draws: 8}}"
    assert text == first + f"\r\nadapters:\r\n  dog:classify: {entry}\r\n".encode()
    assert run("connect", graph, "dog:classify", "--kernel", 3).status == 0
    assert graph.read_bytes() == text.replace(b"kernel: 1, d", b"kernel: 3, d")
    assert run("connect", graph, "dog:classify", "--adapter", "{seed: 3}", "--method", "ordinary").status == 0
    assert load_graph(graph).graph.adapters["dog:classify"].model_dump(exclude_unset=True) == {
        "seed": 3,
        "method": "ordinary",
    }
    done = run("disconnect", graph, "dog:classify")
    assert (done.status, done.out) == (0, f"{graph}: dog:classify disconnected.\n")
    assert graph.read_bytes() == first + b"\r\nadapters: {}\r\n"


def test_a_dry_run_prints_the_difference_and_writes_nothing(run: Run, graph: Path) -> None:
    first = graph.read_bytes()
    done = run("rename", graph, "cat", "tiger", "--dry-run")
    assert done.status == 0
    assert [line for line in done.out.splitlines() if line[0] in "+-"] == [
        f"--- {graph}",
        f"+++ {graph}",
        "-  cat: {}   # meow",
        "+  tiger: {}   # meow",
        "-  cat-v1: {category: cat, task: classify, model: small, weights: a.safetensors, cut: a}",
        "+  cat-v1: {category: tiger, task: classify, model: small, weights: a.safetensors, cut: a}",
        "-applications: {pets: [cat:classify, dog:classify]}   # both",
        "+applications: {pets: [tiger:classify, dog:classify]}   # both",
    ]
    assert graph.read_bytes() == first
    assert sorted(each.name for each in graph.parent.parent.iterdir()) == ["graphs"]


def test_json(run: Run, graph: Path) -> None:
    done = run("rename", graph, "categories.dog", "wolf", "--json")
    data = json.loads(done.out)
    assert data["graph"] == str(graph)
    assert data["written"] is True
    assert data["entries"] == [
        {"section": "categories", "name": "wolf", "change": "added"},
        {"section": "categories", "name": "dog", "change": "removed"},
        {"section": "teachers", "name": "dog", "change": "changed"},
        {"section": "applications", "name": "pets", "change": "changed"},
    ]
    assert "+  wolf: {}\n" in data["diff"]
    again = json.loads(run("rename", graph, "cat", "cat", "--json").out)
    assert (again["written"], again["entries"], again["diff"]) == (False, [], "")


def test_something_is_removed_with_what_depends_on_it(run: Run, graph: Path) -> None:
    done = run("remove", graph, "cat")
    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"{graph}:10:3: teachers.cat-v1: depends on category 'cat'; expected nothing that does; remove this "
        "first, or remove what depends on it too",
        f"{graph}:12:23: applications.pets[0]: depends on category 'cat'; expected nothing that does; remove "
        "this first, or remove what depends on it too",
    ]
    assert run("remove", graph, "cat", "--references").out == f"{graph}: cat removed.\n"
    assert list(load_graph(graph).graph.teachers) == ["dog"]
    assert load_graph(graph).graph.applications == {"pets": ("dog:classify",)}


def test_applications(run: Run, graph: Path) -> None:
    def paths() -> dict[str, list[str]]:
        return {name: list(each) for name, each in load_graph(graph).graph.applications.items()}

    done = run("application", "set", graph, "cats", "cat:classify")
    assert (done.status, done.out) == (0, f"{graph}: application cats has cat:classify.\n")
    done = run("application", "extend", graph, "cats", "dog:classify", "cat:classify", "dog:classify")
    assert (done.status, done.out) == (0, f"{graph}: application cats has dog:classify too.\n")
    assert paths()["cats"] == ["cat:classify", "dog:classify"]
    assert run("application", "remove", graph, "cats", "cat:classify").status == 0
    assert paths()["cats"] == ["dog:classify"]
    assert run("application", "set", graph, "pets", "dog:classify").status == 0
    assert run("application", "remove", graph, "cats").status == 0
    assert paths() == {"pets": ["dog:classify"]}
    assert b"   # both\r\n" in graph.read_bytes()
    assert run("application", "extend", graph, "new", "cat:classify").status == 0
    assert paths()["new"] == ["cat:classify"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "connect ZOO dgo:classify",
            "zoo: no category 'dgo'; categories are cat, dog; .* Did you mean 'dog'",
        ),
        ("connect ZOO cat:classify", "cat:classify: the teacher cat-v1 gives both modules; expected a path"),
        ("connect ZOO cat", "'cat': not a path"),
        ("connect ZOO dog:classify --kernel 4", r"adapters\.dog:classify\.kernel: found 4; expected 1, 3"),
        (
            "connect ZOO dog:classify --method nothing",
            r"adapters\.dog:classify\.method: unknown method 'nothing'",
        ),
        ("connect ZOO dog:classify --method {name:", "--method:1:"),
        ("connect ZOO dog:classify --adapter 3", "--adapter 3: expected a mapping"),
        (
            "disconnect ZOO dog:classify",
            r"teachers\.dog: connects dog:classify; expected a path that has an adapter of its own; remove",
        ),
        (
            "rename ZOO dog wolf",
            "'dog' is among the categories and the teachers; .* categories.dog or teachers.dog",
        ),
        ("rename ZOO clasify x", "no entry 'clasify'; .* Did you mean 'classify'"),
        ("rename ZOO cat dog", r"zoo\.yaml:7:3: categories\.dog: exists already"),
        ("rename ZOO cat a.b", r"found 'a\.b'; expected a name"),
        ("remove ZOO teachers.dgo", r"teachers\.dgo: no teacher 'dgo'; teachers are .* Did you mean 'dog'"),
        ("application set ZOO a cat:clasify", r"applications\.a\[0\]: no task 'clasify'"),
        (
            "application remove ZOO pets cow:classify",
            r"applications\.pets: no path 'cow:classify'; its paths",
        ),
        ("application remove ZOO cats", r"no application 'cats'; .*pets"),
        ("application extend ZOO cats dog", r"applications\.cats\[0\]: found 'dog'; expected a path"),
        ("remove nowhere.yaml cat", r"nowhere\.yaml: .*no such file"),
    ],
)
def test_what_is_refused(run: Run, graph: Path, arguments: str, message: str) -> None:
    first = graph.read_bytes()
    done = run(*(str(graph) if each == "ZOO" else each for each in arguments.split(" ")))
    assert (done.status, done.out) == (1, "")
    assert re.search(message, done.err), done.err
    assert graph.read_bytes() == first


def test_a_file_behind_a_link_is_not_written(run: Run, graph: Path) -> None:
    link = graph.with_name("link.yaml")
    link.symlink_to(graph.absolute())
    done = run("remove", link, "pets")
    assert done.status == 1
    assert "a link" in done.err
    assert b"pets" in graph.read_bytes()
