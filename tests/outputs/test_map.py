from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from legonet.outputs.map import Map, MapOutput
from legonet.outputs.results import COLOURS

KIND = MapOutput(kind="map", names=("depth", "tilt"), unit="m", size=(2, 2))


def test_distances_are_in_the_labels_unit_and_pixels() -> None:
    output = torch.zeros(1, 2, 2, 2)
    labels = torch.ones(1, 2, 6, 4)
    labels[:, 1] = 3
    found = KIND.measures(output, labels)
    assert found == {"RMSE": pytest.approx(5**0.5), "MAE": pytest.approx(2)}
    assert float(KIND.task_loss(output, labels)) == pytest.approx(5)


def test_maps_have_a_size_of_their_own_and_labels_the_images() -> None:
    assert KIND.shape((3, 8, 8)) == (2, 2, 2)
    assert KIND.label_shape((3, 8, 6)) == (2, 8, 6)
    assert MapOutput(kind="map", names=("depth",)).shape((3, 8, 6)) == (1, 8, 6)


def test_what_a_map_says() -> None:
    found = KIND.read(torch.tensor([[[0.0, 1.0]], [[2.0, 2.0]]]), "cat")
    assert isinstance(found, Map)
    assert found.text() == "depth 0.500 m (0.000 to 1.000)  tilt 2.000 m (2.000 to 2.000)"
    assert found.data()["unit"] == "m"
    assert found.data()["maps"]["depth"] == {"least": 0.0, "mean": 0.5, "most": 1.0}
    drawn = found.picture()
    assert drawn.size == (4, 1)
    assert np.asarray(drawn).tolist() == [[0, 255, 0, 0]]


def test_a_map_is_drawn_over_its_photo() -> None:
    found = Map(torch.tensor([[[0.0, 4.0]], [[2.0, 2.0]]]), ("depth", "tilt"))
    photo = Image.new("RGB", (2, 1), (100, 100, 100))
    nothing, half = np.asarray(found.overlay(photo))[0].tolist()
    assert nothing == [100, 100, 100]
    assert half == [round((100 + each) / 2) for each in COLOURS[0]]
    assert found.overlay(photo.resize((6, 5))).size == (6, 5)
    assert np.asarray(photo).max() == 100


@pytest.mark.parametrize("background", [0, 100, 255])
def test_what_it_lays_over_an_image_is_what_it_draws_over_it(background: int) -> None:
    found = Map(torch.tensor([[[0.0, 4.0], [1.0, 3.0]]]), ("depth",))
    photo = Image.new("RGB", (2, 2), (background,) * 3)
    layer = found.layer(photo.size)
    assert layer is not None
    laid = np.asarray(Image.alpha_composite(photo.convert("RGBA"), layer).convert("RGB"))
    np.testing.assert_allclose(laid, np.asarray(found.overlay(photo)), atol=2.0)


def test_words() -> None:
    assert KIND.words() == "2 maps"
    assert KIND.key_text() == "map"
    assert KIND.legend() == "one map of numbers per name, in m"
