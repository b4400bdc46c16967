"""Photos of anything that a graph file names."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from legonet.errors import LegonetError
from legonet.graph.load import load_graph
from legonet.network import Network
from legonet.run import proxies as proxies_module
from legonet.run.proxies import Proxies
from legonet.store.workspace import Workspace
from tests.run.faults import copy

AUTO = "method: {name: auto, steps: 2, imagined: 16}"


@pytest.fixture
def graph(fresh: Path, tmp_path: Path) -> Path:
    """A network that learns from two photos of its own."""
    file = copy(fresh, tmp_path / "zoo")
    file.write_text(file.read_text().replace("method: closed-form", AUTO) + "proxies: anything\n")
    photo(file.parent / "anything" / "1.png", 1)
    photo(file.parent / "anything" / "below" / "2.png", 2)
    return file


def photo(path: Path, seed: int) -> None:
    path.parent.mkdir(exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(values).save(path)


def actions(network: Network) -> dict[str, str]:
    return {edge.path: edge.action for edge in network.plan() if edge.key is not None}


def adapters(network: Network) -> dict[str, str]:
    return {path: each.adapter for path, each in network.lock.adapters.items()}


def test_adapters_learn_from_them(graph: Path) -> None:
    network = Network.load(graph)
    with_them = network.transplant(progress=None)
    assert {each.path for each in with_them.results} == {"dog:classify", "cow:classify", "hen:classify"}
    before = adapters(network)
    again = Network.load(graph)
    assert set(actions(again).values()) == {"keep"}

    graph.write_text(graph.read_text().replace("proxies: anything\n", ""))
    without = Network.load(graph)
    assert set(actions(without).values()) == {"refit"}
    assert "proxies changed" in next(e.reason for e in without.plan() if e.action == "refit")
    without.transplant(progress=None)
    assert not set(adapters(without).values()) & set(before.values())


def test_other_photos_fit_again_and_other_names_do_not(graph: Path) -> None:
    Network.load(graph).transplant(progress=None)
    folder = graph.parent / "anything"
    (folder / "1.png").rename(folder / "0.png")
    assert set(actions(Network.load(graph)).values()) == {"keep"}
    photo(folder / "0.png", 3)
    assert set(actions(Network.load(graph)).values()) == {"refit"}


def test_what_was_built_is_kept_where_they_are_not(graph: Path) -> None:
    """They do not travel with a network; what was learned from them does."""
    Network.load(graph).transplant(progress=None)
    shutil.rmtree(graph.parent / "anything")
    network = Network.load(graph)
    assert set(actions(network).values()) == {"keep"}
    assert network.transplant(progress=None).results == ()


def test_a_folder_that_is_not_there_is_told(graph: Path) -> None:
    shutil.rmtree(graph.parent / "anything")
    with pytest.raises(LegonetError, match="proxies: no folder 'anything'; expected one of photos"):
        Network.load(graph).plan()
    (graph.parent / "anything").mkdir()
    with pytest.raises(LegonetError, match="holds no image"):
        Network.load(graph).plan()


def test_a_name_that_no_system_takes_is_told(graph: Path) -> None:
    loaded = load_graph(graph).graph.model_copy(update={"proxies": "a" * 300})
    proxies = Proxies(loaded, graph.parent, Workspace(graph.parents[1]))
    with pytest.raises(LegonetError, match="proxies: no folder"):
        proxies.sha({})
    with pytest.raises(LegonetError, match="proxies: no folder"):
        proxies.put(Workspace(graph.parents[1]).store)


def test_it_stays_in_the_workspace(graph: Path) -> None:
    for outside in ("../..", str(graph.parents[2])):
        graph.write_text(graph.read_text().replace("proxies: anything", f"proxies: {outside}"))
        with pytest.raises(LegonetError, match="proxies"):
            Network.load(graph).plan()
        graph.write_text(graph.read_text().replace(f"proxies: {outside}", "proxies: anything"))


def test_no_link_is_followed(graph: Path, tmp_path: Path) -> None:
    photo(tmp_path / "private.png", 9)
    (graph.parent / "anything" / "0.png").symlink_to(tmp_path / "private.png")
    with pytest.raises(LegonetError, match=r"0\.png: a link; expected a photo"):
        Network.load(graph).plan()
    (graph.parent / "anything" / "0.png").unlink()
    (graph.parent / "anything" / "elsewhere").symlink_to(tmp_path)
    assert all(tmp_path / "private.png" != each for each in proxies_module._chosen(graph.parent / "anything"))
    assert len(proxies_module._chosen(graph.parent / "anything")) == 2


def test_of_many_some_are_read(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies_module, "MOST", 3)
    for index in range(7):
        photo(graph.parent / "anything" / f"more{index}.png", 10 + index)
    chosen = proxies_module._chosen(graph.parent / "anything")
    assert len(chosen) == 3
    assert chosen[0].name == "1.png"


def test_a_plan_reads_them_once(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Network.load(graph).plan()

    def read(files: list[Path]) -> bytes:
        raise AssertionError(files)

    monkeypatch.setattr(proxies_module, "_bundle", read)
    Network.load(graph).plan()
