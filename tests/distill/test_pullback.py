from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from legonet.blocks.adapter import build_adapter
from legonet.blocks.build import leaves, lowered
from legonet.blocks.registry import KINDS
from legonet.blocks.rescale import Rescale
from legonet.distill.enlarge import convolutional, enlarged_input
from legonet.distill.pullback import Pullback, expect_alike
from legonet.distill.synthesis.sampling import draw_gradient, draw_masks
from legonet.errors import DistillError
from legonet.graph.schema import Adapter
from legonet.ir.graph import INPUT, ModelGraph, Operation, TensorSpec
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import with_tensors
from tests.distill.conftest import chain, layers_of


class Mask(nn.Module):
    """A ReLU whose mask is given: what the pullback says a ReLU is."""

    def __init__(self, mask: Tensor | None) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, value: Tensor) -> Tensor:
        return value if self.mask is None else value * self.mask


def surrogate(layers: nn.Sequential, masks: list[Tensor | None]) -> nn.Sequential:
    """The network that equation (4b) is the derivative of, for plain autograd."""
    given = iter(masks)
    found: list[nn.Module] = []
    for _, layer in leaves(layers):
        if isinstance(layer, nn.ReLU):
            found.append(Mask(next(given)))
        elif isinstance(layer, nn.MaxPool2d):
            found.append(nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode))
        elif not isinstance(layer, nn.Dropout | nn.Dropout2d):
            found.append(layer)
    return nn.Sequential(*found)


def by_autograd(
    layers: nn.Sequential, shape: tuple[int, ...], gradient: Tensor, masks: list[Tensor | None]
) -> Tensor:
    x = torch.randn(len(gradient), *shape, dtype=torch.float64, requires_grad=True)
    (result,) = torch.autograd.grad(surrogate(layers, masks)(x), x, gradient, create_graph=True)
    return result


CHAINS = {
    "conv": [nn.Conv2d(3, 5, 3, padding=1)],
    "strided conv that leaves rows over": [nn.Conv2d(3, 5, 3, stride=2)],
    "dilated grouped conv": [
        nn.Conv2d(4, 6, (3, 1), stride=(2, 3), padding=(2, 0), dilation=(2, 1), groups=2)
    ],
    "padding same": [nn.Conv2d(3, 5, 3, padding="same")],
    "transposed conv": [nn.ConvTranspose2d(3, 5, 3, stride=2, padding=1, output_padding=1)],
    "linear": [nn.Flatten(), nn.Linear(3 * 9 * 11, 4)],
    "max pool": [nn.MaxPool2d(2)],
    "overlapping max pool": [nn.MaxPool2d(3, 2, padding=1)],
    "max pool rounded up": [nn.MaxPool2d(2, ceil_mode=True)],
    "average pool": [nn.AvgPool2d(3, 2, padding=1)],
    "adaptive pool": [nn.AdaptiveAvgPool2d((4, 3))],
    "upsample": [nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)],
    "nearest upsample": [nn.Upsample(size=(20, 13), mode="nearest")],
    "batch norm": [nn.BatchNorm2d(3)],
    "batch norm without affine": [nn.BatchNorm2d(3, affine=False)],
    "rescale": [Rescale(0.3)],
    "dropout and identity": [nn.Dropout(), nn.Dropout2d(), nn.Identity(), nn.Conv2d(3, 5, 1, bias=False)],
    "relu between": [nn.Conv2d(3, 5, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(5, 2, 3), nn.ReLU()],
}


@pytest.mark.parametrize("name", CHAINS)
def test_equals_autograd_of_the_surrogate_in_float64(name: str) -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(*CHAINS[name]).double().eval()
    for layer in layers:
        if (
            isinstance(layer, nn.BatchNorm2d)
            and layer.running_var is not None
            and layer.running_mean is not None
        ):
            layer.running_var.uniform_(0.5, 2)
            layer.running_mean.normal_()
    channels = 4 if "grouped" in name else 3
    shape = (channels, 9, 11)
    pull = Pullback(lowered(layers), shape)
    generator = torch.Generator().manual_seed(1)
    gradient = draw_gradient(4, pull.output_shape, "uniform", generator, torch.float64)
    masks: list[Tensor | None] = list(draw_masks(4, pull.relu_shapes, 0.5, generator, dtype=torch.float64))
    expected = by_autograd(layers, shape, gradient, masks)
    torch.testing.assert_close(pull(gradient, masks), expected, rtol=1e-12, atol=1e-12)
    assert expected.abs().max() > 0


