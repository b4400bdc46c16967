"""ResNet-18, MobileNetV3 and a vision transformer: all hidden units in another order are found again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from legonet.distill.alignment import align
from legonet.distill.alignment.permute import Symmetry
from legonet.distill.pullback import Pullback
from legonet.distill.synthesis.sampling import draw_masks
from legonet.ir.graph import INPUT
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import with_tensors
from legonet.ir.split import cut_at
from legonet.teachers.feature_maps import with_map
from legonet.teachers.tracing.trace import trace
from tests.distill.alignment.random_graphs import CHANNELS, SHAPE, GraphWriter, ref

IMAGE = (3, 32, 32)


def resnet() -> nn.Module:
    return awake(torchvision.models.resnet18(num_classes=3))


def mobilenet() -> nn.Module:
    return awake(torchvision.models.mobilenet_v3_small(num_classes=3))


def transformer() -> nn.Module:
    return awake(
        timm.create_model(
            "vit_small_patch16_224", img_size=32, patch_size=8, depth=2, embed_dim=96, num_classes=3
        )
    )


def awake(net: nn.Module) -> nn.Module:
    """Norms, biases and embeddings as training leaves them: no two numbers alike."""
    torch.manual_seed(0)
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point() and (tensor.ndim == 1 or name in ("cls_token", "pos_embed")):
            tensor.copy_(torch.randn_like(tensor) * 0.3 + name.endswith("weight"))
    return net.eval()


def task_module(net: nn.Module, cut: str) -> tuple[GraphModule, tuple[int, ...]]:
    """What is above a cut, in float64, and the shape that it takes: a map."""
    taken = trace(net, IMAGE)
    place = cut_at(taken.graph, cut)
    made = with_map(place, place.shape(IMAGE))
    state = {**net.state_dict(), **taken.constants}
    tensors = {name: each.double() if each.is_floating_point() else each for name, each in state.items()}
    return with_tensors(made.above, tensors), made.shape(IMAGE)


def in_any_order(module: GraphModule, shape: tuple[int, ...]) -> GraphModule:
    """All units of a module in a random order, those that its input gives included."""
    symmetry = Symmetry(module, shape)
    order = symmetry.random(torch.Generator().manual_seed(1))
    return with_tensors(module.graph, symmetry.permuted(order).module.state_dict())


def changed(module: GraphModule, other: GraphModule) -> set[str]:
    """The weights that differ."""
    theirs = other.state_dict()
    return {name for name in module.graph.tensors if not torch.equal(module.state_dict()[name], theirs[name])}


@pytest.mark.parametrize(
    ("network", "cut", "kept"),
    [
        (resnet, "layer3", {"fc.bias"}),
        (resnet, "layer3.0", {"fc.bias"}),  # the first block adds the input to what it gives
        (mobilenet, "features.3", {"classifier.3.bias"}),
        (transformer, "blocks.0", {"head.bias"}),
        (transformer, "patch_embed", {"head.bias"}),
    ],
)
def test_all_hidden_units_are_found_again(network: Callable[[], nn.Module], cut: str, kept: set[str]) -> None:
    reference, shape = task_module(network(), cut)
    tuned = with_tensors(reference.graph, {k: nudged(v) for k, v in reference.state_dict().items()})
    module = in_any_order(tuned, shape)
    counters = {name for name in module.graph.tensors if name.endswith("num_batches_tracked")}
    assert changed(module, tuned) == set(module.graph.tensors) - kept - counters
    found = align(module, reference, shape)
    assert found is not None
    assert changed(tuned, found.module) == set()
    assert found.similarity == pytest.approx(1, abs=1e-3)
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(found.module(x), module(x), rtol=1e-9, atol=1e-9)
    pull, aligned = Pullback(module, shape), Pullback(found.module, shape)
    gradient = torch.randn(2, *pull.output_shape, generator=generator, dtype=torch.float64)
    masks = draw_masks(2, pull.relu_shapes, 0.5, generator, dtype=torch.float64)
    torch.testing.assert_close(
        aligned(gradient, found.reordered(masks)), pull(gradient, masks), rtol=1e-9, atol=1e-9
    )


def nudged(tensor: Tensor) -> Tensor:
    """A tensor after some fine-tuning: a hundredth of its spread is added as noise."""
    if not tensor.is_floating_point() or tensor.numel() == 1:
        return tensor
    return tensor + 0.01 * tensor.std() * torch.randn(tensor.shape, dtype=tensor.dtype).sign()


def test_a_resnet_reordered_by_hand_is_found_again() -> None:
    """Stem, streams and the inside of every block of the whole network: the features' order changes too."""
    net, other = resnet(), resnet()
    state, generator = net.state_dict(), torch.Generator().manual_seed(3)

    def drawn(name: str) -> Tensor:
        return torch.randperm(len(state[name]), generator=generator)

    stream = drawn("conv1.weight")
    orders: dict[str, tuple[Tensor | None, Tensor | None]] = {"conv1": (stream, None), "bn1": (stream, None)}
    for stage in range(1, 5):
        below, stream = stream, stream if stage == 1 else drawn(f"layer{stage}.0.conv2.weight")
        for block in ("0", "1"):
            name, inner = f"layer{stage}.{block}", drawn(f"layer{stage}.{block}.conv1.weight")
            orders[f"{name}.conv1"] = (inner, below if block == "0" else stream)
            orders[f"{name}.bn1"] = (inner, None)
            orders[f"{name}.conv2"] = (stream, inner)
            orders[f"{name}.bn2"] = (stream, None)
        if stage > 1:
            orders[f"layer{stage}.0.downsample.0"] = (stream, below)
            orders[f"layer{stage}.0.downsample.1"] = (stream, None)
    orders["fc"] = (None, stream)
    other.load_state_dict(reordered(state, orders))
    x = torch.randn(2, *IMAGE, generator=generator)
    torch.testing.assert_close(other(x), net(x), rtol=1e-4, atol=1e-4)

    reference, shape = task_module(net, "layer2.0")
    module, _ = task_module(other, "layer2.0")
    assert len(changed(module, reference)) > 60
    found = align(module, reference, shape)
    assert found is not None
    assert changed(reference, found.module) == set()
    features = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(found.module(features), module(features), rtol=1e-9, atol=1e-9)


