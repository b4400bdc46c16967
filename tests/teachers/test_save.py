"""A network in memory becomes files, and is the same when it is opened again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import legonet
from legonet.errors import GraphError, LegonetError, StoreError
from legonet.network import Network
from legonet.teachers import save
from legonet.teachers.validate import problems_of


def files(root: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("name", ["zoo.yaml", "zoo.json", "zoo.v2.yml"])
def test_saved_and_opened_again(network: Network, tmp_path: Path, images: torch.Tensor, name: str) -> None:
    network.transplant()
    expected = network.compile()(images)
    path = network.save(tmp_path / "graphs" / name)
    assert path == network.path == tmp_path / "graphs" / name
    opened = legonet.load(path)
    assert (opened.graph, opened.lock) == (network.graph, network.lock)
    assert not opened.plan().changes
    for key, value in opened.compile()(images).items():
        assert torch.equal(value, expected[key])
    assert problems_of(path) == ""


def test_where_files_go(network: Network, tmp_path: Path) -> None:
    network.save(tmp_path / "graphs" / "zoo.yaml")
    found = {str(file.relative_to(tmp_path)) for file in files(tmp_path)}
    assert found == {
        "blocks/cat-v1.yaml",  # one for all: they have one architecture
        "graphs/zoo.yaml",
        "graphs/zoo.lock.json",
        *(f"graphs/teachers/{name}-v1.safetensors" for name in ("cat", "dog", "cow")),
    }


def test_statistics_come_along(
    make_model: Callable[..., nn.Module], images: torch.Tensor, tmp_path: Path
) -> None:
    network = legonet.Network("zoo", (3, 8, 8))
    for seed, name in enumerate(("cat", "dog")):
        network.add_teacher(name, make_model(seed), category=name, task="t", cut="pool1", images=images)
    network.transplant()
    network.save(tmp_path / "zoo.yaml")
    assert (tmp_path / "teachers" / "cat.statistics.safetensors").is_file()
    assert not legonet.load(tmp_path / "zoo.yaml").plan().changes


def test_saving_again_changes_nothing(graph_file: Path) -> None:
    before = files(graph_file.parents[1])
    legonet.load(graph_file).save(graph_file)
    assert files(graph_file.parents[1]) == before


def test_additions_keep_comments(graph_file: Path, make_model: Callable[..., nn.Module]) -> None:
    text = "# My zoo.\n" + graph_file.read_text().replace("  dog: {}", "  dog: {} # a good one")
    graph_file.write_text(text)
    network = legonet.load(graph_file)
    network.add_teacher("fox-v1", make_model(9), category="fox", task="classify", cut="pool1")
    network.save(graph_file)
    saved = graph_file.read_text()
    assert saved.startswith("# My zoo.\n")
    assert "dog: {} # a good one" in saved
    assert legonet.load(graph_file).graph == network.graph
    assert "fox" in network.graph.categories


def test_other_changes_are_written_too(graph_file: Path) -> None:
    network = legonet.load(graph_file)
    network.connect("dog", "classify", {"kernel": 1})
    network.save(graph_file)
    network.connect("dog", "classify", {"kernel": 5})
    network.save(graph_file)
    assert legonet.load(graph_file).graph.adapters["dog:classify"].kernel == 5


def test_into_another_workspace(graph_file: Path, tmp_path: Path, images: torch.Tensor) -> None:
    network = legonet.load(graph_file)
    expected = network.compile()(images)
    before = files(graph_file.parents[1])
    network.save(tmp_path / "other" / "graphs" / "zoo.yaml")
    assert files(graph_file.parents[1]) == before
    opened = legonet.load(tmp_path / "other" / "graphs" / "zoo.yaml")
    assert not opened.plan().changes
    for key, value in opened.compile()(images).items():
        assert torch.equal(value, expected[key])


def test_a_newer_save_of_the_same_network_replaces_its_files(
    make_model: Callable[..., nn.Module], images: torch.Tensor, tmp_path: Path
) -> None:
    outputs = []
    for seed in (0, 1):
        network = legonet.Network("zoo", (3, 8, 8))
        network.add_teacher(
            "cat", make_model(seed), category="cat", task="t", cut="pool1", images=None if seed else images
        )
        network.save(tmp_path / "zoo.yaml")
        outputs.append(network.compile("cat:t")(images))
    assert torch.equal(legonet.load(tmp_path / "zoo.yaml").compile("cat:t")(images), outputs[1])
    # Statistics of the old weights would be wrong for the new ones.
    assert not (tmp_path / "teachers" / "cat.statistics.safetensors").exists()


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "zoo.yaml",
            "legonet: 1\nname: farm\ninput: {shape: [3, 8, 8]}\n",
            "holds the network 'farm' already",
        ),
        ("zoo.yaml", "notes of mine", "is there already, and is not a valid graph file"),
        (
            "teachers/dog-v1.safetensors",
            "another's",
            "dog-v1.safetensors: is there already, with other content",
        ),
        (
            "teachers/cow-v1.statistics.safetensors",
            "another's",
            "cow-v1.statistics.safetensors: is there already",
        ),
    ],
)
def test_files_of_something_else_are_left_alone(
    network: Network, tmp_path: Path, file: str, text: str, message: str
) -> None:
    target = tmp_path / "graphs" / file
    target.parent.mkdir(parents=True)
    target.write_text(text)
    before = files(tmp_path)
    with pytest.raises(StoreError, match=message):
        network.save(tmp_path / "graphs" / "zoo.yaml")
    assert files(tmp_path) == before
    assert network.path is None


def test_a_block_name_that_is_taken(network: Network, tmp_path: Path, images: torch.Tensor) -> None:
    blocks = tmp_path / "blocks"
    blocks.mkdir()
    (blocks / "cat-v1.yaml").write_text("broken: [")
    expected = network.compile("cat:classify")(images)
    network.save(tmp_path / "graphs" / "zoo.yaml")
    assert (blocks / "cat-v1.yaml").read_text() == "broken: ["
    assert network.graph.teachers["dog-v1"].model == "zoo-cat-v1"
    opened = legonet.load(tmp_path / "graphs" / "zoo.yaml")
    assert torch.equal(opened.compile("cat:classify")(images), expected)


def test_a_graph_that_would_not_load(network: Network, tmp_path: Path) -> None:
    network.add_category("fox")
    network.connect("fox", "classify")
    with pytest.raises(GraphError, match="no teacher gives the module of category 'fox'"):
        network.save(tmp_path / "zoo.yaml")
    assert files(tmp_path) == {}


def test_a_folder_that_cannot_be_written(network: Network, tmp_path: Path) -> None:
    (tmp_path / "graphs").write_text("a file")
    with pytest.raises(LegonetError, match="graphs"):
        network.save(tmp_path / "graphs" / "zoo.yaml")


def test_json_stays_json(network: Network, make_model: Callable[..., nn.Module], tmp_path: Path) -> None:
    network.save(tmp_path / "zoo.json")
    network.add_teacher("fox-v1", make_model(9), category="fox", task="classify", cut="pool1")
    network.save(tmp_path / "zoo.json")
    assert "fox-v1" in json.loads((tmp_path / "zoo.json").read_text())["teachers"]


@pytest.mark.parametrize("number", range(1, 5))
def test_a_write_that_fails_leaves_nothing(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write, count = save.write_file, 0

    def fails(path: Path, data: bytes) -> None:
        nonlocal count
        count += 1
        if count == number:
            raise StoreError("the disk is full")
        write(path, data)

    monkeypatch.setattr(save, "write_file", fails)
    with pytest.raises(StoreError, match="the disk is full"):
        network.save(tmp_path / "graphs" / "zoo.yaml")
    assert files(tmp_path) == {}


def test_a_change_keeps_comments_and_line_ends(network: Network, tmp_path: Path) -> None:
    path = tmp_path / "graphs" / "zoo.yaml"
    network.save(path)
    text = ("# ours\n" + path.read_text().replace("categories:\n", "categories: # which\n")).replace(
        "\n", "\r\n"
    )
    path.write_bytes(text.encode())
    again = legonet.load(path)
    again.connect("dog", "classify", kernel=5)
    again.save(path)
    written = path.read_bytes().decode()
    assert written == text + "\r\nadapters:\r\n  dog:classify: {kernel: 5}\r\n"
    again.connect("dog", "classify", kernel=7)
    again.save(path)
    assert path.read_bytes().decode() == written.replace("kernel: 5", "kernel: 7")
