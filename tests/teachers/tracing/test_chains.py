"""Models that are chains of layers are described as such, bit for bit; others are not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from legonet.blocks.build import build_layers
from legonet.blocks.files import find_block, list_blocks
from legonet.ir.notation import Layer
from legonet.store.workspace import shipped_folder
from legonet.teachers.tracing.chains import chain_of

FOLDERS = [shipped_folder("blocks")]


def describe(module: nn.Module, shape: tuple[int, ...]) -> dict[str, Layer]:
    """The layers of a model that is a chain."""
    layers = chain_of(module, shape)
    assert layers is not None
    return layers


def rebuilt(module: nn.Module, shape: tuple[int, ...]) -> nn.Sequential:
    """What the description says, with the original's weights."""
    copy = build_layers(describe(module, shape), "meta")
    copy.load_state_dict(module.state_dict(), assign=True)
    return copy.eval()


class Net(nn.Module):
    """A forward pass given as a function, over some modules."""

    def __init__(self, forward: Callable[[Any, Tensor], object], **modules: nn.Module) -> None:
        super().__init__()
        self.run = forward
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> object:
        return self.run(self, x)


@pytest.mark.parametrize("name", ["vgg-slim", "vgg-slim-fcn", "vgg16-fcn"])
def test_a_built_block_is_described_as_its_definition(name: str) -> None:
    block = find_block(name, FOLDERS)
    assert block.layers is not None
    found = describe(build_layers(block.layers, "meta"), block.input)
    assert found == block.layers
    assert list(found) == list(block.layers)
    assert name in list_blocks(FOLDERS)


def narrow(name: str, classes: int) -> nn.Module:
    """A torchvision model with 8 units in its hidden fully connected layers, which have most weights."""
    with torch.device("meta"):
        module = torchvision.models.get_model(name, weights=None)
        linear = {path: each for path, each in module.named_modules() if isinstance(each, nn.Linear)}
        widths = [next(iter(linear.values())).in_features, 8, 8, classes]
        for path, (inputs, outputs) in zip(linear, pairwise(widths), strict=True):
            module.set_submodule(path, nn.Linear(inputs, outputs))
    return module.to_empty(device="cpu").eval()


@pytest.mark.parametrize(("name", "side"), [("alexnet", 64), ("vgg11_bn", 32), ("vgg16", 32)])
def test_torchvision_models_bit_for_bit(name: str, side: int) -> None:
    torch.manual_seed(0)
    module = narrow(name, 2)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0, 0.1)
    images = torch.rand(2, 3, side, side)
    with torch.no_grad():
        expected = module(images)
        assert expected.std() > 0
        assert torch.equal(rebuilt(module, (3, side, side))(images), expected)


def test_functions_and_modules_called_again() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        x = net.act(net.body(x))
        x = functional.max_pool2d(x, 2)
        x = functional.avg_pool2d(x, 2, ceil_mode=True)
        x = functional.interpolate(x, scale_factor=2)
        x = net.act(x)
        x = functional.adaptive_avg_pool2d(x, (2, 2))
        x = functional.dropout(x, 0.3, net.training)
        x = torch.relu(x).relu().contiguous()
        return net.fc(torch.flatten(x, 1))

    module = Net(forward, body=nn.Sequential(nn.Conv2d(3, 4, 3)), act=nn.ReLU(), fc=nn.Linear(16, 2)).eval()
    layers = describe(module, (3, 14, 14))
    assert list(layers) == [
        "body.0",
        "act",
        "max_pool2d",
        "avg_pool2d",
        "interpolate",
        "act_1",
        "adaptive_avg_pool2d",
        "dropout",
        "relu",
        "relu_1",
        "contiguous",
        "flatten",
        "fc",
    ]
    images = torch.randn(2, 3, 14, 14)
    assert torch.equal(rebuilt(module, (3, 14, 14))(images), module(images))


@pytest.mark.parametrize(
    "flatten",
    [
        lambda x: x.view(x.size(0), -1),
        lambda x: x.view(x.size()[0], -1),
        lambda x: x.view(x.shape[0], -1),
        lambda x: x.reshape((x.shape[0], -1)),
        lambda x: x.view(-1, 12),
        lambda x: x.view(x.size(0), 12),
        lambda x: x.flatten(1),
        lambda x: torch.flatten(x, start_dim=1),
    ],
)
def test_every_way_to_flatten(flatten: Callable[[Tensor], Tensor]) -> None:
    module = Net(lambda net, x: net.fc(flatten(x)), fc=nn.Linear(12, 1))
    layers = describe(module, (3, 2, 2))
    assert [layer.type for layer in layers.values()] == ["flatten", "linear"]
    images = torch.randn(2, 3, 2, 2)
    assert torch.equal(rebuilt(module, (3, 2, 2))(images), module(images))


