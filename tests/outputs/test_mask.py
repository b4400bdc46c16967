from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from legonet.outputs.mask import MaskOutput

ONE = MaskOutput(kind="mask")
TWO = MaskOutput(kind="mask", labels=("other", "{category}"))


def test_pixel_accuracy_and_iou() -> None:
    output = torch.tensor([[[[1.0, 1.0], [-1.0, -1.0]]]])
    found = ONE.measures(output, torch.tensor([[[1, 0], [0, 0]]]))
    assert found == {"pixel accuracy": pytest.approx(0.75), "IoU": pytest.approx(0.5)}
    assert TWO.measures(torch.cat([-output, output], 1), torch.tensor([[[1, 0], [0, 0]]])) == found


def test_iou_of_nothing_found_in_nothing_shown_is_zero() -> None:
    assert ONE.measures(torch.full((1, 1, 2, 2), -1.0), torch.zeros(1, 2, 2).long())["IoU"] == 0


def test_one_map_is_read_as_two_are() -> None:
    output = torch.tensor([[[1.0, -1.0], [-1.0, -1.0]]])
    for kind, maps in ((ONE, output), (TWO, torch.cat([-output, output]))):
        found = kind.read(maps, "Cat")
        assert found.mask.tolist() == [[1, 0], [0, 0]]
        assert (found.label, found.share, found.labels) == ("Cat", 0.25, 2)
        assert found.text() == "Cat  25.0% of the image"


@pytest.mark.parametrize("background", [0, 90, 255])
def test_what_it_lays_over_an_image_is_what_it_draws_over_it(background: int) -> None:
    scores = torch.full((8, 2, 4), -1.0)
    for place in range(8):
        scores[place].view(-1)[place] = 1.0
    kind = MaskOutput(kind="mask", labels=tuple("abcdefgh"))
    photo = Image.new("RGB", (8, 4), (background,) * 3)
    for found in (ONE.read(scores[:1], "Cat"), kind.read(scores, "Cat")):
        layer = found.layer(photo.size)
        assert layer.mode == "P"  # which is quick to write
        laid = np.asarray(Image.alpha_composite(photo.convert("RGBA"), layer.convert("RGBA")).convert("RGB"))
        np.testing.assert_allclose(laid, np.asarray(found.overlay(photo)), atol=1.0)


def test_words_say_how_many_labels() -> None:
    assert (ONE.words(), TWO.words()) == ("mask", "mask of 2 labels")


def test_labels_are_words_which_no_adapter_depends_on() -> None:
    assert ONE.key_text() == TWO.key_text() == "mask"
