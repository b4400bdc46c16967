"""Compiled networks on a device."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

import legonet
from legonet.compile.passes import CHOICES, PASSES
from legonet.errors import DataError
from legonet.outputs.results import Score
from tests.device.conftest import copied, expect_close

if TYPE_CHECKING:
    from legonet.network import Network

pytestmark = pytest.mark.gpu

DOG = "dog:classify"

OPTIONS: list[dict[str, Any]] = [
    *({"passes": choice} for choice in CHOICES),
    *({"passes": [name]} for name in PASSES),
    {"grouping": "rule"},
    {"memory_format": "channels-last"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_choice(network: Network, images: Tensor, device: str, options: dict[str, Any]) -> None:
    there, here = network.compile(device=device, **options), network.compile(**options)
    expect_close(there.by_path(images.to(device)), here.by_path(images), device)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision(network: Network, images: Tensor, device: str, dtype: str) -> None:
    app, wanted = network.compile(device=device, dtype=dtype), network.compile()(images)
    for path, value in app(images.to(device)).items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value.cpu(), wanted[path], rtol=0.05, atol=0.05)


@pytest.mark.parametrize("passes", CHOICES)
@pytest.mark.parametrize("separate", [False, True])
def test_several_devices(
    network: Network, images: Tensor, devices: list[str], passes: str, separate: bool
) -> None:
    options: dict[str, Any] = {"passes": passes, "separate_inputs": separate, "grouping": "rule"}
    app, here = network.compile(device=devices, **options), network.compile(**options)
    assert {str(each.device) for each in app.parameters()} == set(devices)

    def given(place: str) -> Any:
        there = images.to(place)
        return {name: there + number for number, name in enumerate(here.inputs)} if separate else there

    found = app(given(devices[0]))
    assert {str(value.device) for value in found.values()} == {devices[0]}
    expect_close(found, here(given("cpu")), devices[0])
    app.warm_up(1, 2)


def test_each_device_alone(network: Network, images: Tensor, devices: list[str]) -> None:
    for place in devices:
        output = network.compile(DOG, device=place)(images.to(place))
        assert str(output.device) == place


def test_one_path(network: Network, images: Tensor, device: str) -> None:
    for make in (
        lambda place: network.compile(DOG, device=place),
        lambda place: network.unadapted(DOG, place),
        lambda place: network.teacher("dog-v1", place),
    ):
        there, here = make(device)(images.to(device)), make("cpu")(images)
        expect_close({"output": there}, {"output": here}, device)


def test_moved_and_copied(network: Network, images: Tensor, device: str) -> None:
    app = network.compile()
    wanted, given = app(images), images.to(device)
    there = app.to(device)
    for each in (there, copy.deepcopy(there), pickle.loads(pickle.dumps(there))):
        expect_close(each(given), wanted, device)
        assert each.running.devices[0].type == torch.device(device).type
    expect_close(there.cpu()(images), wanted, "cpu")


def test_state_dicts(network: Network, images: Tensor, device: str) -> None:
    there, here = network.compile(device=device, passes="none"), network.compile(passes="none")
    for parameter in there.parameters():
        parameter.zero_()
    there.load_state_dict(here.state_dict())
    expect_close(there(images.to(device)), here(images), device)


def test_adapters_are_trained_there(network: Network, images: Tensor, device: str) -> None:
    def trained(place: str) -> dict[str, Tensor]:
        app = network.compile(device=place, passes="training", memory_format="contiguous").train()
        adapters = app.adapters.requires_grad_()
        optimiser = torch.optim.Adam(adapters.parameters(), 1e-3)
        for _ in range(2):
            optimiser.zero_grad()
            torch.cat(list(app(images.to(place)).values())).square().mean().backward()
            optimiser.step()
        return dict(adapters.state_dict())

    expect_close(trained(device), trained("cpu"), device)


def test_results_are_plain(network: Network, images: Tensor, device: str) -> None:
    there, here = network.compile(device=device).results(images.to(device)), network.compile().results(images)
    for path, found in there.items():
        for left, right in zip(found, here[path], strict=True):
            assert isinstance(left, Score)
            assert isinstance(right, Score)
            assert (left.label, left.score) == (right.label, pytest.approx(right.score, abs=2e-3))


@pytest.mark.parametrize("paths", [(DOG,), ()])
def test_images_that_were_left_behind(
    network: Network, images: Tensor, device: str, paths: tuple[str, ...]
) -> None:
    with pytest.raises(DataError, match=rf"on cpu; expected .* on {device}:0; write images.to"):
        network.compile(*paths, device=device)(images)
    with pytest.raises(DataError, match=rf"on {device}:0; expected .* on cpu; write images.to"):
        network.compile(*paths)(images.to(device))


def test_it_explains_itself(network: Network, device: str) -> None:
    assert f"on {device}" in str(network.compile(device=device).explain())


def test_what_is_measured_is_waited_for(
    file: Path, tmp_path: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An accelerator takes orders and goes on with them later."""
    own = copied(file, tmp_path)
    waited: list[torch.device] = []
    wait = torch.accelerator.synchronize

    def synchronize(place: torch.device) -> None:
        waited.append(place)
        wait(place)

    monkeypatch.setattr(torch.accelerator, "synchronize", synchronize)
    legonet.load(own).compile(device=device)
    assert {each.type for each in waited} == {device}
