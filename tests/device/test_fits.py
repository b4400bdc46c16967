"""Adapters that are fitted on a device: every method, between modules of every kind."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

import legonet
from legonet.distill.fitting.context import frozen
from tests.conftest import SHAPE
from tests.device.conftest import PRETEND, computing_on, expect_close

if TYPE_CHECKING:
    from legonet.network import Network

pytestmark = pytest.mark.gpu

METHODS: dict[str, dict[str, Any]] = {
    "auto": {"name": "auto", "steps": 4, "imagined": 32},
    "back-distillation": {"name": "back-distillation", "steps": 4, "batch": 2},
    "closed-form": {"name": "closed-form", "draws": 8, "matching": 4},
    "distillation": {"name": "distillation", "steps": 4},
    "inversion": {"name": "inversion", "steps": 4, "images": 8},
    "jacobian": {"name": "jacobian", "steps": 4},
    "ordinary": {"name": "ordinary", "steps": 4},
}
NEEDS = {"ordinary": "labels", "distillation": "images", "jacobian": "images"}
GIVEN = ("nothing", "images", "labels")
VARIANTS: list[dict[str, Any]] = [
    {"name": "closed-form", "draws": 8, "matching": 0, "masks": "random"},
    {"name": "closed-form", "draws": 8, "matching": 0, "masks": "imagined"},
    {"name": "back-distillation", "steps": 2, "gradient": "ones", "enlarge": 2},
    {"name": "back-distillation", "steps": 2, "relu": "lowest-masked", "channels": "shared"},
    {"name": "back-distillation", "steps": 2, "relu": "identity"},
]
MEANINGS: dict[str, tuple[dict[str, Any], Tensor]] = {
    "mask": ({"kind": "mask"}, torch.arange(12 * 64).view(12, 8, 8) % 2),
    "labels": ({"kind": "mask", "labels": ["none", "{category}"]}, torch.arange(12 * 64).view(12, 8, 8) % 2),
    "vector": ({"kind": "vector", "names": ["x", "y"]}, torch.linspace(-1, 1, 24).view(12, 2)),
}
DOG, LABELS = "dog:classify", torch.arange(12) % 2

Make = Callable[[int], nn.Module]


def made(
    models: Mapping[str, nn.Module],
    images: Tensor | None,
    cut: str,
    spec: dict[str, Any] | None = None,
    output: dict[str, Any] | None = None,
) -> Network:
    """A network of teachers of one task; the first one gives the task module."""
    network = legonet.Network("zoo", SHAPE, mean=[0.5, 0.5, 0.5], std=[0.25, 0.25, 0.25])
    network.add_task("classify", output or {"kind": "binary"}, {"kernel": 3, **(spec or {})})
    for name, model in models.items():
        network.add_teacher(f"{name}-v1", model, category=name, task="classify", cut=cut, images=images)
    return network


def own(network: Network, spec: dict[str, Any]) -> Network:
    """A copy of a network that tests share, in which the dog's adapter is such a one."""
    network = copy.deepcopy(network)
    network.connect("dog", "classify", {"kernel": 3, **spec})
    return network


@pytest.fixture(scope="module")
def alike(make_model: Make, images: Tensor) -> Network:
    """Two teachers of one architecture."""
    return made({"cat": make_model(0), "dog": make_model(1)}, images, "pool1")


def expect_alike(
    network: Network,
    device: str,
    images: Tensor,
    labels: Tensor | None = None,
    given: bool = True,
    exact: bool = PRETEND,
) -> list[str]:
    """What is fitted on the device does what is fitted on the CPU.

    Args:
        network: with nothing fitted.
        device: where to fit it.
        images: to fit it on, and to compare outputs on.
        labels: of the images.
        given: whether the fit sees the images.
        exact: to the byte, as on the stand-in unless an operation is computed otherwise than on the CPU.

    Returns:
        The notes of the fits.
    """
    there, here = network, copy.deepcopy(network)
    with computing_on(device):
        ended = there.transplant({DOG: (images.to(device), labels)} if given else None, device=device)
    here.transplant({DOG: (images, labels)} if given else None)
    if exact:
        assert there.lock == here.lock
    expect_close({DOG: there.compile(DOG)(images)}, {DOG: here.compile(DOG)(images)}, "cpu")
    return [note for each in ended.results for note in each.notes]


