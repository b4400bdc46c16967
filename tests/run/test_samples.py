"""Images and labels that a user gives, in every form that is taken and in many that are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from legonet.errors import DataError, LegonetWarning, SelectError
from legonet.graph.output import Output
from legonet.graph.schema import Input
from legonet.network import Network
from legonet.outputs.binary import BinaryOutput
from legonet.outputs.mask import MaskOutput
from legonet.outputs.vector import VectorOutput
from legonet.run.samples import fingerprint_samples, read_samples

SHAPE = (3, 4, 4)
BINARY = BinaryOutput(kind="binary")
MASK = MaskOutput(kind="mask", labels=("other", "{category}"))
VECTOR = VectorOutput(kind="vector", names=("x", "y"))
IMAGES = torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 1, 0, 1])


class Items(Dataset[Any]):
    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter([])


def read(given: Any, meaning: Output = BINARY) -> tuple[torch.Tensor, torch.Tensor | None]:
    return read_samples(given, "cat:classify", Input(shape=SHAPE), meaning)


@pytest.mark.parametrize(
    "given",
    [
        (IMAGES, LABELS),
        [IMAGES, LABELS],
        (IMAGES, LABELS.float()),
        (IMAGES, LABELS.bool()),
        (IMAGES, LABELS.tolist()),
        (IMAGES.double(), LABELS.numpy()),
        TensorDataset(IMAGES, LABELS),
        Items([(image, int(label)) for image, label in zip(IMAGES, LABELS, strict=True)]),
        Items([[image, label] for image, label in zip(IMAGES, LABELS, strict=True)]),
    ],
)
def test_forms_of_the_same_samples(given: Any) -> None:
    images, labels = read(given)
    assert torch.equal(images, IMAGES)
    assert labels is not None
    assert torch.equal(labels, LABELS)
    assert labels.dtype == torch.int64
    assert fingerprint_samples((images, labels)) == fingerprint_samples((IMAGES, LABELS))


@pytest.mark.parametrize("given", [(IMAGES, None), Items([(image, None) for image in IMAGES])])
def test_without_labels(given: Any) -> None:
    images, labels = read(given)
    assert torch.equal(images, IMAGES)
    assert labels is None


def test_labels_of_masks_and_vectors() -> None:
    masks = torch.randint(0, 2, (5, 4, 4))
    _, labels = read((IMAGES, masks.byte()), MASK)
    assert labels is not None
    assert torch.equal(labels, masks)
    _, labels = read((IMAGES, torch.zeros(5, 2, dtype=torch.int32)), VECTOR)
    assert labels is not None
    assert labels.dtype == torch.float32


def test_the_fingerprint_tells_samples_apart() -> None:
    other = IMAGES.clone()
    other[0, 0, 0, 0] = 0
    prints = [
        (IMAGES, LABELS),
        (IMAGES, None),
        (IMAGES[:4], LABELS[:4]),
        (other, LABELS),
        (IMAGES, 1 - LABELS),
    ]
    assert len({fingerprint_samples(each) for each in prints}) == len(prints)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "found a NoneType; expected .images, labels. or a dataset"),
        (IMAGES, "found a Tensor; expected .images, labels. or a dataset"),
        ("photos", "found a str; expected"),
        ((IMAGES,), "found a tuple; expected"),
        ((3, None), "image 0: found .*; expected a file, a folder, a PIL image"),
        (([], None), "found no image; expected at least one"),
        ((IMAGES[0], None), r"found images of shape \(3, 4, 4\); expected"),
        (
            (IMAGES[:, :2], None),
            r"found images of shape \(5, 2, 4, 4\); expected .* another height and width",
        ),
        ((IMAGES[:, :, :0], None), r"found images of shape \(5, 3, 0, 4\); expected"),
        ((torch.tensor(1.0), None), r"found images of shape \(\)"),
        ((IMAGES[:0], None), "found no image; expected at least one"),
        ((IMAGES * 255, None), r"found values from .* expected images in \[0, 1\]"),
        ((IMAGES - 0.5, None), "found values from -0"),
        ((IMAGES * float("nan"), None), "found values from nan to nan"),
        ((IMAGES, LABELS[:4]), r"found labels of shape \(4,\) for 5 images; expected \(5,\)"),
        ((IMAGES, LABELS[:, None]), r"found labels of shape \(5, 1\)"),
        ((IMAGES, LABELS * 2), "found labels from 0 to 2; expected whole numbers from 0 to 1"),
        ((IMAGES, LABELS - 0.5), "found labels from -0.5 to 0.5"),
        ((IMAGES, ["yes", "no", "no", "no", "no"]), "found labels as a list; expected a tensor, or None"),
        (Items([]), "found no image"),
        (Stream(), "found a dataset without a length"),
        (Items(list(IMAGES)), "item 0 is a Tensor; expected a pair of an image tensor and a label"),
        (Items([("cat.png", 1)]), "item 0 is a tuple; expected a pair"),
        (Items([(IMAGES[0], 1), (IMAGES[0, :, :2], 1)]), "found images of shapes .* expected one"),
        (Items([(IMAGES[0], 1), (IMAGES[1], None)]), "found labels for some images only"),
        (Items([(IMAGES[0], 1), (IMAGES[1], [1, 2])]), "labels cannot be joined"),
        (Items([(IMAGES[0], "yes")]), "labels cannot be joined"),
    ],
)
def test_what_is_refused(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=r"^samples\['cat:classify'\]: " + message):
        read(given)


@pytest.mark.parametrize(
    ("labels", "meaning", "message"),
    [
        (
            LABELS,
            MASK,
            r"labels of shape \(5,\) for 5 images; expected \(5, 4, 4\); give one label per image and",
        ),
        (torch.full((5, 4, 4), 2), MASK, "whole numbers from 0 to 1"),
        (LABELS, VECTOR, r"expected \(5, 2\)"),
        (torch.full((5, 2), torch.inf), VECTOR, "labels that are NaN or infinite"),
    ],
)
def test_labels_that_do_not_fit_the_task(labels: torch.Tensor, meaning: Output, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read((IMAGES, labels), meaning)


def test_images_come_in_any_form(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pictures = [Image.fromarray(random.integers(0, 256, (9, 9, 3), dtype=np.uint8)) for _ in range(3)]
    for number, picture in enumerate(pictures):
        picture.save(tmp_path / f"{number}.png")
    shape, meaning = (3, 4, 4), BinaryOutput(kind="binary")
    whole, labels = read_samples((tmp_path, [0, 1, 0]), "cat:classify", Input(shape=shape), meaning)  # type: ignore[arg-type]
    assert whole.shape == (3, *shape)
    assert labels is not None
    for same in (pictures, [np.asarray(each) for each in pictures]):
        assert torch.equal(read_samples((same, None), "cat:classify", Input(shape=shape), meaning)[0], whole)


class TestInANetwork:
    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("cat:clasify", "no task 'clasify'.*Did you mean 'classify'"),
            ("cta:classify", "no category 'cta'.*Did you mean 'cat'"),
            ("cat", "'cat': not a path; expected category:task"),
        ],
    )
    def test_unknown_paths(self, network: Network, images: torch.Tensor, path: str, message: str) -> None:
        with pytest.raises(SelectError, match=message):
            network.transplant({path: (images, None)})
        with pytest.raises(SelectError, match=message):
            network.plan({path: (images, None)})

    def test_the_plan_with_samples_is_what_transplant_does(
        self, network: Network, images: torch.Tensor
    ) -> None:
        network.transplant()
        samples = {"dog:classify": (images, None)}
        assert [(edge.path, edge.action) for edge in network.plan(samples).changes] == [
            ("dog:classify", "refit")
        ]
        untouched = network.lock.adapters["cow:classify"]
        network.transplant(samples)
        assert not network.plan(samples).changes
        assert not network.plan().changes
        assert network.lock.adapters["cow:classify"] == untouched
        assert network.transplant().results == ()

    def test_samples_without_use_are_told(self, network: Network, images: torch.Tensor) -> None:
        with pytest.warns(LegonetWarning, match="its samples are not used"):
            result = network.transplant({"cat:classify": (images, None)})
        assert result.notes[0].startswith("cat:classify: its samples are not used: cat-v1 gives both modules")

    def test_samples_make_a_difference(self, network: Network, images: torch.Tensor) -> None:
        network.connect("dog", "classify", {"method": {"name": "jacobian", "steps": 2}})
        network.transplant({"dog:classify": (images.flip(0), None)})
        before = network.compile("dog:classify")(images)
        network.transplant({"dog:classify": (images, torch.arange(12) % 2)})
        assert not torch.equal(network.compile("dog:classify")(images), before)
