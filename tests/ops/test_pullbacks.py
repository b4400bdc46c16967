"""Each operation's pullback: exact where the operation is linear, its stated surrogate where it is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from legonet.distill.pullback import Pullback
from legonet.errors import DistillError, LegonetError
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ops.table import ROWS
from legonet.registration import registered_modules
from legonet.teachers.tracing.export import export

SHAPE = (4, 6, 8)


class Call(nn.Module):
    """A function as a model."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def traced(module: nn.Module, shape: tuple[int, ...] = SHAPE) -> GraphModule:
    """The model's graph in float64."""
    module = module.double().eval()
    module.register_parameter("unused", nn.Parameter(torch.zeros(1, dtype=torch.float32)))
    with torch.no_grad():
        found = export(_Double(module), shape)
    built = build_graph(found.graph)
    state = {**{f"module.{key}": value for key, value in module.state_dict().items()}, **found.constants}
    built.load_state_dict({key: state[key] for key in found.graph.tensors}, assign=True)
    return built.requires_grad_(False)


class _Double(nn.Module):
    """Takes the float32 images of the tracer."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x.double())


def by_autograd(function: Callable[[Tensor], Tensor], gradient: Tensor, shape: tuple[int, ...]) -> Tensor:
    x = torch.randn(len(gradient), *shape, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(function(x), x, gradient)
    return found


def expect_equal(
    module: nn.Module, surrogate: Callable[[Tensor], Tensor], masks: Sequence[Tensor | None] | None = None
) -> Pullback:
    torch.manual_seed(1)
    pull = Pullback(traced(module), SHAPE)
    gradient = torch.randn(3, *pull.output_shape, dtype=torch.float64)
    expected = by_autograd(surrogate, gradient, SHAPE)
    torch.testing.assert_close(pull(gradient, masks), expected, rtol=1e-11, atol=1e-11)
    assert expected.abs().max() > 0
    return pull


def with_statistics(module: nn.BatchNorm2d) -> nn.BatchNorm2d:
    assert module.running_var is not None
    assert module.running_mean is not None
    module.running_var.uniform_(0.5, 2)
    module.running_mean.normal_()
    return module


def written(x: Tensor) -> Tensor:
    """Values that are put into parts of a tensor, and what they replace."""
    y = 2 * x
    y[:, 1:3, ::2] = x[:, :2, :3]
    y[:, :, 1].zero_()
    y[:, [0, 2]] = 3 * x[:, 2:]
    y[:, 3, 2:4] *= 7
    return y


LINEAR: dict[str, nn.Module] = {
    "conv": nn.Conv2d(4, 6, 3, stride=2, padding=1),
    "conv leaves rows over": nn.Conv2d(4, 6, 3, stride=(2, 3)),
    "dilated grouped conv": nn.Conv2d(4, 6, (3, 1), stride=(2, 3), padding=(2, 0), dilation=(2, 1), groups=2),
    "depthwise conv": nn.Conv2d(4, 4, 5, padding=2, groups=4),
    "conv padding same": nn.Conv2d(4, 6, 3, padding="same"),
    "conv with reflection": nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
    "transposed conv": nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1, groups=1),
    "linear": nn.Sequential(nn.Flatten(), nn.Linear(192, 5)),
    "linear on maps": nn.Linear(8, 5),
    "batch norm": with_statistics(nn.BatchNorm2d(4)),
    "average pool": nn.AvgPool2d(3, 2, padding=1, ceil_mode=True, count_include_pad=False),
    "adaptive pool": nn.AdaptiveAvgPool2d((4, 3)),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    "bicubic": nn.Upsample(size=(9, 9), mode="bicubic"),
    "nearest": nn.Upsample(size=(20, 13), mode="nearest"),
    "pad": nn.ZeroPad2d((1, 2, 0, 3)),
    "pixel shuffle": nn.PixelShuffle(2),
    "dropout": nn.Sequential(nn.Dropout(), nn.Conv2d(4, 2, 1), nn.Dropout2d()),
    "residual": Call(lambda x: x + 0.5 * x.flip(3) - x.roll(1, 2) / 3),
    "concatenation": Call(lambda x: torch.cat([x, x[:, 1:3, ::2].repeat(1, 1, 2, 1), -x], 1)),
    "tokens and back": Call(
        lambda x: x.flatten(2).transpose(1, 2).reshape(x.shape[0], 6, 8, 4).permute(0, 3, 1, 2)
    ),
    "splits": Call(lambda x: torch.cat([a * (i + 1) for i, a in enumerate(x.chunk(2, 1))], 1)),
    "split sizes": Call(lambda x: torch.split(x, [1, 3], 1)[1]),
    "unbind and stack": Call(lambda x: torch.stack(x.unbind(1)[::-1], 2)),
    "means and sums": Call(lambda x: x.mean((2, 3), keepdim=True) + x.sum(1, keepdim=True)),
    "selection": Call(lambda x: x[:, torch.tensor([3, 0, 0])][:, :, 2].squeeze(1).unsqueeze(2)),
    "einsum with weights": Call(
        lambda x: torch.einsum("nchw,cd->ndhw", x, torch.arange(12.0).double().view(4, 3))
    ),
    "masked": Call(lambda x: x.masked_fill(torch.arange(8) > 3, 0.0)),
    "written into": Call(lambda x: written(x)),
    "reshape as": Call(lambda x: x.flatten(1).reshape_as(x) * 2),
    "where": Call(lambda x: torch.where(torch.arange(8) > 3, x, 2 * x)),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_operations_are_transposed_exactly(name: str) -> None:
    module = LINEAR[name]
    expect_equal(module, module)


SLOPES: dict[str, tuple[nn.Module, float, float]] = {
    "relu": (nn.ReLU(), 0.0, 1.0),
    "relu6": (nn.ReLU6(), 0.0, 1.0),
    "leaky": (nn.LeakyReLU(0.2), 0.2, 1.0),
    "prelu": (nn.PReLU(4, 0.25), 0.25, 1.0),
    "elu": (nn.ELU(), 0.0, 1.0),
    "selu": (nn.SELU(), 0.0, 1.0507009873554805),
    "gelu": (nn.GELU(), 0.0, 1.0),
    "gelu by tanh": (nn.GELU("tanh"), 0.0, 1.0),
    "silu": (nn.SiLU(), 0.0, 1.0),
    "mish": (nn.Mish(), 0.0, 1.0),
    "hardswish": (nn.Hardswish(), 0.0, 1.0),
    "clamp": (Call(lambda x: x.clamp(min=0)), 0.0, 1.0),
    "threshold": (nn.Threshold(0.1, 0), 0.0, 1.0),
    "rrelu": (nn.RReLU(0.1, 0.3), 0.2, 1.0),
}


@pytest.mark.parametrize("name", SLOPES)
def test_rectifiers_are_masks(name: str) -> None:
    module, lower, upper = SLOPES[name]
    mask = (torch.rand(3, *SHAPE, generator=torch.Generator().manual_seed(0)) < 0.5).double()
    pull = expect_equal(module, lambda x: x * (lower + (upper - lower) * mask), [mask])
    assert pull.relu_shapes == [SHAPE]
    expect_equal(module, lambda x: x * upper)
    shared = mask[:, :1]
    expect_equal(module, lambda x: x * (lower + (upper - lower) * shared), [shared])


class Recurrent(nn.Module):
    """What enters a recurrent layer: the first step's part of its result."""

    def __init__(self, rnn: nn.RNNBase) -> None:
        super().__init__()
        self.rnn = rnn

    def forward(self, x: Tensor) -> Tensor:
        result, _ = self.rnn(x[:, 0])
        return result[:, 0]


