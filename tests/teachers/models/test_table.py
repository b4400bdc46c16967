"""A reference belongs to the first source that takes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from legonet.errors import BlockError
from legonet.store.workspace import shipped_folder
from legonet.teachers.models import table
from legonet.teachers.models.library import with_argument
from legonet.teachers.models.source import Lookup, ModelSource
from legonet.teachers.models.table import find_model, input_of

FOLDERS = [shipped_folder("blocks")]


def test_a_blocks_parameters_have_no_values_yet() -> None:
    found = find_model("vgg-slim", FOLDERS)
    assert not found.training
    assert all(each.is_meta for each in found.parameters())
    assert input_of("vgg-slim", FOLDERS) == (3, 32, 32)


@pytest.mark.parametrize("reference", ["torchvision:alexnet", "net.pt2", "package.module:function"])
def test_only_blocks_name_the_shape_of_their_images(reference: str) -> None:
    assert input_of(reference, FOLDERS) is None


def test_a_librarys_model_that_is_named_like_a_block() -> None:
    with pytest.raises(BlockError, match=r"Or 'torchvision:alexnet'\?"):
        find_model("alexnet", FOLDERS)


def test_a_librarys_model_may_have_arguments() -> None:
    found = find_model("torchvision:alexnet(num_classes=3, dropout=0.25)", FOLDERS)
    assert found.state_dict()["classifier.6.weight"].shape == (3, 4096)
    assert with_argument("torchvision:alexnet", "num_classes", 3) == "torchvision:alexnet(num_classes=3)"
    named = "timm:vit(img_size=64)"
    assert with_argument(named, "num_classes", 3) == "timm:vit(img_size=64, num_classes=3)"
    assert with_argument(named, "img_size", 32) is None
    assert with_argument("vgg-slim", "num_classes", 3) is None


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("(3)", "arguments that cannot be read"),
        ("(num_classes=print(1))", "arguments that cannot be read"),
        ("(num_classes=__import__)", "arguments that cannot be read"),
        ("(**{})", "arguments that cannot be read"),
        ("(num_classes=3", "arguments that cannot be read"),
        ("(weights='DEFAULT')", "would download weights"),
        ("(num_classes=[3])", "not a plain value"),
        ("(classes=3)", "cannot be built with classes=3"),
    ],
)
def test_arguments_are_plain_values_by_name(arguments: str, found: str) -> None:
    with pytest.raises(BlockError, match=found):
        find_model(f"torchvision:alexnet{arguments}", FOLDERS)


def test_a_source_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Lookup] = []

    def find(reference: str, lookup: Lookup) -> nn.Module:
        asked.append(lookup)
        return nn.Identity()

    own = ModelSource(lambda reference: reference.startswith("own:"), find)
    monkeypatch.setattr(table, "SOURCES", (own, *table.SOURCES))
    assert isinstance(find_model("own:net", [tmp_path], ["x"]), nn.Identity)
    assert asked == [Lookup([tmp_path], ["x"])]
