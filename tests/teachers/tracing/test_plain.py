"""Models as people have them: hooked, patched, wrapped, parametrized, in other types, called before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune

from legonet.errors import TeacherError
from legonet.ir.modules import make_module
from legonet.teachers.from_module import from_module
from legonet.teachers.new_teacher import NewTeacher
from legonet.teachers.sources.memory import MemoryTeacher
from legonet.teachers.tracing.outputs import read_output

SHAPE = (3, 8, 8)


def chain(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 1)).eval()


def teacher(model: nn.Module, cut: str = "0", output: str | None = None) -> MemoryTeacher:
    return from_module(NewTeacher("cat", model, "cat", "classify", cut, output), SHAPE)[0]


def composed(source: MemoryTeacher) -> nn.Sequential:
    parts = source.parts()
    return nn.Sequential(*(make_module(half.graph, half.tensors) for half in (parts.below, parts.above)))


def expect_taken_in(
    model: nn.Module, cut: str = "0", output: str | None = None, like: nn.Module | None = None
) -> MemoryTeacher:
    """Its two parts give the very bits of the model, or of the one that it is like."""
    source = teacher(model, cut, output)
    images = torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = read_output(output, "")((like or model)(images.clone()))
        assert torch.equal(composed(source)(images), wanted)
    return source


class Doubled(nn.Sequential):
    def __call__(self, images: Tensor) -> Tensor:
        return super().__call__(images) * 2


def hooked() -> nn.Module:
    model = chain()
    model.register_forward_hook(lambda _, given, result: result.add(1))
    return model


def hooked_before() -> nn.Module:
    model = chain()
    model.register_forward_pre_hook(lambda _, given: (given[0] * 2,))
    return model


def patched() -> nn.Module:
    model = chain()
    forward = model.forward
    model.forward = lambda images: forward(images) * 3  # type: ignore[method-assign]
    return model


def low_rank() -> nn.Module:
    """A leaf whose forward pass was replaced on the instance, as wrappers for fine-tuning do."""
    model = chain()
    leaf, forward, added = model[3], model[3].forward, torch.randn(256, 1)
    leaf.forward = lambda features: forward(features) + features @ added  # type: ignore[method-assign]
    return model


@pytest.mark.parametrize("make", [hooked, hooked_before, patched, low_rank, lambda: Doubled(*chain())])
def test_what_is_added_to_a_chain_is_taken_in(make: Callable[[], nn.Module]) -> None:
    model, images = make(), torch.rand(2, *SHAPE)
    assert (model(images) - chain()(images)).abs().max() > 0.01
    expect_taken_in(model)


class Writing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = chain()

    def forward(self, images: Tensor) -> Tensor:
        images.mul_(2)
        return self.inner(images)


def test_a_model_may_write_into_its_images() -> None:
    expect_taken_in(Writing(), "inner.0")


class Forwarding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = chain()

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        return self.inner(*args, **kwargs)


WRAPPED: dict[str, Callable[[nn.Module], nn.Module]] = {
    "DataParallel": nn.DataParallel,
    "OptimizedModule": torch.compile,  # type: ignore[dict-item]
    "AveragedModel": torch.optim.swa_utils.AveragedModel,
}


@pytest.mark.parametrize("name", WRAPPED)
def test_wrappers_are_taken_off(name: str) -> None:
    source = expect_taken_in(WRAPPED[name](chain()), like=chain())
    assert source.notes == (f"it was taken out of {name}",)
    assert set(source.content()) == {"0.weight", "0.bias", "3.weight", "3.bias"}
    inside = chain()
    inside[0] = WRAPPED[name](inside[0])
    assert expect_taken_in(inside, like=chain()).notes == ("0 taken out of wrappers",)
    assert type(inside[0]).__name__ == name


def test_arguments_may_be_passed_on() -> None:
    expect_taken_in(Forwarding(), "inner.0")


PARAMETRIZED: dict[str, Callable[[nn.Module], object]] = {
    "weight norm": parametrizations.weight_norm,
    "spectral norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
    "old spectral norm": nn.utils.spectral_norm,
    "pruned": lambda layer: prune.random_unstructured(layer, "weight", 0.5),
}


@pytest.mark.parametrize("name", [*PARAMETRIZED, "old weight norm"])
def test_parametrizations_are_folded(name: str) -> None:
    model = chain()
    if name == "old weight norm":
        with pytest.warns(FutureWarning, match="weight_norm"):
            nn.utils.weight_norm(model[0])
    else:
        PARAMETRIZED[name](model[0])
    model.eval()
    images = torch.rand(1, *SHAPE)
    before, names = model(images), set(model.state_dict())
    source = expect_taken_in(model)
    assert set(source.content()) == {"0.weight", "0.bias", "3.weight", "3.bias"}
    assert source.notes == ("0.weight kept as the tensors that their parametrizations compute",)
    assert set(model.state_dict()) == names  # the model is as it was
    assert torch.equal(model(images), before)
    assert parametrize.is_parametrized(model[0]) == ("old" not in name and name != "pruned")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_become_float32(dtype: torch.dtype) -> None:
    model = chain().to(dtype)
    source = expect_taken_in(model, like=chain().to(dtype).float())
    assert source.notes == (f"its weights were converted from {str(dtype)[6:]} to float32",)
    assert {each.dtype for each in source.content().values()} == {"F32"}
    assert next(model.parameters()).dtype == dtype


class InDouble(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = chain()

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images).double() * 3


def test_outputs_are_float32() -> None:
    source = teacher(InDouble(), "inner.0")
    images = torch.rand(2, *SHAPE)
    found = composed(source)(images)
    assert found.dtype == torch.float32
    assert torch.equal(found, InDouble()(images).float())


class Detector(nn.Module):
    """Keeps its anchors by the shape of what it saw last, as YOLO-like heads do."""

    shape: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.anchors = nn.Conv2d(3, 4, 3, padding=1), torch.empty(0)

    def forward(self, images: Tensor) -> Tensor:
        x = self.conv(images)
        if self.shape != x.shape:
            self.shape = x.shape
            self.anchors = torch.arange(64.0).reshape(1, 1, 8, 8).expand(x.shape[0], 1, 8, 8)
        return (x * self.anchors).mean((1, 2, 3)).unsqueeze(1)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_model_that_was_called_before(batch: int) -> None:
    model = Detector().eval()
    model(torch.rand(batch, *SHAPE))
    anchors = model.anchors
    expect_taken_in(model, "conv")
    model(torch.rand(batch, *SHAPE))
    teacher(model, "conv")
    assert type(model.anchors) is Tensor  # none that torch traced with
    assert torch.equal(model.anchors, anchors)


class Stubborn(Detector):
    """Cannot be made to forget: what it keeps has to be a number."""

    def forward(self, images: Tensor) -> Tensor:
        x = super().forward(images)
        self.shape = (len(images), *self.shape[1:])
        return x


def test_what_is_kept_from_an_earlier_call_is_named() -> None:
    model = Stubborn()
    model(torch.rand(2, *SHAPE))
    with pytest.raises(
        TeacherError, match=r"it keeps anchors and shape from a call; give the model as it was"
    ):
        teacher(model, "conv")


@dataclass
class Result:
    logits: Tensor
    loss: Tensor | None = None


class Pair(NamedTuple):
    logits: Tensor
    extra: Tensor


class Giving(nn.Module):
    def __init__(self, make: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.inner, self.make = chain(), make

    def forward(self, images: Tensor) -> Any:
        return self.make(self.inner(images))


class Nameless:
    def __init__(self, value: Tensor) -> None:
        self.value = value


@pytest.mark.parametrize(
    ("make", "output"),
    [
        (lambda x: Result(x), None),
        (lambda x: Result(x), "logits"),
        (lambda x: Pair(x, x + 1), "extra"),
        (lambda x: {"loss": None, "logits": x}, None),
        (lambda x: {"parts": [x, {"a": x * 2}]}, "parts.1.a"),
        (lambda x: x.expand(-1, 4).unflatten(1, (2, 2)), "mean 1 | flatten"),
        (lambda x: {"a": x.expand(-1, 6).unflatten(1, (2, 3)), "b": x}, "a | permute 0 2 1 | select 1 0"),
        (lambda x: x[:, :, None, None].expand(-1, 1, 4, 4), "resize 8 8"),
    ],
)
def test_outputs_are_chosen_and_finished(make: Callable[[Tensor], Any], output: str | None) -> None:
    expect_taken_in(Giving(make), "inner.0", output)


@pytest.mark.parametrize(
    ("make", "output", "message"),
    [
        (
            Nameless,
            None,
            "cat: Giving gives Nameless; expected a tensor, or tensors in a dictionary, tuple or",
        ),
        (lambda x: {"a": x, "b": x}, "c", "it has no output 'c'; outputs are a, b."),
        (lambda x: {"a": None}, None, "it gives no tensor"),
        (
            lambda x: x.argmax(1, keepdim=True),
            None,
            "its output is of int64; expected floating-point numbers",
        ),
        (lambda x: x, "0 | meen 2", "output: no step 'meen'; expected one of .*Did you mean 'mean'"),
        (lambda x: x, "| permute", "output: `permute`; expected 2 to 8 whole numbers after permute"),
    ],
)
def test_outputs_that_are_refused(make: Callable[[Tensor], Any], output: str | None, message: str) -> None:
    with pytest.raises(TeacherError, match=message):
        teacher(Giving(make), "inner.0", output)


class TwoInputs(nn.Module):
    def forward(self, images: Tensor, mask: Tensor, *, scale: float) -> Tensor:
        return images * mask * scale


class Random(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = chain()

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images) + torch.randn(1)


def scripted() -> nn.Module:
    with pytest.warns(DeprecationWarning if torch.__version__ < "2.14" else FutureWarning):
        return torch.jit.script(chain())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nn.Sequential(nn.LazyConv2d(4, 3)),
            "cat.0.weight: it has no shape yet, since LazyConv2d has",
        ),
        (TwoInputs, "takes 3 arguments, images, mask and scale; expected images alone; give a module"),
        (Random, "it gives other outputs when it is called again with the same images"),
        (scripted, "it is a TorchScript model; expected the Python model"),
        (lambda: torch.tanh, "cat: it is a builtin_function_or_method; expected an nn.Module"),
    ],
)
@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_models_that_are_refused(make: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(TeacherError, match=message):
        teacher(make(), 0.5)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore")  # torch's quantisation is deprecated, and people have such models
def test_a_quantised_model_is_called_so() -> None:
    model = torch.ao.quantization.quantize_dynamic(chain(), {nn.Linear}, dtype=torch.qint8)
    with pytest.raises(TeacherError, match=r"cat\.3: it is quantised \(Linear\); expected floating-point"):
        teacher(model)


class Rotary(nn.Module):
    """Complex weights and constants."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 1)
        self.filters = nn.Parameter(torch.randn(4, 8, 5, dtype=torch.cfloat))

    def forward(self, images: Tensor) -> Tensor:
        x = torch.fft.irfft2(torch.fft.rfft2(self.conv(images)) * self.filters)
        pairs = torch.view_as_complex(x.reshape(images.shape[0], 4, 32, 2))
        x = torch.view_as_real(pairs * torch.polar(torch.ones(32), torch.arange(32.0)))
        return self.head(x.mean((2, 3)))


def test_complex_weights_and_constants_are_kept_as_pairs() -> None:
    source = expect_taken_in(Rotary().eval(), "conv")
    assert source.content()["filters"].shape == (4, 8, 5, 2)


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv1d(3, 8, 3, padding=1), nn.BatchNorm1d(8)
        self.second, self.head = nn.Conv1d(8, 6, 3, padding=1), nn.Linear(6, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.first(images.flatten(2))))
        return self.head(self.second(x).mean(2))


@pytest.mark.parametrize(
    ("cut", "shape"), [("first", (8, 64, 1)), ("relu", (8, 64, 1)), ("second", (6, 64, 1))]
)
def test_one_dimensional_convolutions_give_lines(cut: str, shape: tuple[int, ...]) -> None:
    source = expect_taken_in(Line().eval(), cut)
    assert source.cut().shape(SHAPE) == shape
