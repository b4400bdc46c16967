"""What a model's code means, where tracing or the conversion to float32 would read it otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms import Normalize

from legonet.errors import TeacherError
from tests.teachers.tracing.test_plain import expect_taken_in, teacher

PROTOTYPES = torch.rand(5, 4, generator=torch.Generator().manual_seed(0))
HALF = torch.tensor([True, False, True, False])


class Net(nn.Module):
    """A convolution, and what is still done with its features."""

    def __init__(
        self, after: Callable[[Tensor], Tensor], before: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.after, self.before = nn.Conv2d(3, 4, 3, padding=1), after, before

    def forward(self, images: Tensor) -> Tensor:
        return self.after(self.conv(images if self.before is None else self.before(images)))


CASTS: dict[torch.dtype, Callable[[Tensor], Tensor]] = {
    torch.float16: lambda x: x.half() + torch.ones((), dtype=torch.float16),
    torch.bfloat16: lambda x: x.to(torch.bfloat16),
    torch.float64: lambda x: x.type(torch.float64).double().to(dtype=torch.float64),
}


@pytest.mark.parametrize("dtype", CASTS)
def test_casts_to_the_weights_type_are_to_float32(dtype: torch.dtype) -> None:
    """As weights are: a model in half precision that casts its images is the same model in float32."""
    model = Net(lambda x: x.mean((2, 3)), CASTS[dtype]).to(dtype).eval()
    plain = Net(lambda x: x.mean((2, 3)), lambda x: x + 1 if dtype == torch.float16 else x).to(dtype).float()
    source = expect_taken_in(model, "conv", like=plain)
    assert source.notes == (f"its weights were converted from {str(dtype)[6:]} to float32",)
    assert "to.dtype" not in {step.function for step in source.cut().graph.steps.values()}
    assert model.conv.weight.dtype == dtype


def test_another_cast_stays() -> None:
    source = expect_taken_in(Net(lambda x: x.double().mean((2, 3)).float()).eval(), "conv")
    assert "to.dtype" in {step.function for step in source.cut().graph.steps.values()}


class Raw(Net):
    def forward(self, images: Tensor) -> Tensor:
        images.data.mul_(2)
        return self.after(functional.conv2d(images, self.conv.weight.data, self.conv.bias.data))  # type: ignore[union-attr]


def test_data_of_a_tensor_is_the_tensor() -> None:
    source = expect_taken_in(Raw(lambda x: x.relu().mean((2, 3))).eval(), "relu")
    assert set(source.content()) == {"conv.weight", "conv.bias"}


def checked(x: Tensor) -> Tensor:
    mean = torch.tensor([0.1, 0.2, 0.3, 0.4]).view(1, 4, 1, 1)
    if (mean == 0).any():
        raise ValueError("a mean of nothing")
    for number in torch.arange(1, 4).tolist():
        x = x - mean * number
    return x


@pytest.mark.parametrize(
    "after", [checked, Normalize([0.5] * 4, [0.2] * 4), Normalize([0.5] * 4, [0.2] * 4, True)]
)
def test_conditions_may_follow_constants(after: Callable[[Tensor], Tensor]) -> None:
    expect_taken_in(Net(after).eval(), "conv")


@pytest.mark.parametrize(
    "after",
    [
        lambda x: torch.where(torch.greater(x, x.flip(1)), torch.clip(x, 0, 1), torch.negative(x)),
        lambda x: torch.special.expit(torch.absolute(x)) * torch.arctan2(x, x + 1),
        lambda x: x[:, HALF],
        lambda x: torch.complex(x, x + 1).abs(),
        lambda x: torch.cdist(x.mean((2, 3))[:, None], PROTOTYPES[None])[:, 0],
        lambda x: torch.cummax(x, 2)[0],
    ],
)
def test_operations_of_other_names(after: Callable[[Tensor], Tensor]) -> None:
    expect_taken_in(Net(after).eval(), "conv")


def test_a_constant_that_is_laid_out_anew_is_rounding() -> None:
    bias = torch.zeros(5)
    source = teacher(Net(lambda x: torch.addmm(bias, x.mean((2, 3)), PROTOTYPES.T)).eval(), "conv")
    assert set(source.content()) >= {"conv.weight", "conv.bias"}
    assert all("up to rounding" in each for each in source.notes)


def prepared() -> nn.Module:
    from torch.ao.quantization import FakeQuantize

    return nn.Sequential(nn.Conv2d(3, 4, 3), FakeQuantize())


class ByName(nn.Module):
    def forward(self, *, pixel_values: Tensor) -> Tensor:
        return pixel_values


class ByAnyName(nn.Module):
    def forward(self, **given: Tensor) -> Tensor:
        return given["x"]


def scripted_inside() -> nn.Module:
    with pytest.warns(DeprecationWarning if torch.__version__ < "2.14" else FutureWarning):
        return nn.Sequential(nn.Conv2d(3, 4, 3), torch.jit.script(nn.ReLU()))


class Keyed(Net):
    """Keeps what it computed by the whole shape that it saw."""

    def forward(self, images: Tensor) -> Tensor:
        x, kept = self.conv(images), dict[torch.Size, float]()
        return x * kept.setdefault(x.shape, 2.0)


class Detector(Net):
    """As those of torchvision: what it gives follows the values of boxes."""

    __module__ = "torchvision.models.detection.fcos"

    def forward(self, images: Tensor) -> Tensor:
        found = self.conv(images)
        return found[found.amax((1, 2, 3)) > 0.5] if found.max() > 0.5 else found


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Keyed(torch.relu), r"at .*test_meant\.py:\d+: it keeps values for one number of images"),
        (lambda: Detector(torch.relu), "Detector is a detector, .* give its `backbone` .*, or a module of"),
        (prepared, r"cat\.1: it is prepared for quantisation \(FakeQuantize\); .* before it was prepared"),
        (scripted_inside, r"cat\.1: it is a TorchScript model; expected the Python model"),
        (ByName, r"takes no argument but by name, pixel_values; .* self\.model\(pixel_values=images\)"),
        (ByAnyName, r"takes no argument but by name; .* self\.model\(name=images\)"),
        (
            lambda: Net(lambda x: x[x > 0]),
            r"an index by truth values, .* at .*test_meant\.py:\d+; .* rewrite",
        ),
        (
            lambda: Net(torch.vmap(lambda x: x * 2)),
            r"'_add_batch_dim', which is not an operation on tensors, at",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")  # torch's quantisation is deprecated, and people have such models
def test_models_that_are_refused(make: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(TeacherError, match=message):
        teacher(make().eval(), 0.5)  # type: ignore[arg-type]
