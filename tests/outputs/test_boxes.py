from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import batched_nms

import legonet
from legonet.blocks.boxes import Decode
from legonet.compile.export import export
from legonet.compile.photos import ending_of
from legonet.compile.prepare import prepared, prepared_labels
from legonet.graph.output import OUTPUTS
from legonet.graph.schema import Input
from legonet.outputs.boxes import Box, Boxes, BoxesOutput, Level
from legonet.outputs.detection import boxes_alike, boxes_apart
from legonet.outputs.results import COLOURS
from tests.outputs.shapes import KIND, SIDE, Detector, raw, scenes, train

GRID = ((2, 3, 8.0, ((8.0, 8.0), (16.0, 8.0))),)
OUTPUT = "scores + boxes | permute 0 2 1"


def decode(
    coding: str = "sides",
    quality: str = "none",
    background: bool = False,
    weights: float = 1.0,
    most: int = 12,
) -> Decode:
    return Decode(
        GRID,
        0.5,
        coding,
        (weights, weights, weights, weights),
        2 + background,
        background,
        quality,
        0.5,
        most,
        (16, 24),
        "fit",
    )


def test_distances_of_sides_are_told_from_places() -> None:
    output = torch.zeros(1, 6, 12)
    output[0, 2:, 7] = torch.tensor([0.5, 1.0, 0.25, 2.0])  # row 1, column 0, the wide anchor
    corners = decode().corners(output)
    assert corners[0, 7].tolist() == [4 - 8, 12 - 8, 4 + 4, 12 + 16]
    assert corners[0, 0].tolist() == [4, 4, 4, 4]


def test_anchors_are_moved_as_torchvision_moves_them() -> None:
    output = torch.randn(1, 6, 12)
    made = decode("anchors", weights=5.0)
    centres, anchors, _ = made.places(output)
    boxes = torch.cat([centres - anchors / 2, centres + anchors / 2], 1)
    wanted = BoxCoder((5.0, 5.0, 5.0, 5.0)).decode_single(output[0, 2:].T, boxes)
    torch.testing.assert_close(made.corners(output)[0], wanted)


def test_probabilities() -> None:
    output = torch.randn(1, 7, 12)
    places = output[0].T
    torch.testing.assert_close(
        decode(quality="centerness").chances(output)[0],
        (places[:, :2].sigmoid() * places[:, 6:].sigmoid()).sqrt(),
    )
    torch.testing.assert_close(
        decode(quality="objectness").chances(output)[0], places[:, :2].sigmoid() * places[:, 6:].sigmoid()
    )
    torch.testing.assert_close(decode(background=True).chances(output)[0], places[:, :3].softmax(1)[:, 1:])


def test_cells_are_told_as_yolo_tells_them() -> None:
    output = torch.zeros(1, 6, 12)
    output[0, 2:, 7] = torch.tensor([1.0, -2.0, 0.5, -0.5])  # row 1, column 0, the wide anchor: 16 x 8
    x, y, wide, high = output[0, 2:, 7].tolist()

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    middle, half = (4 + 8 * sigmoid(x), 12 + 8 * sigmoid(y)), (8 * math.exp(wide), 4 * math.exp(high))
    expected = [middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]]
    assert decode("cells").corners(output)[0, 7].tolist() == pytest.approx(expected)
    middle = (4 + 8 * (2 * sigmoid(x) - 0.5), 12 + 8 * (2 * sigmoid(y) - 0.5))
    half = (8 * (2 * sigmoid(wide)) ** 2, 4 * (2 * sigmoid(high)) ** 2)
    expected = [middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]]
    assert decode("wide-cells").corners(output)[0, 7].tolist() == pytest.approx(expected)


def test_of_boxes_that_overlap_the_likelier_stays() -> None:
    corners = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 10], [20, 20, 30, 30]])
    chances = torch.tensor([[0.8, 0.1], [0.9, 0.1], [0.005, 0.7], [0.2, 0.001]])
    found = decode(most=5).suppressed(corners[None], chances[None])
    assert found.shape == (1, 5, 6)
    torch.testing.assert_close(
        found[0],
        torch.tensor([
            [1, 0, 11, 10, 0.9, 0], [0, 0, 10, 10, 0.7, 1], [20, 20, 30, 30, 0.2, 0], [0, 0, 0, 0, 0, -1],
            [0, 0, 0, 0, 0, -1],
        ]),
    )  # fmt: skip
    assert decode(most=2).suppressed(corners[None], chances[None])[0, :, 4].tolist() == pytest.approx(
        [0.9, 0.7]
    )


