from __future__ import annotations

import pytest
import torch

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


def test_words_say_how_many_labels() -> None:
    assert (ONE.words(), TWO.words()) == ("mask", "mask of 2 labels")


def test_labels_are_words_which_no_adapter_depends_on() -> None:
    assert ONE.key_text() == TWO.key_text() == "mask"
