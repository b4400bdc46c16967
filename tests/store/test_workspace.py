"""Workspaces: found from the graph file; no path leaves them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from legonet.data.folder import FolderImages
from legonet.errors import StoreError
from legonet.graph.json_schema import graph_schema
from legonet.graph.load import load_graph, parse_yaml
from legonet.store.workspace import Workspace, init_workspace, shipped_folder
from legonet.teachers.validate import problems_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    (root / "graphs" / "zoo").mkdir(parents=True)
    return root


@pytest.mark.parametrize("marker", ["blocks", ".legonet"])
def test_the_nearest_folder_above_with_a_marker(root: Path, marker: str) -> None:
    (root / marker).mkdir()
    assert Workspace.find(root / "graphs" / "zoo" / "a.yaml").root == root
    (root / "graphs" / marker).mkdir()
    assert Workspace.find(root / "graphs" / "zoo" / "a.yaml").root == root / "graphs"


def test_a_file_is_no_marker(root: Path) -> None:
    (root / "graphs" / "blocks").write_text("")
    assert Workspace.find(root / "graphs" / "zoo" / "a.yaml").root == root / "graphs" / "zoo"
    (root / "blocks").mkdir()
    assert Workspace.find(root / "graphs" / "zoo" / "a.yaml").root == root


def test_without_a_marker_the_graph_files_folder(root: Path) -> None:
    assert Workspace.find(root / "graphs" / "zoo" / "a.yaml").root == root / "graphs" / "zoo"
    assert Workspace.find(root / "graphs" / "a.yaml").root == root


def test_a_new_workspace(root: Path) -> None:
    written = init_workspace(root, example=False)
    assert not list((root / "blocks").iterdir()), "those that ship are found without copies"
    assert shipped_folder("blocks") in Workspace(root).block_folders
    assert json.loads((root / "graphs" / "graph.schema.json").read_text()) == graph_schema()
    assert ".legonet/" in (root / ".gitignore").read_text().splitlines()
    assert (root / ".legonet" / ".gitignore").read_text() == "*\n"
    (root / "graphs" / "work.yaml").write_text("mine")
    again = [file for file in written if file.name not in (".gitignore", "work.yaml")]
    assert init_workspace(root, example=False) == again
    assert (root / "graphs" / "work.yaml").read_text() == "mine"
    (root / ".gitignore").write_text("mine\n")
    init_workspace(root, example=False)
    assert (root / ".gitignore").read_text() == "mine\n"


def test_a_new_workspace_is_valid_and_has_an_image_of_each_category(root: Path) -> None:
    written = init_workspace(root)
    assert {file.read_bytes() for file in written if file.parent.name == "blocks"} == {
        file.read_bytes() for file in shipped_folder("blocks").iterdir()
    }
    graphs = sorted((root / "graphs").glob("*.yaml"))
    assert [problems_of(graph) for graph in graphs] == [""]
    line = re.match(r"# yaml-language-server: \$schema=(\S+)\n", graphs[0].read_text())
    assert line is not None
    schema = graphs[0].with_name(line[1])
    jsonschema.validate(parse_yaml(graphs[0].read_bytes(), "animals.yaml")[0], json.loads(schema.read_text()))
    shape = load_graph(graphs[0]).graph.input.shape
    for category in load_graph(graphs[0]).graph.categories:
        images = FolderImages(root / "images", shape, positive=category, masks=True)
        assert sum(images.labels) == 1
        assert images[images.labels.index(1)][2].float().mean() > 0.1


@pytest.mark.parametrize("in_the_way", ["file", "folder"])
def test_a_new_workspace_leaves_what_is_there(root: Path, in_the_way: str) -> None:
    target = root / "blocks" / "vgg-slim.yaml"
    target.parent.mkdir()
    if in_the_way == "file":
        target.write_text("mine")
    else:
        target.mkdir()
    before = sorted(root.rglob("*"))
    with pytest.raises(StoreError, match=r"vgg-slim\.yaml: is there already, with other content"):
        init_workspace(root)
    assert sorted(root.rglob("*")) == before


def test_a_relative_graph_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "blocks").mkdir()
    monkeypatch.chdir(root)
    workspace = Workspace.find("graphs/a.yaml")
    monkeypatch.chdir(root.parent)
    assert workspace.root == root


def test_where_things_lie(root: Path) -> None:
    workspace = Workspace(root)
    sha = workspace.store.put(b"brick")
    assert workspace.store.path(sha).is_relative_to(root / ".legonet" / "blobs")
    assert workspace.journal_path.parent == root / ".legonet"
    assert workspace.block_folders == [root / "blocks", shipped_folder("blocks")]


def test_the_checkout_itself_lists_its_blocks_once() -> None:
    shipped = shipped_folder("blocks")
    assert (shipped / "vgg-slim.yaml").is_file()
    assert Workspace(shipped.parent).block_folders == [shipped]


def test_paths_inside(root: Path) -> None:
    workspace = Workspace(root)
    graphs = root / "graphs"
    assert workspace.resolve(graphs, "cat.safetensors") == graphs / "cat.safetensors"
    assert workspace.resolve(graphs, "../weights/cat.safetensors") == root / "weights" / "cat.safetensors"
    assert workspace.resolve(graphs, "./zoo/../a b/ü") == graphs / "a b" / "ü"


@pytest.mark.parametrize("path", ["/etc/passwd", "C:\\secret", "C:/secret", "\\\\server\\share", "\\secret"])
def test_absolute_paths_are_refused(root: Path, path: str) -> None:
    with pytest.raises(StoreError, match="an absolute path; expected one relative to the file that names it"):
        Workspace(root).resolve(root / "graphs", path)


@pytest.mark.parametrize("path", ["../..", "../../work2/x", "zoo/../../../x", "../../../../../../etc/passwd"])
def test_paths_that_climb_out_are_refused(root: Path, path: str) -> None:
    with pytest.raises(StoreError, match="leaves the workspace"):
        Workspace(root).resolve(root / "graphs", path)


def test_a_link_that_leaves_is_refused_and_one_that_stays_is_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("")
    (root / "out").symlink_to(tmp_path)
    (root / "in").symlink_to(root / "graphs")
    with pytest.raises(StoreError, match="out/secret: leaves the workspace"):
        Workspace(root).resolve(root, "out/secret")
    assert Workspace(root).resolve(root, "in/a") == root / "graphs" / "a"


def test_a_workspace_reached_by_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    workspace = Workspace(tmp_path / "link")
    assert workspace.resolve(workspace.root / "graphs", "a") == root / "graphs" / "a"


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000])
def test_paths_that_no_system_takes(root: Path, path: str) -> None:
    try:
        found = Workspace(root).resolve(root, path)
    except StoreError as error:
        assert "no usable path" in str(error)  # noqa: PT017
    else:
        assert found.is_relative_to(root)


def test_a_loop_of_links(root: Path) -> None:
    (root / "loop").symlink_to("loop")
    try:
        found = Workspace(root).resolve(root, "loop/x")
    except StoreError as error:
        assert "no usable path" in str(error)  # noqa: PT017
    else:
        assert found.is_relative_to(root)
