"""Names for Python are names, each once, and say where a module stands."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from legonet.compile.export.names import Names, class_name, comment
from legonet.compile.export.sizes import size_names


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_text(texts: list[str]) -> None:
    names = Names(dir(nn.Module()))
    found = [names(text) for text in texts]
    assert len(set(found)) == len(found)
    for name in found:
        assert name.isidentifier()
        assert name.isascii()
        assert not name.startswith("__")
        assert not hasattr(nn.Module(), name)
        assert not keyword.iskeyword(name)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("layer1.0", "LayerBlock"),
        ("layer1.0.conv1", "Conv"),
        ("encoder.layers.encoder_layer_0.self_attention", "SelfAttention"),
        ("features.1.block.0", "Block"),
        ("0.1", "Block"),
        ("_permute", "Permute"),
        ("class", "Class"),
        ("x y.ñ", "XYBlock"),
    ],
)
def test_class_names(path: str, name: str) -> None:
    assert class_name(path) == name


@given(st.text())
def test_comments_end_nothing(text: str) -> None:
    assert not set(comment(text)) & set("\"'\\\n\r#\f\0")


def test_sizes_that_are_always_equal_have_one_name() -> None:
    roles = ["in_channels", "out_channels", "kernel_size", "channels", "in_channels", "out_channels"]
    modules = [(64, 16, 3, 16, 16, 64), (128, 32, 3, 32, 32, 128)]
    names = ["channels", "hidden_channels", None, "hidden_channels", "hidden_channels", "channels"]
    assert size_names(roles, modules) == names
    assert size_names(roles, modules[:1]) == [None] * 6
    more = [*modules, (128, 32, 5, 32, 32, 256)]
    assert size_names(roles, more) == [
        "in_channels",
        "hidden_channels",
        "kernel_size",
        *["hidden_channels"] * 2,
        "out_channels",
    ]
