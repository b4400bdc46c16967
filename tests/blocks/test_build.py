"""Chains become modules; what cannot be built says where and why."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from legonet.blocks.build import build_block, build_layers, leaves
from legonet.blocks.registry import describe_module
from legonet.blocks.schema import Block
from legonet.errors import BlockError
from legonet.ir.lowering import lower
from legonet.ir.notation import Layer, layers_from_data
from legonet.ir.sizes import output_shape


def chain(**layers: object) -> dict[str, Layer]:
    return layers_from_data({name.replace("__", "."): data for name, data in layers.items()})


SMALL = chain(
    body__0={"type": "conv", "in": 3, "out": 4, "kernel": 3, "padding": 1},
    body__1={"type": "relu"},
    pool={"type": "max-pool", "kernel": 2},
    flat={"type": "flatten"},
    head__a__fc={"type": "linear", "in": 16, "out": 1},
)


def test_names_nest_and_state_dict_keys_are_the_layers_names() -> None:
    module = build_layers(SMALL)
    assert list(module.state_dict()) == [
        "body.0.weight",
        "body.0.bias",
        "head.a.fc.weight",
        "head.a.fc.bias",
    ]
    assert [name for name, _ in leaves(module)] == list(SMALL)
    assert [type(leaf) for _, leaf in leaves(module)] == [
        nn.Conv2d,
        nn.ReLU,
        nn.MaxPool2d,
        nn.Flatten,
        nn.Linear,
    ]


def test_leaves_in_order_compute_what_the_module_computes() -> None:
    module = build_layers(SMALL)
    images = torch.randn(2, 3, 4, 4)
    value = images
    for _, leaf in leaves(module):
        value = leaf(value)
    assert torch.equal(value, module(images))


def test_meta_has_no_weights() -> None:
    assert all(tensor.is_meta for tensor in build_layers(SMALL, "meta").state_dict().values())


def test_shapes() -> None:
    assert output_shape(lower(SMALL), (3, 4, 4)) == (1,)
    assert output_shape(lower({name: SMALL[name] for name in list(SMALL)[:3]}), (3, 5, 7)) == (4, 2, 3)
    assert output_shape(lower({}), (3, 5, 7)) == (3, 5, 7)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (4, 4, 4),
            "block b.body.0: its input has shape (4, 4, 4); conv expects (3, height, width); "
            "change this layer or those before it",
        ),
        (
            (3, 6, 6),
            "block b.head.a.fc: its input has shape (36); linear expects (16); "
            "change this layer or those before it",
        ),
        (
            (3,),
            "block b.body.0: its input has shape (3); conv expects (3, height, width); "
            "change this layer or those before it",
        ),
    ],
)
def test_where_shapes_stop_fitting(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(BlockError) as caught:
        output_shape(lower(SMALL), shape, where="block b")
    assert str(caught.value) == message


def test_a_window_larger_than_its_input() -> None:
    layers = chain(pool={"type": "max-pool", "kernel": 5})
    with pytest.raises(
        BlockError, match=r"layers.pool: max-pool cannot take its input of shape \(1, 4, 4\): "
    ):
        output_shape(lower(layers), (1, 4, 4))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            chain(a__0={"type": "relu"}, b={"type": "relu"}, a__1={"type": "relu"}),
            "layers.a.1: other layers stand",
        ),
        (chain(forward={"type": "relu"}), "layers.forward: torch uses the name 'forward' itself"),
        (chain(train__x={"type": "relu"}), "layers.train.x: torch uses the name 'train' itself"),
        (
            chain(c={"type": "conv", "in": 3, "out": 3, "kernel": 1, "groups": 2}),
            "layers.c: the layer cannot be built: in_channels must be divisible by groups",
        ),
        (
            chain(c={"type": "linear", "in": 2**31 - 1, "out": 2**31 - 1}),
            "layers.c: the layer cannot be built: ",
        ),
    ],
)
def test_what_cannot_be_built(layers: dict[str, Layer], message: str) -> None:
    with pytest.raises(BlockError) as caught:
        build_layers(layers)
    assert str(caught.value).startswith(message)


def block(**keys: object) -> Block:
    data = {"legonet-block": 1, "name": "b", "input": [3, 32, 32], **keys}
    return Block.model_validate(data)


def test_a_builder_is_built_without_weights_on_meta() -> None:
    module = build_block(block(builder="torchvision:vgg16", arguments={"num_classes": 1}), "meta")
    assert all(tensor.is_meta for tensor in module.state_dict().values())
    assert module.state_dict()["classifier.6.weight"].shape == (1, 4096)


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a download was tried")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", refuse)
    monkeypatch.setattr("torchvision._internally_replaced_utils.load_state_dict_from_url", refuse)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    assert isinstance(build_block(block(builder="torchvision:alexnet"), "meta"), nn.Module)


@pytest.mark.parametrize(
    ("builder", "arguments", "message"),
    [
        (
            "torchvisoin:vgg16",
            {},
            "block b: builder: no library 'torchvisoin'; libraries are torchvision, timm. "
            "Did you mean 'torchvision'?",
        ),
        ("torchvision:vgg61", {}, "block b: builder: torchvision has no model 'vgg61'; models are "),
        ("torchvision:vgg16", {"weights": "DEFAULT"}, "block b: builder: argument 'weights' would download"),
        ("torchvision:vgg16", {"pretrained": True}, "block b: builder: argument 'pretrained' would download"),
        (
            "torchvision:vgg16",
            {"classes": 1},
            "block b: builder: torchvision:vgg16 cannot be built with classes=1: ",
        ),
        (
            "torchvision:vgg16",
            {"num_classes": "one"},
            "block b: builder: torchvision:vgg16 cannot be built with num_classes='one': ",
        ),
    ],
)
def test_builders_that_do_not_exist(builder: str, arguments: dict, message: str) -> None:
    with pytest.raises(BlockError) as caught:
        build_block(block(builder=builder, arguments=arguments), "meta")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Conv2d(1, 1, 3, padding_mode="reflect"), "padding_mode 'reflect'; only 'zeros' is known"),
        (nn.Conv2d(1, 1, 2, padding="same"), "padding 'same' of kernel (2, 2) is not the same on both sides"),
        (nn.MaxPool2d(2, return_indices=True), "return_indices=True; only the maxima are known"),
        (nn.AvgPool2d(2, divisor_override=3), "divisor_override=3; only the mean is known"),
        (
            nn.AdaptiveAvgPool2d((None, 2)),
            "output_size (None, 2) follows the input; only fixed sizes are known",
        ),
        (nn.Flatten(0), "axes 0 to -1; only 1 to -1, all but the batch, are known"),
        (nn.BatchNorm2d(1, track_running_stats=False), "track_running_stats=False; only recorded statistics"),
        (nn.Upsample(2, mode="bicubic"), "mode 'bicubic'; bilinear and nearest are known"),
        (nn.Upsample(2, mode="bilinear", align_corners=True), "align_corners=True; only False is known"),
        (nn.Upsample(scale_factor=1.5), "scale_factor 1.5; only whole factors are known"),
    ],
)
def test_options_that_no_layer_has(module: nn.Module, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared in full
        describe_module(module)
    assert str(caught.value).startswith(message)


def test_a_subclass_may_compute_something_else() -> None:
    class Odd(nn.ReLU):
        pass

    assert describe_module(Odd()) is None
    assert describe_module(nn.GELU()) is None


@pytest.mark.parametrize(("kernel", "dilation", "padding"), [(3, 1, 1), (5, 2, 4), ((3, 1), 1, (1, 0))])
def test_same_padding_in_numbers(kernel: int, dilation: int, padding: int) -> None:
    module = nn.Conv2d(1, 1, kernel, dilation=dilation, padding="same")
    made = build_layers({"c": _described(module)})
    assert _described(module) == _described(nn.Conv2d(1, 1, kernel, dilation=dilation, padding=padding))
    made.load_state_dict({f"c.{name}": tensor for name, tensor in module.state_dict().items()})
    image = torch.randn(1, 1, 6, 6)
    assert torch.equal(made(image), module(image))


def _described(module: nn.Module) -> Layer:
    found = describe_module(module)
    assert found is not None
    return found
