"""Which paths `Network.compile` takes, and what it says of those that it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from legonet.errors import SelectError
from legonet.network import Network


@pytest.fixture
def built(fitted: Network) -> Network:
    network = fitted
    data = network.graph.model_dump(mode="json", exclude_none=True)
    data["applications"] = {"pets": ["dog:classify", "cat:classify"], "farm": ["cow:classify"]}
    network.graph = type(network.graph).model_validate(data)
    network.add_category("fox")
    return network


@pytest.mark.parametrize(
    ("names", "choice", "paths"),
    [
        ((), {}, ["cat:classify", "dog:classify", "cow:classify"]),
        (("cow:classify",), {}, ["cow:classify"]),
        (("pets",), {}, ["dog:classify", "cat:classify"]),
        (("pets", "farm"), {}, ["dog:classify", "cat:classify", "cow:classify"]),
        (("cat:classify", "pets"), {}, ["cat:classify", "dog:classify"]),
        ((), {"categories": ["cow", "dog"]}, ["dog:classify", "cow:classify"]),
        ((), {"categories": "cow"}, ["cow:classify"]),
        ((), {"categories": ["dog", "fox"], "tasks": ["classify"]}, ["dog:classify"]),
        ((), {"tasks": "classify"}, ["cat:classify", "dog:classify", "cow:classify"]),
    ],
)
def test_choices(built: Network, names: tuple[str, ...], choice: dict[str, Any], paths: list[str]) -> None:
    assert [path.name for path in built.compile(*names, **choice).paths] == paths


@pytest.mark.parametrize(
    ("names", "choice", "message"),
    [
        (("cat:clasify",), {}, "no task 'clasify'.* Did you mean 'classify'"),
        (("dgo:classify",), {}, "no category 'dgo'.* Did you mean 'dog'"),
        (("pest",), {}, "no application 'pest'.* Did you mean 'pets'"),
        (("fox:classify",), {}, "no teacher of category 'fox'"),
        ((), {"categories": ["cta"]}, "zoo: no category 'cta'; categories are .*Did you mean 'cat'"),
        ((), {"tasks": ["clasify"]}, "zoo: no task 'clasify'; tasks are classify; .*Did you mean 'classify'"),
        (
            (),
            {"categories": ["fox"]},
            "none of the paths is built: no teacher for any of them; add teachers first",
        ),
        ((), {"categories": []}, "none of the paths is built"),
        (("pets",), {"tasks": ["classify"]}, r"found names \(pets\) beside categories or tasks"),
    ],
)
def test_refusals(built: Network, names: tuple[str, ...], choice: dict[str, Any], message: str) -> None:
    with pytest.raises(SelectError, match=message):
        built.compile(*names, **choice)


def test_what_is_not_fitted_yet(network: Network) -> None:
    with pytest.raises(
        SelectError, match=r"dog:classify: not built yet \(dog-v1 arrived\); run `legonet transplant`"
    ):
        network.compile("dog:classify")
    with pytest.raises(SelectError, match="dog:classify to be fitted; run `legonet transplant`"):
        network.compile(categories=["dog"])
    assert [path.name for path in network.compile().paths] == ["cat:classify"]


def test_what_must_be_fitted_again(built: Network) -> None:
    built.connect("dog", "classify", {"kernel": 1})
    with pytest.raises(
        SelectError, match=r"dog:classify: not built yet .adapter: kernel changed from 3 to 1"
    ):
        built.compile("dog:classify")


def test_an_open_path(built: Network) -> None:
    built.connect("fox", "classify")
    with pytest.raises(SelectError, match="fox:classify: cannot be built: no teacher of category fox"):
        built.compile("fox:classify")
    with pytest.raises(SelectError, match="fox:classify: no teacher has this category and task"):
        built.unadapted("fox:classify")


def test_an_empty_network() -> None:
    import legonet

    with pytest.raises(SelectError, match="none of the paths is built: no teacher"):
        legonet.Network("empty").compile()
    assert legonet.Network("empty").transplant().results == ()
    assert legonet.Network("empty").plan().edges == ()