class Suppress(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.decode = decode(most=5)

    def forward(self, corners: Tensor, chances: Tensor) -> Tensor:
        return self.decode.suppressed(corners, chances)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torchvision's, of its own
def test_a_program_takes_photos_of_no_box_and_of_one() -> None:
    """torch.export takes suppression to leave two at least, and refused all that had fewer."""
    corners, chances = torch.tensor([[0.0, 0, 9, 9], [20, 20, 30, 30]]), torch.zeros(2, 2)
    size = {0: torch.export.Dim("batch", min=1)}
    example = (corners.expand(3, 2, 4), chances.expand(3, 2, 2))
    program = torch.export.export(Suppress(), example, dynamic_shapes=(size, size)).module()
    for boxes in range(3):
        chances[:boxes, 0] = 0.5
        found = program(corners[None], chances[None])
        assert torch.equal(found, Suppress()(corners[None], chances[None]))
        assert int((found[..., 5] >= 0).sum()) == boxes


@pytest.mark.parametrize("images", [1, 7])
def test_images_and_labels_are_suppressed_apart(images: int) -> None:
    """All go through one suppression; torchvision's, one image after the other, leaves the same."""
    generator = torch.Generator().manual_seed(3)
    low = torch.rand(images, 60, 2, generator=generator) * 3000
    corners = torch.cat([low, low + 200 + 400 * torch.rand(images, 60, 2, generator=generator)], 2)
    chances = torch.rand(images, 60, 40, generator=generator)
    found = decode(most=30).suppressed(corners, chances)
    for image in range(images):
        place, label = (chances[image] > chances[image].flatten().sort().values[-1001]).nonzero(as_tuple=True)
        scores = chances[image, place, label]
        kept = batched_nms(corners[image, place], scores, label, 0.5)[:30]
        torch.testing.assert_close(found[image, :, :4], corners[image, place[kept]])
        torch.testing.assert_close(found[image, :, 4], scores[kept])
        assert found[image, :, 5].tolist() == label[kept].tolist()


def test_how_far_boxes_are_apart() -> None:
    wanted = torch.tensor([[[0.0, 0, 100, 100, 0.9, 0], [5, 0, 100, 100, 0.8, 1], [0, 0, 0, 0, 0, -1]]])
    assert boxes_apart(wanted, wanted, 0.5) == 0
    moved = wanted + torch.tensor([0, 0, 0, 0.01, 0, 0]) * (wanted[..., 5:] >= 0)
    assert boxes_apart(moved, wanted, 0.5) == pytest.approx(1e-4, rel=1e-2)
    assert boxes_apart(wanted.flip(1), wanted, 0.5) == 0  # the order is the probabilities' alone
    lacking = wanted.clone()
    lacking[0, 1] = wanted[0, 2]
    assert boxes_apart(lacking, wanted, 0.5) == boxes_apart(wanted, lacking, 0.5) == math.inf
    other_label = wanted.clone()
    other_label[0, 1, 5] = 0  # as if it were one more of the first
    assert boxes_apart(other_label, wanted, 0.5) == math.inf
    # Of two that are as likely, either may have left the other out.
    twin = wanted.clone()
    twin[0, 1, :4] = torch.tensor([5.0, 0, 100, 80])
    assert boxes_apart(twin, wanted, 0.5) == 0
    twin[0, 1, 4] = 0.6
    assert boxes_apart(twin, wanted, 0.5) == pytest.approx(0.2)
    assert boxes_alike(wanted, wanted, 0.3).tolist() == [1]
    assert boxes_alike(lacking, wanted, 0.3).tolist() == pytest.approx([2 / 3])
    assert boxes_alike(wanted, wanted, 0.95).tolist() == [1]


def test_what_a_result_says_and_draws() -> None:
    boxes = Boxes((Box("cat", 0.91234, 10.123, 20, 90, 80.5), Box("dog", 0.4, 30, 100, 60, 150)))
    assert boxes.data()["boxes"][0] == {"label": "cat", "score": 0.9123, "box": [10.12, 20, 90, 80.5]}
    assert json.loads(json.dumps(boxes.data())) == boxes.data()
    assert boxes.text() == "cat 91.2% (10, 20, 90, 80)  dog 40.0% (30, 100, 60, 150)"
    assert Boxes(()).text() == "nothing"
    photo = Image.new("RGB", (200, 160))
    drawn = boxes.overlay(photo)
    assert (drawn.getpixel((50, 20)), drawn.getpixel((30, 120))) == COLOURS[:2]
    assert drawn.getpixel((150, 60)) == (0, 0, 0)
    assert drawn.getpixel((11, 18)) == COLOURS[0]  # its words stand on its colour, above the box
    assert np.asarray(drawn.crop((10, 9, 80, 19)))[..., 2].max() > 200
    assert photo.getbbox() is None


@pytest.mark.parametrize("how", ["fit", "crop", "pad", "squash"])
def test_labels_and_boxes_go_with_the_photo(how: str) -> None:
    photos = torch.zeros(1, 3, 20, 30)
    photos[..., 6:14, 10:20] = 1
    image = Input(shape=(3, 24, 24), resize=how)  # type: ignore[arg-type]
    kind = BoxesOutput(kind="boxes", levels=(Level(size=(1, 1), stride=1),), objects=1)
    label = torch.tensor([[[10.0, 6, 20, 14, 0]]])
    on_image = prepared_labels(label, kind, photos, image)
    left, top, right, bottom, _ = on_image[0, 0].tolist()
    bright = prepared(photos, image)[0, 0] > 0.5
    rows, columns = bright.any(1).nonzero()[:, 0], bright.any(0).nonzero()[:, 0]
    found = [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
    assert [left, top, right, bottom] == pytest.approx(found, abs=0.75)
    # An output that tells this very box comes back as the label.
    output = torch.tensor([[[5.0], [0.5 - left], [0.5 - top], [right - 0.5], [bottom - 0.5]]])
    ending = ending_of(kind, image)
    assert ending is not None
    torch.testing.assert_close(ending(output, photos)[0, 0, :4], label[0, 0, :4], rtol=0, atol=1e-4)
    same = torch.zeros(1, 3, 24, 24)
    assert prepared_labels(label, kind, same, image) is label


@pytest.mark.parametrize(
    "settings", [{}, {"scores": "softmax"}, {"quality": "objectness", "coding": "anchors"}]
)
def test_descent_on_labels_finds_the_boxes(settings: dict[str, str]) -> None:
    kind = OUTPUTS.read({**KIND.model_dump(mode="json"), "labels": ["a", "b"], **settings})
    labels = torch.full((2, 3, 5), -1.0)
    labels[0, 0], labels[0, 1] = torch.tensor([2.0, 3, 14, 12, 0]), torch.tensor([15.0, 18, 28, 30, 1])
    output = torch.zeros(2, *kind.shape((3, SIDE, SIDE))).requires_grad_()
    optimiser = torch.optim.Adam([output], 0.1)
    for _ in range(150):
        optimiser.zero_grad()
        kind.task_loss(output, labels).backward()
        optimiser.step()
    ending = ending_of(kind, Input(shape=(3, SIDE, SIDE)))
    assert ending is not None
    found = ending(output.detach(), torch.zeros(2, 3, SIDE, SIDE))
    assert kind.measures(found, labels) == {"AP@0.5": pytest.approx(1)}
    result = kind.read(found[0], "cat")
    assert isinstance(result, Boxes)
    assert {each.label for each in result.boxes} == {"a", "b"}
    assert not kind.read(found[1], "cat").data()["boxes"]
    assert float(kind.agreement(output, output.roll(1, 0), torch.ones(1))[0]) == 0


@pytest.mark.parametrize("coding", ["sides", "anchors", "cells", "wide-cells"])
@pytest.mark.parametrize("settings", [{}, {"scores": "softmax"}, {"quality": "centerness"}])
def test_boxes_are_compared_where_the_teacher_is_sure(coding: str, settings: dict[str, str]) -> None:
    kind = OUTPUTS.read({**KIND.model_dump(mode="json"), "labels": ["a", "b"], "coding": coding, **settings})
    first = 2 + (settings.get("scores") == "softmax")
    teacher = torch.rand(2, *kind.shape((3, SIDE, SIDE)), generator=torch.Generator().manual_seed(1))
    teacher[:, 0] = 0.0  # of softmax the background; nothing, but for two places that hold a b
    teacher[:, first - 2 : first] = -9.0
    teacher[:, first - 1, :2] = 12.0
    scale = torch.ones(1, teacher.shape[1], 1)
    elsewhere, there = teacher.clone(), teacher.clone()
    elsewhere[:, first : first + 4, 2:] += 0.5
    there[:, first : first + 4, :2] += 0.5
    assert float(kind.disagreement(teacher, teacher, scale)) == pytest.approx(0, abs=1e-6)
    assert float(kind.soft_loss(teacher, teacher, 2.0)) == pytest.approx(0, abs=1e-6)
    little, much = (float(kind.disagreement(each, teacher, scale)) for each in (elsewhere, there))
    assert 0 <= little < 0.1 * much


def test_boxes_that_have_nothing_in_common_still_attract() -> None:
    kind = BoxesOutput(
        kind="boxes", levels=(Level(size=(1, 1), stride=1, anchors=((4.0, 4.0),)),), coding="anchors"
    )
    teacher = torch.tensor([[[9.0], [0.0], [0.0], [0.0], [0.0]]])
    student = teacher.clone()
    student[0, 1] = 5.0  # five anchors to the right
    student.requires_grad_()
    loss = kind.disagreement(student, teacher, torch.ones(1, 5, 1))
    loss.backward()
    assert student.grad is not None
    assert float(loss.detach()) > 1
    assert float(student.grad[0, 1]) > 0


@pytest.mark.parametrize("settings", [{}, {"scores": "softmax"}, {"quality": "centerness"}])
def test_scores_are_compared_in_units_of_their_spread(settings: dict[str, str]) -> None:
    kind = OUTPUTS.read({**KIND.model_dump(mode="json"), "labels": ["a", "b"], **settings})
    generator = torch.Generator().manual_seed(2)
    student, teacher = torch.randn(2, 2, *kind.shape((3, SIDE, SIDE)), generator=generator)
    first = 2 + (settings.get("scores") == "softmax")
    student[:, first : first + 4] = teacher[:, first : first + 4]  # boxes have units of their own: pixels
    factor = torch.full((1, student.shape[1], 1), 1000.0)
    factor[:, first : first + 4] = 1
    found = kind.disagreement(factor * student, factor * teacher, factor)
    torch.testing.assert_close(found, kind.disagreement(student, teacher, torch.ones_like(factor)))
    assert float(found) > 0.1


def changed(model: Detector) -> Detector:
    """The same function; the channels at the cut are in another order, and each has another scale."""
    generator = torch.Generator().manual_seed(5)
    order, scale = (
        torch.randperm(24, generator=generator),
        10 ** (2 * torch.rand(24, generator=generator) - 1),
    )
    below, above = model.low.get_submodule("conv2"), model.high.get_submodule("conv3")
    with torch.no_grad():
        for name in ("weight", "bias"):
            tensor = below.get_parameter(name)
            tensor.copy_(tensor[order] * scale.view(-1, *[1] * (tensor.ndim - 1)))
        weight = above.get_parameter("weight")
        weight.copy_(weight[:, order] / scale.view(1, -1, 1, 1))
    return model


@pytest.fixture(scope="module")
def detectors() -> legonet.Network:
    """Two detectors that were trained apart, from one base that saw neither shape's boxes, merged."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        base = train(Detector(), "cross", 50, 1)
        models = {
            shape: train(copy.deepcopy(base).train(), shape, 80, 10 + number)
            for number, shape in enumerate(("disc", "square"))
        }
    network = legonet.Network("shapes", (3, SIDE, SIDE))
    method = {"name": "auto", "steps": 80, "imagined": 400}
    network.add_task("find", KIND.model_dump(mode="json"), adapter={"method": method})
    models["square"] = changed(models["square"])
    for shape, model in models.items():
        images, _ = scenes(shape, 200, 500)
        network.add_teacher(
            shape, model, category=shape, task="find", cut="low", output=OUTPUT, images=images
        )
    network.transplant()
    return network


def test_two_detectors_trained_apart_are_merged_without_an_image(detectors: legonet.Network) -> None:
    found = detectors.evaluate({f"{shape}:find": scenes(shape, 100, 1000) for shape in ("disc", "square")})
    native, merged = found.rows
    assert native.measure == "AP@0.5"
    assert native.transplanted == native.teacher
    assert native.transplanted > 0.3
    assert merged.teacher is not None
    assert merged.unadapted is not None
    assert merged.teacher > 0.3
    assert merged.transplanted > merged.teacher - 0.1
    assert merged.transplanted > merged.unadapted + 0.2


def test_boxes_are_predicted_in_the_photos_pixels(detectors: legonet.Network, tmp_path: Path) -> None:
    images, _ = scenes("disc", 8, 3)
    large = nn.functional.interpolate(images, scale_factor=4)
    app = detectors.compile("disc:find", "square:find")
    found, usual = (app.results(each)["disc:find"] for each in (large, images))
    for result, small in zip(found, usual, strict=True):
        assert isinstance(result, Boxes)
        assert isinstance(small, Boxes)
        for box in result.boxes:
            assert box.label == "disc"
            assert 0 <= box.left < box.right <= 4 * SIDE
            assert 0 <= box.top < box.bottom <= 4 * SIDE
        if small.boxes and result.boxes:
            assert any(abs(box.left - 4 * small.boxes[0].left) < 4 * 6 for box in result.boxes)
    assert max(box.right for each in found if isinstance(each, Boxes) for box in each.boxes) > 3 * SIDE
    assert {row["path"] for row in app.predict(large).data()} == {"disc:find", "square:find"}
    assert export(app, tmp_path / "app").difference < 1e-4


@pytest.mark.filterwarnings("ignore:`create_unbacked_symint`:FutureWarning")  # torchvision's own
def test_the_decoder_is_a_module_of_operations_alone() -> None:
    """It is exported with the network: the same boxes for photos of any size."""
    kind = KIND.model_copy(update={"levels": (Level(size=(2, 2), stride=16),)})
    ending = ending_of(kind, Input(shape=(3, SIDE, SIDE)))
    assert ending is not None
    outputs, photos = torch.randn(2, *kind.shape((3, SIDE, SIDE))), torch.rand(2, 3, 48, 40)
    sizes = {name: torch.export.Dim(name, min=2) for name in ("height", "width")}
    program = torch.export.export(
        ending, (outputs, photos), dynamic_shapes=({}, {2: sizes["height"], 3: sizes["width"]})
    )
    other = torch.rand(2, 3, 33, 71)
    torch.testing.assert_close(program.module()(outputs, other), ending(outputs, other))


def test_outputs_that_are_joined() -> None:
    images = torch.rand(2, 3, SIDE, SIDE)
    model = Detector().eval()
    network = legonet.Network("shapes", (3, SIDE, SIDE))
    network.add_task("find", KIND.model_dump(mode="json"))
    network.add_teacher("one", model, category="disc", task="find", cut="low", output=OUTPUT)
    ending = ending_of(KIND, network.graph.input)
    assert ending is not None
    with torch.no_grad():
        found = network.compile("disc:find", passes="none")(images)
        torch.testing.assert_close(found, ending(raw(model, images), images))
    with pytest.raises(legonet.errors.TeacherError, match="has no output 'box'"):
        network.add_teacher("two", model, category="cross", task="find", cut="low", output="scores + box")
    with pytest.raises(legonet.errors.TeacherError, match="scores \\+ boxes"):
        network.add_teacher("two", model, category="cross", task="find", cut="low", output="scores")
