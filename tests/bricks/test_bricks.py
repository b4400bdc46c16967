"""Bricks as objects: what connects, what is refused and with which words, and applications as values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import legonet
from legonet.bricks.application import Application
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
    assert cat < cat | dog
    assert not cat < cat
    assert (cat | dog) & dog == dog
    assert "cat:classify" in cat
    assert cat == net["cat:classify"]
    assert cat != "cat:classify"
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
    with pytest.raises(GraphError, match=r"applications\.dog: found a name that is among the categories"):
        pets.save_as("dog")


def test_in_memory(network: Network) -> None:
    cat: Any = network["cat"] >> network["classify"]  # type: ignore[operator]
    cat.save_as("mine")
    assert network["mine"] == cat


def test_applications_of_two_networks(net: Network, graph_file: Path) -> None:
    """Such as of two versions: they are equal if they are made of the same bits."""
    other = legonet.load(graph_file)
    pets, same = connected(net, "cat", "dog"), connected(other, "cat", "dog")
    assert pets == same
    assert hash(pets) == hash(same)
    other.connect("dog", "classify", {"kernel": 1})
    other.transplant()
    assert pets != connected(other, "cat", "dog")
    assert connected(net, "cat") < connected(other, "cat", "dog")
    assert not connected(net, "dog") <= connected(other, "cat", "dog")


def test_a_name_of_a_category_and_a_task(make_model: Callable[..., nn.Module]) -> None:
    """The side of >> says which one is meant."""
    net = legonet.Network("zoo", (3, 8, 8))
    net.add_teacher("a", make_model(0), category="pose", task="pose", cut="pool1")
    pose: Any = net["pose"]
    assert (pose >> pose).paths == ("pose:pose",)


def test_ports(network: Network) -> None:
    network.add_category("owl")
    assert network["cat", "owl"].ports == {"cat": (4, 4, 4), "owl": None}  # type: ignore[union-attr]
    assert network["classify"].ports == {"classify": (4, 4, 4)}  # type: ignore[union-attr]


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
        (lambda net: (net["cat:classify"] - net["cat:classify"]).render("none.svg"), "found no path"),
        (lambda net: (net["cat:classify"] - net["cat:classify"]).save_as("none"), "found no path"),
        (lambda net: net[()], r"zoo\[\(\)\]: found no names"),
        (lambda net: net[1], r"zoo\[1\]: found no names"),
        (
            lambda net: net["cat"] >> net["classify"] >> net["classify"],
            r'\(cat:classify\) >> …: found an application on the left.*write such as net\["cat"\] >> ',
        ),
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
    left: Any = network["dog", "cow"]
    with pytest.raises(SelectError) as lacking:
        _ = left >> network["classify"]
    assert str(lacking.value).splitlines() == [
        f"{name}:classify: not built yet ({name}-v1 arrived); run `legonet transplant`, or call transplant()"
        for name in ("dog", "cow")
    ]
    model = make_model(0, 3)
    model.conv1_1, model.conv2_1 = nn.Conv2d(3, 7, 3, padding=1), nn.Conv2d(7, 6, 3, padding=1)
    network.add_teacher("fox-v1", model, category="fox", task="pose", cut="pool1")
    network.add_category("owl")
    strange: Any = network["fox", "owl"]
    with pytest.raises(SelectError) as lacking:
        _ = strange >> network["classify"]
    assert str(lacking.value).splitlines() == [
        "fox:classify: there is no adapter: fox gives (7, 4, 4), classify takes (4, 4, 4); no teacher of "
        "category fox and task classify; add one, or name fox:classify under `adapters` and give labelled "
        "samples of it; "
        'net.add_teacher(…, category="fox", task="classify", …) builds it, and so do net.connect("fox", '
        '"classify") and net.transplant(samples={"fox:classify": (images, labels)})',
        "owl:classify: there is no adapter: owl gives nothing yet, classify takes (4, 4, 4); no teacher of "
        'category owl and task classify; add one; net.add_teacher(…, category="owl", task="classify", …) '
        "brings what is missing",
    ]


def test_what_would_build_it_does(network: Network, images: torch.Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 2, 1))
    network.add_teacher("fox-v1", model, category="fox", task="mark", cut="1")
    network.connect("fox", "classify")
    network.transplant(samples={"fox:classify": (images, torch.arange(12) % 2)})
    fox: Any = network["fox"]
    assert (fox >> network["classify"]).compile()(images).shape == (12, 1)
