"""The blocks that come with legonet: their shapes, and which share a category module."""

from __future__ import annotations

from itertools import takewhile

import pytest
import torch

from legonet.blocks.build import build_block, build_layers
from legonet.blocks.files import find_block, list_blocks
from legonet.blocks.schema import Block
from legonet.ir.graph import ModelGraph
from legonet.ir.sizes import output_shape, tensor_shapes
from legonet.ir.split import cut_at
from legonet.store.workspace import shipped_folder
from legonet.teachers.tracing.trace import trace

FOLDERS = [shipped_folder("blocks")]
NAMES = list(list_blocks(FOLDERS))

SLIM_CUTS = {"pool1": (16, 16, 16), "pool2": (32, 8, 8), "relu3_3": (64, 8, 8)}


def shipped(name: str) -> tuple[Block, ModelGraph]:
    block = find_block(name, FOLDERS)
    architecture = block.architecture
    return block, architecture or trace(build_block(block, "meta"), block.input).graph


def test_names() -> None:
    assert NAMES == [
        "detector-slim", "efficientnet-lite0", "vgg-slim", "vgg-slim-fcn", "vgg-slim-shrunk",
        "vgg-slim-sides", "vgg16", "vgg16-fcn",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "output", "cuts", "parameters"),
    [
        ("vgg-slim", (1,), SLIM_CUTS, 269_329),
        ("vgg-slim-fcn", (1, 32, 32), SLIM_CUTS, 182_609),
        (
            "vgg16",
            (1,),
            {
                "features.4": (64, 112, 112),
                "features.9": (128, 56, 56),
                "features.16": (256, 28, 28),
                "features.23": (512, 14, 14),
                "features.30": (512, 7, 7),
            },
            134_264_641,
        ),
        (
            "vgg16-fcn",
            (1, 224, 224),
            {
                "features.4": (64, 112, 112),
                "features.9": (128, 56, 56),
                "features.16": (256, 28, 28),
                "features.23": (512, 14, 14),
                "features.30": (512, 7, 7),
            },
            134_264_641,
        ),
    ],
)
def test_shapes(name: str, output: tuple[int, ...], cuts: dict, parameters: int) -> None:
    block, layers = shipped(name)
    assert output_shape(layers, block.input) == output
    assert {cut: cut_at(layers, cut).shape(block.input) for cut in block.cuts} == cuts
    assert sum(torch.Size(shape).numel() for shape in tensor_shapes(layers).values()) == parameters


def test_vgg_slim_in_words() -> None:
    _, layers = shipped("vgg-slim")
    assert [name for name in layers.steps if not name.startswith(("relu", "pool", "flatten"))] == [
        "conv1_1",
        "conv1_2",
        "conv2_1",
        "conv2_2",
        "conv3_1",
        "conv3_2",
        "conv3_3",
        "conv4_1",
        "conv4_2",
        "conv4_3",
        "fc6",
        "fc7",
        "fc8",
    ]


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [("vgg-slim", "vgg-slim-fcn", "relu3_3"), ("vgg16", "vgg16-fcn", "features.30")],
)
def test_the_mask_network_shares_the_category_modules(one: str, other: str, common: str) -> None:
    first, second = (shipped(name)[1].notation or {} for name in (one, other))
    pairs = zip(first.items(), second.items(), strict=False)
    shared = [layer for layer, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    assert common in dict(shared)


def test_vgg_slim_fcn_sees_beyond_a_cell_of_its_coarsest_map() -> None:
    """A pixel's score depends on the image well outside its own 4x4 cell, at the same place."""
    torch.manual_seed(0)
    block, layers = shipped("vgg-slim-fcn")
    assert layers.notation is not None
    module = build_layers(layers.notation).double().eval()
    image = torch.randn(1, *block.input, dtype=torch.float64, requires_grad=True)
    module(image)[0, 0, 16, 16].backward()
    assert image.grad is not None
    rows = image.grad[0].abs().sum((0, 2)).nonzero().flatten()
    assert int(rows.min()) <= 2
    assert int(rows.max()) >= 29
