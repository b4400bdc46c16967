"""What is said of shapes along each path, without weights and without computing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

import legonet
from legonet.errors import GraphError
from legonet.teachers.validate import problems_of


def change(file: Path, *pairs: tuple[str, str]) -> str:
    """Change a file's text, and report what is wrong then."""
    text = file.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text)
    return problems_of(file).replace(str(file), "zoo.yaml")


def test_valid(graph_file: Path) -> None:
    assert problems_of(graph_file) == ""


def test_cuts_of_different_size_can_be_joined(graph_file: Path) -> None:
    assert change(graph_file, ("cut: pool1", "cut: relu1_1")) == ""


def test_weights_are_not_loaded(graph_file: Path) -> None:
    for file in (graph_file.parent / "teachers").iterdir():
        file.write_bytes(b"")
    assert problems_of(graph_file) == ""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "{output: {kind: binary}}",
            "{output: {kind: vector, names: [x, y]}}",
            "teachers.cat-v1.model: block 'cat-v1' gives (1); task classify (vector) expects (2); choose",
        ),
        ("{output: {kind: binary}}", "{output: {kind: mask}}", "task classify (mask) expects (1, 8, 8)"),
        (
            "cut: pool1",
            "cut: pool",
            "teachers.cat-v1.cut: cut 'pool' is neither a module nor an operation that",
        ),
        ("cut: pool1", "cut: fc2", "teachers.cat-v1.cut: cut 'fc2' is the model's output"),
        ("shape: [3, 8, 8]", "shape: [3, 12, 12]", "teachers.cat-v1.model: the task module.fc1"),
        ("shape: [3, 8, 8]", "shape: [1, 8, 8]", "teachers.cat-v1.model: the category module.conv1_1"),
        (
            "cut: pool1",
            "cut: flatten",
            "teachers.dog-v1.cut: the category module gives (4, 4, 4), the task module of cat-v1 takes (96);",
        ),
        (
            "teachers:\n",
            "adapters: {'dog:classify': {channels: [4, 5]}}\nteachers:\n",
            "adapters.dog:classify.channels: [4, 5]; the modules that it joins have [4, 4]; leave",
        ),
        ("model: cat-v1", "model: cat-v9", "no block 'cat-v9'"),
        ("teachers/dog-v1", "teachers/dgo-v1", "Did you mean 'teachers/dog-v1.safetensors'"),
    ],
)
def test_problems(graph_file: Path, old: str, new: str, message: str) -> None:
    report = change(graph_file, (old, new))
    assert message in report
    assert all(line.startswith("zoo.yaml:") for line in report.splitlines())


def test_all_in_one_report_in_file_order(graph_file: Path) -> None:
    report = change(graph_file, ("cut: pool1", "cut: pool"), ("cut: pool1", "cut: nowhere"))
    lines = report.splitlines()
    assert ["cat-v1" in line or "dog-v1" in line for line in lines] == [True, True]
    assert [int(line.split(":")[1]) for line in lines] == sorted(int(line.split(":")[1]) for line in lines)


def test_the_tasks_adapter(graph_file: Path) -> None:
    report = change(
        graph_file, ("{output: {kind: binary}}", "{output: {kind: binary}, adapter: {channels: [9, 4]}}")
    )
    assert "tasks.classify.adapter: [9, 4]; the modules that it joins have [4, 4]" in report


def test_other_widths_are_no_problem(graph_file: Path, make_model: Callable[..., nn.Module]) -> None:
    model = make_model(0)
    model.conv1_1, model.conv2_1 = nn.Conv2d(3, 7, 3, padding=1), nn.Conv2d(7, 6, 3, padding=1)
    network = legonet.load(graph_file)
    network.add_teacher("fox-v1", model, category="fox", task="classify", cut="pool1")
    network.save(graph_file)
    assert problems_of(graph_file) == ""


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="no such file"):
        problems_of(tmp_path / "zoo.yaml")
