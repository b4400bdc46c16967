"""Bricks as objects: what connects, what is refused and with which words, and applications as values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import legonet
from legonet.compile.bricks import Application
from legonet.errors import GraphError, SelectError
from legonet.network import Network


@pytest.fixture
def net(graph_file: Path) -> Network:
    return legonet.load(graph_file)


def connected(net: Network, *categories: str) -> Application:
    found = net[categories] >> net["classify"]  # type: ignore[operator]
    assert isinstance(found, Application)
    return found


def test_one_path(net: Network, images: torch.Tensor) -> None:
    app = connected(net, "dog")
    assert list(app) == ["dog:classify"]
    assert torch.equal(app.compile()(images), net.compile("dog:classify")(images))


def test_several_at_once(net: Network) -> None:
    bricks: Any = net["cat"]
    both = (bricks | net["dog"]) >> [net["classify"]]
    assert both.paths == ("cat:classify", "dog:classify")
    assert connected(net, "cat", "dog") == both
    assert len(both.compile(passes="none").paths) == 2


def test_applications_are_values(net: Network) -> None:
    cat, dog = connected(net, "cat"), connected(net, "dog")
    assert cat | dog == dog | cat
    assert hash(cat | dog) == hash(dog | cat)
    assert (cat | dog) - cat == dog
    assert cat <= cat | dog
    assert not cat | dog <= cat
    assert "cat:classify" in cat
    assert cat == net["cat:classify"]
    assert len({cat, dog, cat | dog}) == 3


def test_a_named_application(net: Network, graph_file: Path) -> None:
    graph_file.write_text("# mine\n" + graph_file.read_text())
    net = legonet.load(graph_file)
    pets = connected(net, "cat", "dog")
    pets.save_as("pets")
    pets.save_as("pets")
    assert graph_file.read_text().startswith("# mine\n")
    for each in (net, legonet.load(graph_file)):
        assert each["pets"] == pets
        assert [path.name for path in each.compile("pets").paths] == list(pets)
    with pytest.raises(GraphError, match=r"applications\.pets: is there already"):
        connected(net, "cow").save_as("pets")
    with pytest.raises(GraphError, match="applications"):
        pets.save_as("a/b")


def test_in_memory(network: Network) -> None:
    cat: Any = network["cat"] >> network["classify"]  # type: ignore[operator]
    cat.save_as("mine")
    assert network["mine"] == cat


def test_a_picture_of_these_paths_only(net: Network, tmp_path: Path) -> None:
    text = connected(net, "dog").render(tmp_path / "dog.mmd").read_text()
    assert "dog" in text
    assert "cow" not in text


@pytest.mark.parametrize(
    ("connect", "message"),
    [
        (
            lambda net: net["classify"] >> net["cat"],
            "found tasks >> categories; expected categories >> tasks",
        ),
        (lambda net: net["cat"] | net["classify"], "found categories and tasks; expected bricks of one kind"),
        (lambda net: net["dgo"], "zoo: no brick 'dgo'; .*Did you mean 'dog'"),
        (lambda net: net["dog", "classify"], "names of several kinds"),
        (lambda net: net["dog:clasify"], "Did you mean 'classify'"),
        (lambda net: (net["cat:classify"] - net["cat:classify"]).compile(), "found no path"),
        (lambda net: net["cat"] | legonet.load(net.path)["dog"], "parts of two networks, zoo and zoo"),
    ],
)
def test_refusals(net: Network, connect: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(SelectError, match=message):
        connect(net)


def test_what_is_no_brick(net: Network) -> None:
    cat: Any = net["cat"]
    for other in (1, [], ["classify"], None):
        with pytest.raises(TypeError):
            _ = cat >> other


def test_a_path_without_an_adapter_yet(network: Network, make_model: Callable[..., nn.Module]) -> None:
    with pytest.raises(
        SelectError, match=r"dog:classify: not built yet \(dog-v1 arrived\); run `legonet transplant`"
    ):
        network["dog"] >> network["classify"]  # type: ignore[operator]
    model = make_model(0, 3)
    model.conv1_1, model.conv2_1 = nn.Conv2d(3, 7, 3, padding=1), nn.Conv2d(7, 6, 3, padding=1)
    network.add_teacher("fox-v1", model, category="fox", task="pose", cut="pool1")
    with pytest.raises(
        SelectError,
        match=r"fox:classify: there is no adapter: no teacher of category fox and task classify; add one, or "
        r"give labelled samples of it; "
        r"fox gives \(7, 4, 4\), classify takes \(4, 4, 4\): they differ",
    ):
        network["fox"] >> network["classify"]  # type: ignore[operator]
    with pytest.raises(SelectError, match=r"cat gives \(4, 4, 4\), pose takes \(7, 4, 4\): they differ"):
        network["cat"] >> network["pose"]  # type: ignore[operator]