@pytest.mark.parametrize(
    ("method", "given"),
    [(method, given) for method in METHODS for given in GIVEN[GIVEN.index(NEEDS.get(method, "nothing")) :]],
)
def test_every_method(alike: Network, images: Tensor, device: str, method: str, given: str) -> None:
    network = own(alike, {"method": METHODS[method]})
    expect_alike(network, device, images, LABELS if given == "labels" else None, given != "nothing")


@pytest.mark.parametrize("method", VARIANTS, ids=str)
def test_every_variant(alike: Network, images: Tensor, device: str, method: dict[str, Any]) -> None:
    expect_alike(own(alike, {"method": method}), device, images)


@pytest.mark.parametrize("statistics", [False, True])
def test_deep_adapters(make_model: Make, images: Tensor, device: str, statistics: bool) -> None:
    models = {"cat": make_model(0), "dog": make_model(1)}
    spec = {"kernel": 1, "depth": 2, "method": METHODS["auto"]}
    expect_alike(made(models, images if statistics else None, "pool1", spec), device, images)


class Segmenter(nn.Sequential):
    """Maps of scores, by way of all layers that keep a map."""

    def __init__(self, seed: int, labels: int) -> None:
        torch.manual_seed(seed)
        super().__init__(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(4, 6, 3, padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.ConvTranspose2d(6, 5, 2, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Conv2d(5, labels, 1),
        )


@pytest.fixture(scope="module")
def giving(make_model: Any, images: Tensor) -> Callable[[str], Network]:
    """A network whose outputs have a meaning, made once."""

    def make(meaning: str) -> Network:
        task, _ = MEANINGS[meaning]
        kind, cut = (make_model, "pool1") if meaning == "vector" else (Segmenter, "1")
        count = len(task.get("labels") or task.get("names") or ["one"])
        models = {name: kind(seed, count) for seed, name in enumerate(("cat", "dog"))}
        return made(models, images, cut, output=task)

    return functools.cache(make)


@pytest.mark.parametrize("method", ["auto", "back-distillation", "ordinary", "jacobian"])
@pytest.mark.parametrize("meaning", MEANINGS)
def test_every_output(
    giving: Callable[[str], Network], images: Tensor, device: str, method: str, meaning: str
) -> None:
    network = own(giving(meaning), {"method": METHODS[method]})
    expect_alike(network, device, images, MEANINGS[meaning][1])


class Mixed(nn.Module):
    """A graph of operations that makes tensors of its own, and has some that are no parameters."""

    places: Tensor

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.block = nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.SiLU()
        self.upper = nn.Conv2d(4, 8, 3, 2, 1)
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 1)
        self.register_buffer("places", torch.linspace(0, 1, 8))

    def forward(self, images: Tensor) -> Tensor:
        x = self.act(self.stem(images))
        x = self.act(x + self.block(x))
        across = torch.arange(x.shape[-1], device=x.device, dtype=x.dtype) / 8
        x = x + torch.zeros_like(x) + across * self.places + x.new_full((1,), 0.5)
        tokens = torch.relu(self.upper(x)).flatten(2).transpose(1, 2)
        tokens = self.norm(tokens + torch.full((), 0.1, device=x.device) * torch.ones(16, 1, device=x.device))
        tokens = tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]
        return self.head(tokens[:, torch.tensor([0, 3, 5])].mean(1))


@pytest.fixture(scope="module")
def mixed(images: Tensor) -> Network:
    """Two such models."""
    return made({"cat": Mixed(0), "dog": Mixed(1)}, images, "act_2")


@pytest.mark.parametrize("method", ["auto", "back-distillation", "closed-form", "jacobian"])
def test_graphs_of_operations(mixed: Network, images: Tensor, device: str, method: str) -> None:
    network = own(mixed, {"kernel": 1, "method": METHODS[method]})
    expect_alike(network, device, images, LABELS, exact=False)  # torch fuses attention on a CPU