@pytest.mark.parametrize(
    "reshape",
    [lambda x: x.view(-1, 6), lambda x: x.view(4, -1), lambda x: x.view(x.size(1), -1), lambda x: x.view(-1)],
)
def test_other_reshapes_are_no_layers(reshape: Callable[[Tensor], Tensor]) -> None:
    module = Net(lambda net, x: net.fc(reshape(x)), fc=nn.Linear(12, 1))
    assert chain_of(module, (3, 2, 2)) is None


def test_a_function_between_layers_of_one_container_gets_a_name_inside() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.body[1](functional.relu(net.body[0](x)))

    body = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1))
    module = Net(forward, body=body)
    assert list(describe(module, (1, 2, 2))) == ["body.0", "body.relu", "body.1"]
    images = torch.randn(1, 1, 2, 2)
    assert torch.equal(rebuilt(module, (1, 2, 2))(images), module(images))


def test_a_functions_name_does_not_hide_a_module() -> None:
    module = Net(
        lambda net, x: net.relu(functional.relu(net.relu_1(functional.relu(x)))),
        relu=nn.Conv2d(1, 1, 1),
        relu_1=nn.Conv2d(1, 1, 1),
    )
    names = list(describe(module, (1, 2, 2)))
    assert len(set(names)) == 4
    assert [name for name in names if name in ("relu", "relu_1")] == ["relu_1", "relu"]
    images = torch.randn(1, 1, 2, 2)
    assert torch.equal(rebuilt(module, (1, 2, 2))(images), module(images))


def test_tracing_leaves_the_model_as_it_was() -> None:
    module = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Dropout(), nn.ReLU()).train()
    module[1].eval()
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    describe(module, (1, 2, 2))
    assert [each.training for each in module.modules()] == [True, True, False, True]
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())


def _hooked() -> nn.Module:
    module = nn.Sequential(nn.ReLU(), nn.ReLU())
    module[1].register_forward_hook(lambda *_: None)
    return module


def _weighty(net: Any, x: Tensor) -> Tensor:
    return net.conv(net.conv(x))


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


CONV = nn.Conv2d(1, 1, 1)


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.ReLU(), nn.GELU()),
        Net(lambda net, x: torch.tanh(x)),
        Net(lambda net, x: x + 1),
        Net(lambda net, x: functional.relu(x) + net.conv(x), conv=CONV),
        Net(lambda net, x: (lambda y: y + functional.relu(y))(net.conv(x)), conv=CONV),
        Net(lambda net, x: (functional.relu(x), net.conv(x))[1], conv=CONV),
        Net(_weighty, conv=CONV),
        Net(lambda net, x: {"out": functional.relu(x)}),
        Net(lambda net, x: (functional.relu(x), 1)),
        Net(lambda net, x: x),
        _hooked(),
        nn.Sequential(nn.ReLU(), Scaled()),
        Net(lambda net, x: functional.relu(x), spare=nn.Linear(1, 1)),
        nn.Sequential(nn.Flatten(0), nn.ReLU()),
        Net(lambda net, x: functional.dropout(x)),
        Net(lambda net, x: functional.interpolate(x, size=x.shape[2:])),
        Net(lambda net, x: functional.interpolate(x, scale_factor=2, mode="bilinear", antialias=True)),
        Net(lambda net, x: torch.flatten(x, 1, 2, 3)),  # type: ignore[call-overload]
        nn.Sequential(nn.Flatten(), nn.Linear(5, 1)),
        Net(lambda net, x: net.a[1](net.b(net.a[0](x))), a=nn.Sequential(CONV, nn.ReLU()), b=nn.ReLU()),
        Net(lambda net, x: torch.relu(x) if x.sum() > 0 else x),
    ],
)
def test_models_that_are_no_chain(module: nn.Module) -> None:
    assert chain_of(module, (1, 2, 2)) is None


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "squeezenet1_1"])
def test_other_torchvision_models_are_no_chains(name: str) -> None:
    with torch.device("meta"):
        module = torchvision.models.get_model(name, weights=None)
    assert chain_of(module, (3, 224, 224)) is None
