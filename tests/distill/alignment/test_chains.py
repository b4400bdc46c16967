"""Chains: their units are found again whatever their order, and whatever the channels at the cut."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from legonet.blocks.build import leaves, lowered
from legonet.distill.alignment import Alignment, align, in_one_order
from legonet.teachers.statistics import record


def task_module() -> nn.Sequential:
    """Convolutions, pooling and linear layers for features (4, 8, 8)."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 16),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(16, 1),
    ).eval()


def classifier() -> nn.Sequential:
    return task_module().double()


def segmenter() -> nn.Sequential:
    """Batch norm, a transposed convolution and upsampling: all that keeps channels apart."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(6)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    nn.init.normal_(norm.weight)
    return (
        nn.Sequential(
            nn.Conv2d(4, 6, 3, padding=1, bias=False),
            norm,
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.ConvTranspose2d(6, 7, 2, stride=2),
            nn.ReLU(),
            nn.Identity(),
            nn.Conv2d(7, 5, 1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Conv2d(5, 1, 1),
        )
        .double()
        .eval()
    )


CHAINS = {"classifier": classifier, "segmenter": segmenter}


def shuffled(chain: nn.Sequential, generator: torch.Generator) -> tuple[nn.Sequential, list[Tensor]]:
    """The same function with hidden units in a random order, written layer by layer with index arithmetic."""
    result = copy.deepcopy(chain)
    weighted = [
        each for _, each in leaves(result) if isinstance(each, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    ]
    order: Tensor | None = None
    relu_orders: list[Tensor] = []
    with torch.no_grad():
        for _, layer in leaves(result):
            if isinstance(layer, nn.ReLU):
                assert order is not None
                relu_orders.append(order)
            if isinstance(layer, nn.BatchNorm2d) and order is not None:
                for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                    assert tensor is not None
                    tensor.copy_(tensor.clone()[order])
            if not any(layer is each for each in weighted):
                continue
            weight = layer.get_parameter("weight")
            axis_out, axis_in = (1, 0) if isinstance(layer, nn.ConvTranspose2d) else (0, 1)
            if order is not None:
                run = weight.shape[axis_in] // len(order)
                whole = torch.cat([torch.arange(run) + run * int(unit) for unit in order])
                weight.copy_(weight.clone().index_select(axis_in, whole))
            if layer is not weighted[-1]:
                order = torch.randperm(weight.shape[axis_out], generator=generator)
                weight.copy_(weight.clone().index_select(axis_out, order))
                if isinstance(layer.bias, nn.Parameter):
                    layer.bias.copy_(layer.bias.clone()[order])
    return result, relu_orders


def assert_undone(found: Alignment, orders: list[Tensor]) -> None:
    """The orders found are the inverse of those given: each channel's positions move together."""
    for mine, theirs in zip(found.relu_orders, orders, strict=True):
        positions = mine.numel() // len(mine)
        assert torch.equal(
            mine.reshape(len(mine), -1) % positions, torch.arange(positions).expand(len(mine), -1)
        )
        assert torch.equal(theirs[mine.reshape(len(mine), -1)[:, 0] // positions], torch.arange(len(mine)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CHAINS)
def test_it_undoes_any_order_of_the_hidden_units(name: str, seed: int) -> None:
    reference = CHAINS[name]()
    generator = torch.Generator().manual_seed(seed)
    module, orders = shuffled(reference, generator)
    with torch.no_grad():  # and another order of the channels at the cut, which is the adapter's business
        first = next(each for _, each in leaves(module) if isinstance(each, nn.Conv2d))
        first.weight.copy_(first.weight[:, torch.randperm(4, generator=generator)].clone())
    found = align(lowered(module), lowered(reference), (4, 8, 8))
    assert found is not None
    assert_undone(found, orders)
    assert found.similarity == pytest.approx(1)
    for name, theirs in reference.named_parameters():
        if name != "0.weight":
            assert torch.equal(found.module.get_parameter(name), theirs)


@pytest.mark.parametrize("name", CHAINS)
def test_the_aligned_module_computes_the_same_and_the_original_stays(name: str) -> None:
    module, reference = CHAINS[name](), CHAINS[name]()
    torch.manual_seed(3)
    for parameter in module.parameters():
        nn.init.normal_(parameter)  # strangers: whatever order is found, the function stays
    before = copy.deepcopy(module.state_dict())
    found = align(lowered(module), lowered(reference), (4, 8, 8))
    assert found is not None
    assert not all(torch.equal(order.flatten(), torch.arange(order.numel())) for order in found.relu_orders)
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())
    x = torch.randn(3, 4, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(found.module(x), module(x), rtol=1e-12, atol=1e-12)
    assert found.similarity < 0.5


def test_activities_are_reordered_alike() -> None:
    reference = task_module()
    module, _ = shuffled(reference, torch.Generator().manual_seed(1))
    images = torch.rand(32, 4, 8, 8)
    found = align(lowered(module), lowered(reference), (4, 8, 8))
    assert found is not None
    own, wanted = (record(nn.Identity(), lowered(each), [images], 10**6) for each in (module, reference))
    for mine, theirs in zip(found.reordered(own.activity), wanted.activity, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_it_finds_units_again_after_fine_tuning() -> None:
    reference = classifier()
    module, orders = shuffled(reference, torch.Generator().manual_seed(1))
    torch.manual_seed(4)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * parameter.std(correction=0) * torch.randn_like(parameter)
    found = align(lowered(module), lowered(reference), (4, 8, 8))
    assert found is not None
    assert_undone(found, orders)


def test_other_channels_at_the_cut_do_not_matter() -> None:
    reference = classifier()
    module, orders = shuffled(reference, torch.Generator().manual_seed(2))
    first = module[0]
    assert isinstance(first, nn.Conv2d)
    wider = nn.Conv2d(9, 6, 3, padding=1).double()
    mixing = torch.linalg.qr(
        torch.randn(9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    )[0]
    with torch.no_grad():
        wider.weight.copy_(torch.einsum("oikl,ji->ojkl", first.weight, mixing))
        wider.bias.copy_(first.bias)  # type: ignore[union-attr, arg-type]
    module[0] = wider
    found = align(lowered(module), lowered(reference), (9, 8, 8))
    assert found is not None
    assert_undone(found, orders)


@pytest.mark.parametrize(
    "other",
    [
        nn.Sequential(nn.Flatten(), nn.Linear(256, 1)),
        nn.Sequential(nn.Conv2d(4, 6, 3, padding=1, groups=2), *list(task_module())[1:]),
        nn.Sequential(nn.Conv2d(4, 6, 5, padding=2), *list(task_module())[1:]),
        nn.Sequential(nn.Upsample(scale_factor=1.0), *list(task_module())),
    ],
)
def test_other_architectures_are_not_aligned(other: nn.Sequential) -> None:
    assert align(lowered(other), lowered(task_module()), (4, 8, 8)) is None


@pytest.mark.parametrize("name", ["classifier", "segmenter"])
def test_units_correspond_after_fine_tuning_and_not_in_another_order(name: str) -> None:
    chain = {"classifier": classifier, "segmenter": segmenter}[name]()
    generator = torch.Generator().manual_seed(3)
    tuned = copy.deepcopy(chain)
    with torch.no_grad():
        for each in tuned.parameters():
            each.add_(0.2 * each.std(correction=0) * torch.randn(each.shape, generator=generator))
    assert in_one_order(lowered(tuned), lowered(chain))
    assert not in_one_order(lowered(shuffled(tuned, generator)[0]), lowered(chain))
    assert not in_one_order(lowered(classifier()), lowered(segmenter()))