class Cell(nn.Module):
    """One step of a recurrent cell, and what it gives."""

    def __init__(self, rnn: nn.RNNCellBase) -> None:
        super().__init__()
        self.rnn = rnn

    def forward(self, x: Tensor) -> Tensor:
        result = self.rnn(x[:, 0, 0])
        return result[0] if isinstance(result, tuple) else result


def first_step(module: Recurrent | Cell, share: float) -> Callable[[Tensor], Tensor]:
    """By its derivative at 0: of an LSTM's σ(0) tanh(σ(0) W_g x), a quarter of W_g x.

    Of a GRU's (1 - σ(0)) tanh(W_n x), a half of W_n x; of a plain one's tanh(W x), W x.
    """
    name = "weight_ih_l0" if isinstance(module, Recurrent) else "weight_ih"
    weight = module.get_parameter(f"rnn.{name}").detach()
    weight = weight[10:15] if len(weight) > 5 else weight
    return lambda x: x[:, 0, 0] @ weight.double().T * share


class Excite(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.conv, self.gate = nn.Conv2d(4, 4, 1), gate

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.conv(x.mean((2, 3), keepdim=True)))


class Attention(nn.Module):
    """Over positions; with torch's fused function, or by hand."""

    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.mix, self.fused = nn.Linear(4, 12), fused

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.mix(x.flatten(2).transpose(1, 2)).chunk(3, 2)
        if self.fused:
            return F.scaled_dot_product_attention(q, k, v)
        return (q @ k.transpose(1, 2) / 2).softmax(-1) @ v


