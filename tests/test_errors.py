"""Errors carry what is wrong as data, and their text is made of it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from legonet.blocks.files import parse_json, read_block
from legonet.errors import BlockError, GraphError, LegonetError, Problem, StoreError, report
from legonet.graph.load import load_graph
from legonet.graph.lock import read_lock

INVALID = Path(__file__).parent / "graphs" / "invalid"
FILES = sorted(file.name for file in INVALID.iterdir() if file.suffix in (".yaml", ".json"))
GRAPH = """\
legonet: 1
name: pets
input: {shape: [3, 32, 32]}
categories: {cat: {}}
tasks:
  classify: {output: {kind: binary}}
teachers:
  cat-v1: {category: cat, task: clasify, model: vgg-slim, weights: cat.safetensors, cut: pool1}
"""


@pytest.mark.parametrize("name", FILES)
def test_the_text_is_made_of_the_problems(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(INVALID)
    with pytest.raises(GraphError) as caught:
        load_graph(name)
    problems = caught.value.problems
    assert report(problems) == str(caught.value)
    for problem in problems:
        assert problem.file == name
        assert problem.found
        assert problem.expected or problem.advice
    places = [(problem.line, problem.column) for problem in problems]
    assert places == sorted(places)
    assert all(place > (0, 0) for place in places)


def test_a_misspelt_name_as_data(tmp_path: Path) -> None:
    path = tmp_path / "pets.yaml"
    path.write_text(GRAPH)
    with pytest.raises(GraphError) as caught:
        load_graph(path)
    assert caught.value.problems == (
        Problem(
            found="no task 'clasify'",
            expected="tasks are classify.",
            advice="Did you mean 'classify'?",
            file=str(path),
            line=8,
            column=33,
            key="teachers.cat-v1.task",
        ),
    )


def test_all_problems_are_there_and_a_hundred_in_the_text(tmp_path: Path) -> None:
    path = tmp_path / "pets.yaml"
    path.write_text(GRAPH + "".join(f"key{number}: 1\n" for number in range(149)))
    with pytest.raises(GraphError) as caught:
        load_graph(path)
    assert len(caught.value.problems) == 150
    assert str(caught.value).splitlines()[-1] == f"{path}: and 50 more problems"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "no.yaml"
    with pytest.raises(GraphError) as caught:
        load_graph(path)
    assert caught.value.problems == (
        Problem("no such file", "expected a graph file", "check the path", str(path)),
    )
    assert str(caught.value) == f"{path}: no such file; expected a graph file; check the path"


def test_block_files(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    head = "legonet-block: 1\nname: other\ninput: [3, 8, 8]\n"
    path.write_text(head + "layers:\n  a: {type: relu}\n  b: {type: relu}\ncuts: [c]\n")
    with pytest.raises(BlockError) as caught:
        read_block(path)
    assert [(problem.line, problem.column, problem.key) for problem in caught.value.problems] == [
        (7, 8, "cuts[0]"),
    ]
    assert report(caught.value.problems) == str(caught.value)
    path.write_text("a: [1\n")
    with pytest.raises(BlockError) as caught:
        read_block(path)
    assert caught.value.problems[0].found == "the '[' at line 1 is not closed"
    with pytest.raises(BlockError) as caught:
        parse_json("{}", "net.json")
    assert caught.value.problems[0].advice == "bring the model in again"


def test_lock_files(tmp_path: Path) -> None:
    path = tmp_path / "pets.lock.json"
    path.write_text('{"format": 2}')
    with pytest.raises(GraphError) as caught:
        read_lock(path)
    first, second = caught.value.problems
    assert (first.line, first.column, second.line) == (1, 2, None)
    assert second.advice.startswith("restore it from version control")
    assert report([first, second]) == str(caught.value)


def test_an_error_of_a_message_has_one_problem() -> None:
    error = StoreError("the store is locked")
    assert error.problems == (Problem("the store is locked"),)
    assert error.problems[0].text == str(error) == "the store is locked"


def test_problems_survive_the_way_to_another_process() -> None:
    error = GraphError.of(Problem("found 1", "expected text", "correct it", "a.yaml", 2, 3, "name"))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is GraphError
    assert isinstance(again, LegonetError)
    assert str(again) == str(error) == "a.yaml:2:3: name: found 1; expected text; correct it"
    assert again.problems == error.problems