def reordered(
    state: Mapping[str, Tensor], orders: Mapping[str, tuple[Tensor | None, Tensor | None]]
) -> dict[str, Tensor]:
    """Tensors with rows and columns in other orders, by the module that they belong to."""
    result = dict(state)
    for name, tensor in state.items():
        if tensor.ndim:
            rows, columns = orders[name.rpartition(".")[0]]
            tensor = tensor if rows is None else tensor[rows]
            result[name] = tensor if columns is None or tensor.ndim == 1 else tensor[:, columns]
    return result


def test_a_dense_block_right_above_the_cut() -> None:
    """Its layers take the channels in any order, beside other units and by themselves."""
    write = GraphWriter(0)
    first = write.call("conv2d", ref(INPUT), write.weight(6, CHANNELS, 1, 1))
    joined = write.call("cat", [ref(INPUT), ref(write.call("relu", ref(first)))], 1)
    above = write.call("relu", ref(write.call("conv2d", ref(joined), write.weight(4, CHANNELS + 6, 1, 1))))
    pooled = write.call("mean.dim", ref(above), [2, 3])
    reference = write.module(write.call("linear", ref(pooled), write.weight(2, 4)))
    module = in_any_order(reference, SHAPE)
    found = align(module, reference, SHAPE)
    assert found is not None
    x = torch.randn(2, *SHAPE, dtype=torch.float64)
    torch.testing.assert_close(found.module(x), module(x), rtol=1e-9, atol=1e-9)


def test_a_model_without_weights() -> None:
    write = GraphWriter(0)
    halves = write.call("chunk", ref(INPUT), 2, 1)
    module = write.module(write.call("getitem", ref(halves), 1))
    symmetry = Symmetry(module, SHAPE)
    made = symmetry.permuted(symmetry.random(torch.Generator().manual_seed(1))).module
    x = torch.randn(2, *SHAPE, dtype=torch.float64)
    torch.testing.assert_close(made(x), module(x))