def test_every_layer_is_tested_against_autograd() -> None:
    tested = {type(layer) for layers in CHAINS.values() for layer in layers}
    assert {kind.module for kind in KINDS.values()} <= tested


def test_masks_are_shared_by_relus_of_the_same_shapes_only() -> None:
    def pull(*channels: int) -> Pullback:
        layers = [each for c in channels for each in (nn.LazyConv2d(c, 1), nn.ReLU())]
        whole = nn.Sequential(*layers, nn.LazyConv2d(1, 1))
        whole(torch.zeros(1, 3, 4, 4))
        return Pullback(lowered(whole), (3, 4, 4))

    expect_alike(pull(2, 5), pull(2, 5), "cat:mark")
    with pytest.raises(DistillError, match=r"cat:mark: .* \(ReLUs of \(5, 4, 4\) and of \(6, 4, 4\)\); this"):
        expect_alike(pull(2, 5), pull(2, 6), "cat:mark")
    with pytest.raises(DistillError, match=r"differ in shape \(2 and 1 ReLUs\)"):
        expect_alike(pull(2, 5), pull(2), "cat:mark")


def test_no_masks_means_that_every_relu_is_the_identity() -> None:
    layers = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 1, 1)).double()
    gradient = torch.randn(2, 1, 4, 4, dtype=torch.float64)
    expected = by_autograd(layers, (2, 6, 6), gradient, [None])
    torch.testing.assert_close(Pullback(lowered(layers), (2, 6, 6))(gradient), expected)


def test_gradient_of_the_adapter_weights_equals_double_backward() -> None:
    torch.manual_seed(0)
    adapter = build_adapter(Adapter(kernel=3, depth=2), (3, 6, 6), (4, 6, 6)).double()
    shape, wanted = (3, 6, 6), torch.randn(2, 3, 6, 6, dtype=torch.float64)
    gradient = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    layers = layers_of(adapter).double()
    parameters, copies = (
        [p.requires_grad_() for name, p in module.named_parameters() if name.endswith("weight")]
        for module in (adapter, layers)
    )
    ours = (Pullback(adapter, shape)(gradient) - wanted).square().sum()
    reference = (by_autograd(layers, shape, gradient, [None, None]) - wanted).square().sum()
    for mine, theirs in zip(
        torch.autograd.grad(ours, parameters), torch.autograd.grad(reference, copies), strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.AvgPool2d(2), nn.MaxPool2d(4, 4)])
