"""A model of any kind becomes operations that compute the same, bit for bit."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from legonet.errors import TeacherError
from legonet.ir.cuts import cut_points
from legonet.ir.graph import ModelGraph, graph_from_data
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.sizes import crosses_batch, output_shape
from legonet.ir.split import cut_at
from legonet.teachers.cut_points import at_fraction, list_cut_points
from legonet.teachers.cutting import resolve
from legonet.teachers.tracing.export import export
from legonet.teachers.tracing.traced import Traced

SHAPE = (3, 16, 16)


class Branched(nn.Module):
    """In-place operations, a shared ReLU, a gate, dropout, a constant and a buffer that no state dict has."""

    shift: Tensor
    index: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.inner = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.gate = nn.Conv2d(8, 8, 1)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(16, 2)
        self.unused = nn.Linear(3, 3)
        self.register_buffer("index", torch.tensor([1, 0, 3, 2, 5, 4, 7, 6]), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        x = self.relu(self.norm(self.stem(images)))
        y = self.inner(x)
        y += x
        y = self.relu(y)
        y = y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))
        mask = y.new_zeros(8, 8)
        mask[2:4] = 1.5
        y = y[:, self.index] + mask
        first, second = torch.cat([y, -y], 1).chunk(2, 1)
        z = functional.max_pool2d(first - second.view(images.shape[0], 8, 8, 8), 2).flatten(2)
        z = torch.cat([z.amax(2), z.mean(2)], 1)
        return self.head(self.drop(z))


class UNet(nn.Module):
    """Skips from each step down to its step up."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2, self.mid = _conv(3, 2), _conv(2, 4), _conv(4, 8)
        self.up2, self.up1, self.head = _conv(12, 4), _conv(6, 2), nn.Conv2d(2, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        first = self.down1(images)
        second = self.down2(functional.max_pool2d(first, 2))
        x = functional.interpolate(self.mid(functional.max_pool2d(second, 2)), scale_factor=2.0)
        x = functional.interpolate(self.up2(torch.cat([x, second], 1)), scale_factor=2.0)
        return self.head(self.up1(torch.cat([x, first], 1)))


def _conv(source: int, target: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(source, target, 3, padding=1), nn.ReLU())


@pytest.mark.parametrize(
    ("cut", "crossing"),
    [
        ("down2", "2 tensors cross at 'down2': down1, down2"),
        ("mid", "3 tensors cross at 'mid': down1, down2, mid"),
        ("up2", "2 tensors cross at 'up2': down1, up2"),
    ],
)
def test_skips_cross_with_the_features(cut: str, crossing: str) -> None:
    operations = export(UNet(), (3, 16, 16), where="unet").graph
    with pytest.raises(TeacherError) as caught:
        cut_at(operations, cut, where="unet")
    assert str(caught.value) == (
        f"unet: {crossing}; expected a place that one tensor crosses; cut at 'down1' below or 'cat_2' above"
    )
    found = {cut.module: cut.recommended for cut in list_cut_points(operations, (3, 16, 16), "unet")}
    assert found["down1"]
    assert found["cat_2"]
    for place in found:
        resolve(operations, place, (3, 16, 16), "unet")


def test_the_recommended_places_are_ends_of_modules() -> None:
    class Block(nn.Module):
        def __init__(self, cost: int) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, cost, padding=cost // 2)

        def forward(self, x: Tensor) -> Tensor:
            x = x + self.first(x)
            return x + self.second(x)

    operations = export(nn.Sequential(nn.Conv2d(3, 2, 1), Block(3), Block(5)), (3, 16, 16)).graph
    found = [cut.module for cut in list_cut_points(operations, (3, 16, 16)) if cut.recommended]
    assert found == ["1"]
    assert at_fraction(operations, (3, 16, 16), 0.34, "model")[0] == "2.add_1"  # as near as can be


class Several(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 2, 1)
        self.b = nn.Conv2d(2, 4, 1)

    def forward(self, images: Tensor) -> dict[str, Any]:
        low = self.a(images)
        return {"low": low, "high": [self.b(low.relu())]}


def filled(operations: ModelGraph, module: nn.Module, found: Traced) -> GraphModule:
    built = build_graph(graph_from_data(operations.data()))
    state = {**module.state_dict(), **found.constants}
    built.load_state_dict({name: state[name].clone() for name in operations.tensors})
    return built


def expect_the_same(module: nn.Module, shape: tuple[int, ...]) -> Traced:
    module.eval()
    found = export(module, shape)
    for batch in (1, 3):
        images = torch.randn(batch, *shape)
        with torch.no_grad():
            wanted = module(images)
            wanted = wanted["out"] if isinstance(wanted, dict) else wanted
            assert torch.equal(filled(found.graph, module, found)(images), wanted)
            places = cut_points(found.graph)
            for cut in (places[0], places[len(places) // 2], places[-1]):
                f, g = (filled(part, module, found) for part in cut_at(found.graph, cut).parts)
                assert torch.equal(g(f(images)), wanted), cut
                addresses = {each.data_ptr() for each in itertools.chain(f.parameters(), f.buffers())}
                assert not addresses & {
                    each.data_ptr() for each in itertools.chain(g.parameters(), g.buffers())
                }
    return found


def test_a_model_with_everything() -> None:
    torch.manual_seed(0)
    module = Branched()
    module.norm.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    module.train()
    found = export(module, SHAPE)
    assert module.training
    assert module.drop.training
    expect_the_same(module, SHAPE)
    assert set(found.constants) == {"constants.0", "constants.1"}
    assert not any(name.startswith("unused") for name in found.graph.tensors)
    assert {"norm.running_var", "stem.weight"} <= set(found.graph.tensors)
    assert found.graph.tensors["norm.running_var"].buffer
    assert not found.graph.tensors["stem.weight"].buffer
    names = list(found.graph.steps)
    assert names[:4] == ["stem", "norm", "relu_1", "inner"]
    assert not any("dropout" in step.function for step in found.graph.steps.values())


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5"])
def test_torchvision(name: str) -> None:
    torch.manual_seed(0)
    expect_the_same(torchvision.models.get_model(name, weights=None), (3, 32, 32))


def test_segmentation_gives_its_output_called_out() -> None:
    torch.manual_seed(0)
    model = torchvision.models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None)
    expect_the_same(model, (3, 32, 32))


def test_a_model_on_the_meta_device() -> None:
    with torch.device("meta"):
        model = torchvision.models.resnet18()
    assert export(model, SHAPE).graph.tensors["fc.weight"].shape == (1000, 512)


class Modes(nn.Module):
    """Parts without autocast and without gradients, one inside the other."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast(device_type="cpu", enabled=False):
            a = self.conv(images).relu_()
            b = a + 1
            with torch.no_grad():
                c = self.conv(b)
        return a * 2 + b * c


def test_parts_without_autocast_and_gradients() -> None:
    found = expect_the_same(Modes(), SHAPE)
    assert [step.function for step in found.graph.steps.values()][:2] == ["conv2d", "relu"]


class Autocast(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
            return images @ images.transpose(2, 3)


class WithoutFeatures(nn.Module):
    """A decoder that joins what its encoder has of each size, which of one is nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        nothing = torch.empty(images.shape[0], 0, 16, 16, device=images.device)
        return self.head(torch.cat([self.stem(images).relu(), nothing], 1))


def test_a_map_without_a_channel() -> None:
    found = expect_the_same(WithoutFeatures(), SHAPE)
    assert output_shape(found.graph, SHAPE) == (2, 16, 16)
    assert not crosses_batch(found.graph, SHAPE)


def test_one_of_several_outputs() -> None:
    found = export(Several(), SHAPE, output="high.0")
    assert list(found.graph.steps) == ["a", "relu", "b"]
    assert list(export(Several(), SHAPE, output="low").graph.steps) == ["a"]
    with pytest.raises(
        TeacherError, match=r"^m: it gives 2 outputs: low, high\.0; expected one; name the one"
    ):
        export(Several(), SHAPE, where="m")
    with pytest.raises(TeacherError, match=r"no output 'hi'; outputs are low, high\.0"):
        export(Several(), SHAPE, output="hi")


class Condition(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        if images.mean() > 0:
            return images
        return -images


class Loop(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        for _ in range(int(images.sum())):
            images = images + 1
        return images


class OneBatch(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.view(2, -1)


class Drawing(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images + torch.rand_like(images)


class TwoInputs(nn.Module):
    def forward(self, images: Tensor, scale: Tensor) -> Tensor:
        return images * scale


class Broken(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        raise ValueError("a bug of its own")


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            Condition(),
            r"^m: Condition cannot be traced at .*test_export\.py:\d+: a condition or a loop follows",
        ),
        (
            Loop(),
            r"^m: Loop cannot be traced at .*test_export\.py:\d+: a condition or a loop follows the values",
        ),
        (OneBatch(), "it computes for one batch size only"),
        (
            Drawing(),
            r"^m: the operation 'rand_like' is not on legonet's list .*, at .*test_export\.py:\d+; expected",
        ),
        (Autocast(), "^m: computes with other types of numbers by autocast"),
        (
            TwoInputs(),
            "the forward pass of TwoInputs takes 2 arguments, images and scale; expected images alone",
        ),
        (Broken(), r"cannot be traced at .*test_export\.py:\d+: a bug of its own; expected a forward pass"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_models_that_cannot_be_taken_in(module: nn.Module, message: str) -> None:
    with pytest.raises(TeacherError, match=message):
        export(module, SHAPE, where="m")


def test_torchs_own_reports_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the graph that it got so far, and logs; the error says where and why."""

    class Talks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            print("so far")
            logging.getLogger("torch.fx").critical("so far")
            return x if x.sum() > 0 else -x

    with pytest.raises(TeacherError, match="a condition or a loop follows the values of a tensor"):
        export(Talks(), (3, 8, 8))
    assert capsys.readouterr() == ("", "")
    assert logging.root.manager.disable == 0