def mean_attention(module: Attention) -> Callable[[Tensor], Tensor]:
    """Attention that looks everywhere alike: every position receives the mean of the values."""

    def function(x: Tensor) -> Tensor:
        v = module.mix(x.flatten(2).transpose(1, 2))[..., 8:]
        return v.mean(1, keepdim=True).expand_as(v)

    return function


def centred(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return x - x.mean(axes, keepdim=True)


def with_gain(module: nn.Module) -> nn.Module:
    weight = module.get_parameter("weight")
    nn.init.normal_(weight, generator=torch.Generator().manual_seed(3))
    return module


def gain(module: nn.Module, axes: int = 0) -> Tensor:
    weight = module.get_parameter("weight").detach()
    return weight.view(-1, *[1] * axes)


LSTM, GRU, RNN = (Recurrent(kind(8, 5, bias=False, batch_first=True)) for kind in (nn.LSTM, nn.GRU, nn.RNN))
LSTM_CELL, GRU_CELL, RNN_CELL = (
    Cell(kind(8, 5, bias=False)) for kind in (nn.LSTMCell, nn.GRUCell, nn.RNNCell)
)
FUSED, MANUAL = Attention(True), Attention(False)
LAYER, GROUP, RMS = (
    with_gain(nn.LayerNorm([6, 8])),
    with_gain(nn.GroupNorm(2, 4)),
    with_gain(nn.RMSNorm(8)),
)
INSTANCE = with_gain(nn.InstanceNorm2d(4, affine=True))
SURROGATES: dict[str, tuple[nn.Module, Callable[[Tensor], Tensor]]] = {
    "max pool": (nn.MaxPool2d(2), nn.AvgPool2d(2)),
    "overlapping max pool": (nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 2, 1)),
    "max pool rounded up": (nn.MaxPool2d(3, 2, ceil_mode=True), nn.AvgPool2d(3, 2, ceil_mode=True)),
    "adaptive max pool": (nn.AdaptiveMaxPool2d(2), nn.AdaptiveAvgPool2d(2)),
    "maximum over positions": (Call(lambda x: x.amax((2, 3))), lambda x: x.mean((2, 3))),
    "maximum along an axis": (Call(lambda x: x.max(2).values), lambda x: x.mean(2)),
    "maximum of two": (Call(lambda x: torch.maximum(x, x.flip(1))), lambda x: (x + x.flip(1)) / 2),
    "sigmoid": (nn.Sigmoid(), lambda x: x / 4),
    "hardsigmoid": (nn.Hardsigmoid(), lambda x: x / 6),
    "tanh": (nn.Tanh(), lambda x: x),
    "a clip": (nn.Hardtanh(-1, 1), lambda x: x),
    "gate": (Excite(nn.Sigmoid()), lambda x: x / 2),
    "hard gate": (Excite(nn.Hardsigmoid()), lambda x: x / 2),
    "gated linear unit": (Call(lambda x: F.glu(torch.cat([x, x.flip(1)], 1), 1)), lambda x: x / 2),
    "one and a gate": (Call(lambda x: x * (1 + torch.sigmoid(x))), lambda x: 1.5 * x),
    "lstm": (LSTM, first_step(LSTM, 1 / 4)),
    "gru": (GRU, first_step(GRU, 1 / 2)),
    "plain recurrence": (RNN, first_step(RNN, 1)),
    "lstm cell": (LSTM_CELL, first_step(LSTM_CELL, 1 / 4)),
    "gru cell": (GRU_CELL, first_step(GRU_CELL, 1 / 2)),
    "plain cell": (RNN_CELL, first_step(RNN_CELL, 1)),
    "softmax": (nn.Softmax(1), lambda x: centred(x, (1,)) / 4),
    "fused attention": (FUSED, mean_attention(FUSED)),
    "attention by hand": (MANUAL, mean_attention(MANUAL)),
    "layer norm": (LAYER, lambda x: centred(x, (2, 3)) * gain(LAYER).view(6, 8)),
    "group norm": (
        GROUP,
        lambda x: centred(x.reshape(-1, 2, 2, 6, 8), (2, 3, 4)).reshape(x.shape) * gain(GROUP, 2),
    ),
    "instance norm": (INSTANCE, lambda x: centred(x, (2, 3)) * gain(INSTANCE, 2)),
    "rms norm": (RMS, lambda x: x * gain(RMS).view(8)),
    "rms norm by hand": (Call(lambda x: x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-9)), lambda x: x),
    "by a norm": (Call(lambda x: F.normalize(x, dim=1)), lambda x: x),
}