def test_below_a_pooling_the_gradient_is_constant_over_its_windows(pool: nn.Module) -> None:
    torch.manual_seed(0)
    pull = Pullback(chain(pool, nn.Conv2d(3, 5, 3, padding=1), nn.ReLU()).double(), (3, 8, 8))
    gradient = torch.rand(2, *pull.output_shape, dtype=torch.float64)
    masks = draw_masks(2, pull.relu_shapes, 0.5, torch.Generator().manual_seed(0), dtype=torch.float64)
    above = pull.above_window()
    assert (pull.window, above.window) == (8 // pull.output_shape[-1], 1)
    values = above(gradient, masks) / pull.window**2
    spread = values.repeat_interleave(pull.window, 2).repeat_interleave(pull.window, 3)
    torch.testing.assert_close(pull(gradient, masks), spread, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "lowest",
    [
        nn.Conv2d(3, 3, 3, padding=1),
        nn.MaxPool2d(3, 2, padding=1),
        nn.MaxPool2d(2, 1),
        nn.MaxPool2d((2, 4)),
        nn.MaxPool2d(3),
    ],
)
def test_other_lowest_layers_have_no_windows(lowest: nn.Module) -> None:
    pull = Pullback(chain(lowest, nn.ReLU()), (3, 8, 8))
    assert pull.window == 1
    assert pull.above_window() is pull


def test_dilated_pooling_is_refused() -> None:
    pull = Pullback(chain(nn.MaxPool2d(2, dilation=2)), (1, 6, 6))
    with pytest.raises(DistillError, match="max pooling with dilation has no pullback"):
        pull(torch.ones(1, *pull.output_shape))


def test_a_layer_that_does_not_fit_is_named() -> None:
    message = r"^task module\.0: its input has shape \(3, 2, 2\); conv expects \(4, height, width\); "
    with pytest.raises(DistillError, match=message):
        Pullback(chain(nn.Conv2d(4, 1, 1)), (3, 2, 2))


def test_enlarged_gradient_reads_linear_layers_as_convolutions() -> None:
    torch.manual_seed(0)
    conv, first, second = nn.Conv2d(2, 3, 3, padding=1), nn.Linear(12, 5), nn.Linear(5, 2)
    layers = conv, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), first, nn.ReLU(), second
    module = lowered(nn.Sequential(*layers).double())
    spread = convolutional(module, (2, 4, 4))
    # One position is the vector's own pullback ...
    gradient = torch.randn(3, 2, dtype=torch.float64)
    one = Pullback(spread, (2, 4, 4))
    torch.testing.assert_close(
        one(gradient[..., None, None]), Pullback(module, (2, 4, 4))(gradient), rtol=1e-12, atol=1e-12
    )
    # ... and more positions need a larger input, on which plain autograd agrees.
    shape = enlarged_input(spread, 7, (2, 4, 4))
    large = Pullback(spread, shape)
    assert large.output_shape == (2, 7, 7)
    gradient = torch.randn(2, 2, 7, 7, dtype=torch.float64)
    windows, points = nn.Conv2d(3, 5, 2).double(), nn.Conv2d(5, 2, 1).double()
    with torch.no_grad():
        windows.weight.copy_(first.weight.view(5, 3, 2, 2))
        points.weight.copy_(second.weight.view(2, 5, 1, 1))
    expected = by_autograd(nn.Sequential(conv, nn.MaxPool2d(2), windows, points), shape, gradient, [])
    torch.testing.assert_close(large(gradient), expected, rtol=1e-11, atol=1e-11)


def test_enlarging_says_when_it_cannot() -> None:
    with pytest.raises(DistillError, match="enlarge: no input gives 7 x 7 outputs"):
        enlarged_input(chain(nn.AdaptiveAvgPool2d(2), nn.Conv2d(1, 1, 2)), 7, (1, 4, 4))


HALVES = Operation("halves", "chunk", ({"ref": INPUT}, 2, 1), {})


def of_graph(steps: list[Operation], **shapes: tuple[int, ...]) -> GraphModule:
    tensors = {name: TensorSpec(shape, "float64") for name, shape in shapes.items()}
    graph = ModelGraph({step.name: step for step in steps}, steps[-1].name, tensors)
    return with_tensors(graph, {name: torch.randn(shape).double() for name, shape in shapes.items()})


def takes(name: str, function: str, *arguments: object) -> Operation:
    return Operation(name, function, arguments, {})


ODD = {
    "images and rows as one axis": [
        takes("rows", "flatten.using_ints", {"ref": INPUT}, 0, 1),
        takes("linear", "linear", {"ref": "rows"}, {"tensor": "w"}),
        takes("out", "reshape", {"ref": "linear"}, [{"batch": 1}, 4, 3, 3]),
    ],
    "a part counted from the end": [
        HALVES,
        takes("last", "getitem", {"ref": "halves"}, -1),
        takes("first", "getitem", {"ref": "halves"}, 0),
        takes("again", "getitem", {"ref": "halves"}, 1),
        takes("difference", "sub.Tensor", {"ref": "first"}, {"ref": "last"}),
        takes("out", "add.Tensor", {"ref": "difference"}, {"ref": "again"}),
    ],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_graphs(name: str) -> None:
    module = of_graph(ODD[name], **({"w": (3, 3)} if "rows" in name else {}))
    x = torch.randn(2, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    gradient = torch.randn_like(output := module(x))
    (wanted,) = torch.autograd.grad(output, x, gradient)
    torch.testing.assert_close(Pullback(module, (4, 3, 3))(gradient), wanted)


def test_what_takes_several_results_at_once_is_refused() -> None:
    module = of_graph([HALVES, takes("out", "cat", {"ref": "halves"}, 1)])
    with pytest.raises(DistillError, match=r"^out: cat takes all results of 'halves' at once"):
        Pullback(module, (4, 3, 3))
