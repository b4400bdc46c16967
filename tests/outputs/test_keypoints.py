from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from PIL import Image
from torch import nn

import legonet
from legonet.compile.prepare import prepared_labels
from legonet.graph.schema import Input
from legonet.outputs.keypoints import Keypoints, KeypointsOutput, Point
from legonet.outputs.results import COLOURS

KIND = KeypointsOutput(kind="keypoints", names=("nose", "tail"), within=0.25)


def maps(*places: tuple[int, int], size: tuple[int, int] = (4, 8)) -> torch.Tensor:
    made = torch.zeros(1, len(places), *size)
    for index, (x, y) in enumerate(places):
        made[0, index, y, x] = 2.0
    return made


def test_points_are_where_maps_are_largest() -> None:
    found = KIND.read(maps((6, 1), (0, 3))[0], "cat")
    assert found.points == {"nose": Point(6.5, 1.5, 2.0), "tail": Point(0.5, 3.5, 2.0)}
    assert found.text() == "nose (6.5, 1.5)  tail (0.5, 3.5)"
    assert found.data() == {
        "points": {"nose": {"x": 6.5, "y": 1.5, "score": 2.0}, "tail": {"x": 0.5, "y": 3.5, "score": 2.0}}
    }


def test_points_that_are_near_enough() -> None:
    labels = torch.tensor([[[6.5 / 8, 1.5 / 4], [0.5 / 8, 0.5 / 4]]])
    found = KIND.measures(maps((6, 1), (0, 3)), labels)
    assert found == {"PCK@0.25": 0.5, "distance": pytest.approx(0.375)}


def test_points_are_drawn_over_their_photo() -> None:
    photo = Image.new("RGB", (30, 20))
    drawn = Keypoints({"nose": Point(6.5, 4.5, 2.0), "tail": Point(20.5, 15.5, 2.0)}).overlay(photo)
    assert (drawn.getpixel((6, 4)), drawn.getpixel((20, 15))) == COLOURS[:2]
    assert drawn.getpixel((13, 10)) == (0, 0, 0)
    assert photo.getbbox() is None


def test_the_loss_draws_mass_to_the_label() -> None:
    labels = torch.tensor([[[6.5 / 8, 1.5 / 4], [0.5 / 8, 3.5 / 4]]])
    right, wrong = maps((6, 1), (0, 3)), maps((1, 1), (7, 0))
    assert KIND.task_loss(right, labels) < 0.1 * KIND.task_loss(wrong, labels)


@pytest.mark.parametrize("how", ["fit", "crop", "pad", "squash"])
def test_labels_and_points_go_with_the_photo(how: str) -> None:
    """A bright spot on a photo is where the label says, on the image and back on the photo."""
    photos = torch.zeros(1, 3, 20, 30)
    photos[..., 7:10, 13:16] = 1
    place = torch.tensor([[[14.5 / 30, 8.5 / 20]]])
    image = Input(shape=(3, 24, 24), resize=how)  # type: ignore[arg-type]
    network = legonet.Network("spots", (3, 24, 24), resize=how)
    network.add_task("find", {"kind": "keypoints", "names": ["spot"]})
    low, cut, head = nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 1, 1)
    with torch.no_grad():
        low.weight.copy_(torch.eye(3)[..., None, None])
        head.weight.fill_(1.0)
        for each in (low.bias, head.bias):
            assert each is not None
            each.zero_()
    model = nn.Sequential(OrderedDict(low=low, cut=cut, head=head))
    network.add_teacher("one", model, category="lamp", task="find", cut="cut")
    result = network.compile("lamp:find").results(photos)["lamp:find"][0]
    assert isinstance(result, Keypoints)
    point = result.points["spot"]
    assert (point.x, point.y) == (pytest.approx(14.5, abs=1.1), pytest.approx(8.5, abs=1.1))
    meaning = network.graph.tasks["find"].output
    on_image = prepared_labels(place, meaning, photos, image)
    from legonet.compile.prepare import prepared

    with torch.no_grad():
        heat = model(prepared(photos, image))
    assert meaning.measures(heat, on_image)["distance"] < 0.06