@pytest.mark.parametrize("name", SURROGATES)
def test_what_is_not_linear_has_its_surrogate(name: str) -> None:
    module, surrogate = SURROGATES[name]
    pull = Pullback(traced(module), SHAPE)
    gradient = torch.randn(3, *pull.output_shape, dtype=torch.float64)
    expected = by_autograd(surrogate, gradient, SHAPE)
    torch.testing.assert_close(pull(gradient), expected, rtol=1e-6, atol=1e-7)
    assert expected.abs().max() > 0


def test_every_pullback_says_where_it_is_from() -> None:
    for row in ROWS.values():
        assert (row.pull is None) == (row.nominal is None) == (not row.source), row.name


def test_it_is_linear_in_the_gradient() -> None:
    pull = Pullback(traced(nn.Sequential(nn.Conv2d(4, 4, 3), nn.GELU(), Excite(nn.Sigmoid()))), SHAPE)
    one, other = torch.randn(2, 2, *pull.output_shape, dtype=torch.float64)
    torch.testing.assert_close(pull(one + 3 * other), pull(one) + 3 * pull(other))


def test_an_operation_without_a_pullback_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rounding = Call(lambda x: x.round())

        def forward(self, x: Tensor) -> Tensor:
            return self.rounding(x)

    module = traced(Net())
    message = r"^module\.rounding.*: operation 'round' has no pullback; .*legonet\.register_operation; "
    with pytest.raises(DistillError, match=message):
        Pullback(module, SHAPE)
    monkeypatch.setitem(ROWS, "round", ROWS["round"])  # put back afterwards
    monkeypatch.setattr("legonet.registration._MODULES", {})

    # As docs/method.md tells to do it.
    told = (Path(__file__).parents[2] / "docs" / "method.md").read_text(encoding="utf-8")
    example = told.partition("## An operation without a pullback")[2].split("```")[1].removeprefix("python")
    exec(example, {})  # noqa: S102 - our own
    gradient = torch.randn(2, *SHAPE, dtype=torch.float64)
    assert torch.equal(Pullback(module, SHAPE)(gradient), gradient)
    with pytest.raises(LegonetError, match=r"^operation 'round': found it defined in the script"):
        registered_modules()


def test_windows_of_an_image_have_masks_of_their_own() -> None:
    """One image is four windows, so that the first axis is not the batch."""
    module = traced(
        Call(lambda x: (x.reshape(x.shape[0] * 4, 1, 6, 8).relu() * 2).reshape(x.shape[0], 4, 6, 8))
    )
    pull = Pullback(module, SHAPE)
    assert pull.relu_shapes == [(4, 1, 6, 8)]
    gradient = torch.randn(3, *SHAPE, dtype=torch.float64)
    mask = (torch.rand(3, 4, 1, 6, 8) < 0.5).double()
    torch.testing.assert_close(pull(gradient, [mask]), 2 * gradient * mask.squeeze(2))