@pytest.mark.parametrize("masks", ["recorded", "imagined"])
def test_units_in_another_order(make_model: Make, images: Tensor, device: str, masks: str) -> None:
    """A common base, seen by putting units in order."""

    cat: Any = make_model(0)
    dog: Any = copy.deepcopy(cat)
    order = torch.randperm(128, generator=torch.Generator().manual_seed(0))
    channels = torch.tensor([3, 0, 5, 1, 4, 2])
    with torch.no_grad():
        dog.conv2_1.weight.copy_(cat.conv2_1.weight[channels])
        dog.conv2_1.bias.copy_(cat.conv2_1.bias[channels])
        dog.fc1.weight.copy_(cat.fc1.weight.view(128, 6, 16)[order][:, channels].flatten(1))
        dog.fc1.bias.copy_(cat.fc1.bias[order])
        dog.fc2.weight.copy_(cat.fc2.weight[:, order])
    method = {"name": "closed-form", "draws": 64, "matching": 2, "masks": masks}
    network = made({"cat": cat, "dog": dog}, images, "pool1", {"kernel": 1, "method": method})
    notes = expect_alike(network, device, images)
    assert any("hidden units were reordered" in note for note in notes), notes


def test_architectures_that_differ(make_model: Make, images: Tensor, device: str) -> None:
    """No common base: outputs alone, and real gradients, say what to learn."""
    dog: Any = make_model(1)
    torch.manual_seed(1)
    dog.fc1, dog.fc2 = nn.Linear(96, 20), nn.Linear(20, 1)
    network = made({"cat": make_model(0), "dog": dog}, images, "pool1", {"method": METHODS["auto"]})
    assert any("no common base" in note for note in expect_alike(network, device, images))


@pytest.fixture(scope="module")
def twice(make_model: Any, images: Tensor) -> Network:
    """Two categories, of which a second task brings teachers too."""
    quick = {"kernel": 1, "method": METHODS["closed-form"]}
    network = made({"cat": make_model(0), "dog": make_model(1)}, images, "pool1", quick)
    network.add_task("mark", {"kind": "vector", "names": ["x", "y"]}, quick)
    for seed, name in enumerate(("cat", "dog")):
        model = make_model(seed + 7, 2)
        network.add_teacher(f"{name}-mark", model, category=name, task="mark", cut="pool1", images=images)
    return network


@pytest.mark.parametrize("given", [False, True])
def test_a_category_that_is_there_already(twice: Network, images: Tensor, device: str, given: bool) -> None:
    """The two category modules are matched at the image: cat's alone, dog's below an adapter of its own."""
    there, here = copy.deepcopy(twice), copy.deepcopy(twice)
    samples = {"dog:mark": (images, None)} if given else None
    with computing_on(device):
        there.transplant(samples, device=device)
    ended = here.transplant(samples)
    assert [each.path for each in ended.results if "bridge" in each.quality] == ["cat:mark", "dog:mark"]
    if PRETEND:
        assert there.lock == here.lock
    marks = ["cat:mark", "dog:mark"]
    expect_close(there.compile(*marks)(images), here.compile(*marks)(images), "cpu")


@pytest.mark.parametrize("kind", ["chain", "graph"])
def test_teachers_that_are_on_the_device(
    make_model: Make, alike: Network, mixed: Network, images: Tensor, device: str, kind: str
) -> None:
    """Their owner's images are there too."""
    make, cut = (make_model, "pool1") if kind == "chain" else (Mixed, "act_2")
    models = {"cat": make(0), "dog": make(1)}
    here = copy.deepcopy(alike if kind == "chain" else mixed)
    there = made({name: each.to(device) for name, each in models.items()}, images.to(device), cut)
    found = {name: there.teacher(f"{name}-v1", device)(images.to(device)) for name in models}
    expect_close(found, {name: here.teacher(f"{name}-v1")(images) for name in models}, device)
    if PRETEND:
        assert [edge.key for edge in there.plan()] == [edge.key for edge in here.plan()]


def test_what_is_there_is_not_copied(make_model: Make, device: str) -> None:
    module = make_model(0).to(device).eval().requires_grad_(False)
    assert frozen(module, device) is module
    assert frozen(module, "cpu") is not module
