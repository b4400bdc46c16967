"""A compiled network equals the hand-written composition, bit for bit."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from legonet.blocks.build import lowered
from legonet.compile.assemble import join
from legonet.compile.named_modules import NamedModules
from legonet.compile.network import CompiledPath
from legonet.compile.normalise import Normalise, normalisation
from legonet.errors import DataError, LegonetError, SelectError
from legonet.graph.schema import Input
from legonet.ir.interpreter import build_graph
from legonet.ir.lowering import lower
from legonet.ir.modules import load_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from legonet.network import Network

PATHS = ["cat:classify", "dog:classify", "cow:classify"]


@pytest.fixture
def network(fitted: Network) -> Network:
    return fitted


def by_hand(network: Network, path: str, images: torch.Tensor) -> torch.Tensor:
    category, task = path.split(":")
    f, g = (
        load_module(network.store.get(sha))
        for sha in (network.lock.categories[category].module, network.lock.tasks[task].module)
    )
    value = f((images - 0.5) / 0.25)
    if path in network.lock.adapters:
        value = load_module(network.store.get(network.lock.adapters[path].adapter))(value)
    return g(value)


@pytest.mark.parametrize("path", PATHS)
def test_one_path(network: Network, images: torch.Tensor, path: str) -> None:
    output = network.compile(path, memory_format="contiguous")(images)  # another order has other sums
    assert isinstance(output, torch.Tensor)
    assert torch.equal(output, by_hand(network, path, images))
    torch.testing.assert_close(network.compile(path)(images), output)


@pytest.mark.parametrize("paths", [PATHS, PATHS[::-1], PATHS[1:]])
def test_several_paths(network: Network, images: torch.Tensor, paths: list[str]) -> None:
    output = network.compile(*paths, memory_format="contiguous")(images)
    usual = network.compile(*paths)(images)
    assert list(output) == list(usual) == paths
    for path in paths:
        assert torch.equal(output[path], by_hand(network, path, images))
        torch.testing.assert_close(usual[path], output[path])


def test_a_native_path_is_its_teacher(network: Network, images: torch.Tensor) -> None:
    app = network.compile("cat:classify", memory_format="contiguous")
    assert torch.equal(app(images), network.teacher("cat-v1")(images))


def test_an_adapted_path_is_not_the_unadapted_one(network: Network, images: torch.Tensor) -> None:
    adapted, plain = network.compile("dog:classify")(images), network.unadapted("dog:classify")(images)
    assert not torch.equal(adapted, plain)
    f = load_module(network.store.get(network.lock.categories["dog"].module))
    g = load_module(network.store.get(network.lock.tasks["classify"].module))
    assert torch.equal(plain, g(f((images - 0.5) / 0.25)))


def test_a_shared_category_module_runs_once(
    network: Network, make_model: Callable[..., nn.Module], images: torch.Tensor
) -> None:
    for category, seed in (("cat", 0), ("dog", 1)):  # the same f, another head
        model = make_model(seed)
        head = make_model(seed + 20, outputs=3)
        for name in ("conv2_1", "fc1", "fc2"):
            setattr(model, name, getattr(head, name))
        network.add_teacher(f"{category}-pose", model, category=category, task="pose", cut="pool1")
    network.transplant()
    app = network.compile("dog:classify", "cat:pose", "dog:pose", passes="exact", memory_format="contiguous")
    calls: list[str] = []
    for name in app.categories:
        app.categories[name].register_forward_hook(lambda *_, name=name: calls.append(name))
    output = app(images)
    assert sorted(calls) == ["cat", "dog"]
    assert output["dog:pose"].shape == (12, 3)
    assert torch.equal(output["dog:pose"], by_hand(network, "dog:pose", images))


def test_the_state_dict_reads_like_the_network(network: Network) -> None:
    keys = list(network.compile(passes="none").state_dict())
    assert keys[:3] == ["input.mean", "input.std", "categories.cat.conv1_1.weight"]
    assert "adapters.dog:classify.conv1.weight" in keys
    assert "tasks.classify.fc2.bias" in keys
    assert not any(key.startswith("adapters.cat:classify") for key in keys)


def test_it_is_frozen_and_in_evaluation_mode(network: Network) -> None:
    app = network.compile()
    assert not any(module.training for module in app.modules())
    assert not any(parameter.requires_grad for parameter in app.parameters())


def test_it_owns_its_weights(network: Network, images: torch.Tensor) -> None:
    first, second = network.compile("dog:classify"), network.compile("dog:classify")
    before = second(images)
    for parameter in first.parameters():
        parameter.zero_()
    assert torch.equal(second(images), before)
    assert torch.equal(network.compile("dog:classify")(images), before)


def test_copies_and_state_dicts(network: Network, images: torch.Tensor) -> None:
    app = network.compile()
    twin = copy.deepcopy(app)
    for parameter in twin.parameters():
        parameter.zero_()
    assert not twin(images)["dog:classify"].any()
    twin.load_state_dict(app.state_dict())
    for path, value in app(images).items():
        assert torch.equal(twin(images)[path], value)


@pytest.mark.parametrize("name", ["train", "type", "keys", "forward", "0", "_modules", "training", "a-b"])
def test_names_that_a_module_has_itself(images: torch.Tensor, name: str) -> None:
    f, h, g = (
        lowered(nn.Sequential(each)) for each in (nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Flatten())
    )
    path = CompiledPath(name, name, native=False)
    app = join((path,), build_graph(lower({})), {name: f}, {path.name: h}, {name: g})
    assert torch.equal(app(images), g(h(f(images))))
    assert list(app.state_dict())[:2] == [f"categories.{name}.0.weight", f"categories.{name}.0.bias"]
    twin = copy.deepcopy(app)
    twin.load_state_dict(app.state_dict())
    assert torch.equal(twin.to("cpu")(images), app(images))


def test_bricks() -> None:
    bricks = NamedModules({"train": nn.ReLU(), "eval": nn.Identity()})
    assert (list(bricks), len(bricks)) == (["train", "eval"], 2)
    assert isinstance(bricks["train"], nn.ReLU)
    with pytest.raises(SelectError, match="no module 'forward'; there are train, eval; name one"):
        bricks["forward"]


def test_normalisation() -> None:
    images = torch.rand(2, 3, 4, 4)
    only_mean = normalisation(Input(shape=(3, 4, 4), mean=(0.1, 0.2, 0.3)))
    mean = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    assert torch.equal(only_mean(images), images - mean)
    both = normalisation(Input(shape=(3, 4, 4), mean=(0.1, 0.2, 0.3), std=(2.0, 4.0, 8.0)))
    assert isinstance(both, Normalise)
    assert torch.equal(both(images), (images - mean) / torch.tensor([2.0, 4.0, 8.0]).view(1, 3, 1, 1))
    assert not normalisation(Input(shape=(3, 4, 4))).graph.steps


@pytest.mark.parametrize("device", ["nowhere", "cuda:99", "meta", "cpu:banana"])
def test_devices_that_are_not_there(network: Network, device: str) -> None:
    with pytest.raises(
        LegonetError, match=f"^device {device}: .*; expected a device of this machine; try cpu"
    ):
        network.compile(device=device)


def test_a_device_of_this_machine(network: Network, images: torch.Tensor) -> None:
    app = network.compile("dog:classify", device="auto")
    place = next(app.parameters()).device
    assert app(images.to(place)).device == place
    assert next(network.compile(device=torch.device("cpu")).parameters()).device.type == "cpu"


def test_only_what_is_chosen_is_looked_at(graph_file: Path) -> None:
    import legonet

    for name in ("cow-v1.safetensors", "cow-v1.statistics.safetensors"):
        (graph_file.parent / "teachers" / name).unlink(missing_ok=True)
    network = legonet.load(graph_file)
    for path in network.store.path("0" * 64).parents[2].rglob(network.lock.categories["cow"].module):
        path.unlink()
    assert network.compile("dog:classify").paths[0].name == "dog:classify"
    assert network.compile(categories=["cat", "dog"]).input_shape == (3, 8, 8)
    with pytest.raises(LegonetError, match=r"teachers\.cow-v1\.weights"):
        network.compile("cow:classify")


def test_compiling_imports_neither_torchvision_nor_the_compiler(graph_file: Path, tmp_path: Path) -> None:
    """Either takes seconds; nor does the source of a model, though it knows all shapes."""
    code = (
        "import sys, torch, legonet; from legonet.compile.export import export; "
        "app = legonet.load(sys.argv[1]).compile(); app(torch.rand(1, 3, 8, 8)); export(app, sys.argv[2]); "
        "print([name for name in ('torchvision', 'torch._dynamo', 'sympy') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(graph_file), str(tmp_path / "app")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def damage(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_a_damaged_module_is_mended(graph_file: Path, images: torch.Tensor) -> None:
    import legonet

    network = legonet.load(graph_file)
    wanted = network.compile("cat:classify", passes="none")(images)
    path = network.store.path(network.lock.categories["cat"].module)
    damage(path)
    assert torch.equal(legonet.load(graph_file).compile("cat:classify", passes="none")(images), wanted)  # type: ignore[arg-type]
    adapter = network.store.path(network.lock.adapters["dog:classify"].adapter)
    damage(adapter)
    with pytest.raises(LegonetError, match=f"{adapter.name}: the blob is damaged.*run `legonet transplant`"):
        network.compile("dog:classify")


WRONG = {
    "two channels": (
        lambda images: images[:, :2],
        r"found float32 \(12, 2, 8, 8\) on cpu; .*; bring them to this shape",
    ),
    "one": (lambda images: images[0], r"give a batch of one, images\[None\]"),
    "bytes": (lambda images: (images * 255).byte(), r"found uint8 .*write images.to\(torch.float32\) / 255"),
    "double": (lambda images: images.double(), r"found float64 .*; write images.to\(torch.float32\)"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("paths", [PATHS[:1], PATHS], ids=["one path", "several"])
def test_images_that_do_not_fit(network: Network, images: torch.Tensor, wrong: str, paths: list[str]) -> None:
    make, message = WRONG[wrong]
    with pytest.raises(DataError, match=message) as refused:
        network.compile(*paths)(make(images))
    assert "expected float32 (batch, 3, height, width) in [0, 1] on cpu; " in str(refused.value)


def test_images_of_a_category_that_do_not_fit(network: Network, images: torch.Tensor) -> None:
    app = network.compile("cat:classify", "dog:classify", separate_inputs=True)
    with pytest.raises(DataError, match=r"images\.dog: found uint8"):
        app({"cat": images, "dog": (images * 255).byte()})


def test_what_is_not_the_images_fault(network: Network, images: torch.Tensor) -> None:
    app = network.compile("cat:classify", dtype="bfloat16")
    fc2: Any = app.tasks["classify"].fc2
    fc2.weight = nn.Parameter(torch.zeros(1, 3, dtype=torch.bfloat16))
    with pytest.raises(RuntimeError):
        app(images)


def test_a_module_that_runs_within_another(network: Network) -> None:
    app = network.compile(grouping="rule")
    assert len(app.categories) == 1
    with pytest.raises(SelectError, match=r"no module 'cat'; 'cat' runs as part of '.*cat.*'; there are "):
        app.categories["cat"]
    with pytest.raises(SelectError, match="no module 'fox'; there are classify; name one"):
        app.tasks["fox"]
