from __future__ import annotations

import copy
import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models.detection import FCOS
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator

import legonet
from legonet.blocks.boxes import Decode
from legonet.compile.export import export
from legonet.compile.photos import ending_of
from legonet.compile.prepare import prepared, prepared_labels
from legonet.graph.output import OUTPUTS
from legonet.graph.schema import Input
from legonet.outputs.boxes import Box, Boxes, BoxesOutput, Level
from legonet.outputs.detection import Found, average_precision, suppressed
from legonet.outputs.results import COLOURS
from tests.outputs.shapes import KIND, SIDE, Detector, raw, scenes, train

GRID = ((2, 3, 8.0, ((8.0, 8.0), (16.0, 8.0))),)
OUTPUT = "scores + boxes | permute 0 2 1"


def decode(
    sides: bool = True, quality: str = "none", background: bool = False, weights: float = 1.0
) -> Decode:
    return Decode(
        GRID,
        0.5,
        sides,
        (weights, weights, weights, weights),
        2 + background,
        background,
        quality,
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
    made = decode(sides=False, weights=5.0)
    centres, anchors = made.places(output)
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


def test_of_boxes_that_overlap_the_likelier_stays() -> None:
    output = torch.tensor([
        [0.0, 0, 10, 10, 0.8, 0.1], [1, 0, 11, 10, 0.9, 0.1], [0, 0, 10, 10, 0.1, 0.7],
        [20, 20, 30, 30, 0.2, 0.1],
    ])  # fmt: skip
    found = suppressed(output, 0.3, 0.5, 10)
    assert found.labels.tolist() == [0, 1]
    assert found.corners.tolist() == [[1, 0, 11, 10], [0, 0, 10, 10]]
    assert len(suppressed(output, 0.05, 0.95, 3).scores) == 3


def test_average_precision() -> None:
    goals = torch.tensor(
        [[[0.0, 0, 10, 10, 0], [20, 20, 30, 30, 0]], [[0, 0, 10, 10, 0], [-1, -1, -1, -1, -1]]]
    )
    first = Found(
        torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60]]),
        torch.tensor([0.9, 0.8, 0.6]),
        torch.zeros(3, dtype=torch.long),
    )
    second = Found(torch.tensor([[1.0, 0, 10, 10]]), torch.tensor([0.7]), torch.zeros(1, dtype=torch.long))
    # By rank: right, wrong (the same object again), right, wrong; one of three objects is never found.
    assert average_precision([first, second], goals, 0) == pytest.approx((1 + 2 / 3) / 3)
    assert average_precision([first, second], goals, 1) is None
    nothing = Found(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.long))
    assert average_precision([nothing, nothing], goals, 0) == 0


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
    assert np.asarray(drawn.crop((12, 22, 80, 40))).any()  # its words
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
    assert kind.measures(found, labels) == {"AP@0.5": 1.0}
    result = kind.read(found[0], "cat")
    assert isinstance(result, Boxes)
    assert {each.label for each in result.boxes} == {"a", "b"}
    assert not kind.read(found[1], "cat").data()["boxes"]
    assert float(kind.agreement(output, output.roll(1, 0), torch.ones(1))[0]) == 0


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


class TwoLevels(nn.Module):
    """A backbone with two levels of features, as those of pyramids."""

    out_channels = 32

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.ReLU(), nn.Conv2d(8, 32, 3, 2, 1), nn.ReLU())
        self.high = nn.Sequential(nn.Conv2d(32, 32, 3, 2, 1), nn.ReLU())

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        low = self.low(images)
        return OrderedDict(low=low, high=self.high(low))


class WithoutSuppression(nn.Module):
    """Backbone and head of a detector of torchvision's."""

    def __init__(self, model: FCOS) -> None:
        super().__init__()
        self.backbone, self.head = model.backbone, model.head

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return self.head(list(self.backbone(images).values()))


def test_a_detector_of_torchvision_is_cut_where_its_levels_cross() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        anchors = AnchorGenerator(((8,), (16,)), ((1.0,),) * 2)
        model = FCOS(
            TwoLevels(), 3, 64, 64, [0.0] * 3, [1.0] * 3, anchors, score_thresh=0.3, nms_thresh=0.5,
            detections_per_img=20, topk_candidates=400,
        ).eval()  # fmt: skip
        for each in model.modules():
            if isinstance(each, nn.Conv2d):
                nn.init.kaiming_normal_(each.weight, nonlinearity="relu")
        nn.init.zeros_(model.get_parameter("head.classification_head.cls_logits.bias"))
        images = torch.rand(2, 3, 64, 64)
        with torch.no_grad():
            wanted = model(list(images))
    levels = [{"size": [8, 8], "stride": 8}, {"size": [4, 4], "stride": 16}]
    kind = {
        "kind": "boxes", "labels": ["a", "b", "c"], "levels": levels, "offset": 0, "quality": "centerness",
        "most": 20,
    }  # fmt: skip
    network = legonet.Network("tv", (3, 64, 64))
    network.add_task("find", kind)
    network.add_teacher(
        "one", WithoutSuppression(model), category="thing", task="find", cut="backbone",
        output="cls_logits + bbox_regression + bbox_ctrness | permute 0 2 1",
    )  # fmt: skip
    results = network.compile("thing:find", passes="none").results(images)["thing:find"]
    for result, boxes in zip(results, wanted, strict=True):
        assert isinstance(result, Boxes)
        assert len(result.boxes) == len(boxes["boxes"]) > 3
        found = torch.tensor([each[2:] for each in result.boxes])
        torch.testing.assert_close(found, boxes["boxes"], rtol=0, atol=1e-3)
        scores = torch.tensor([each.score for each in result.boxes])
        torch.testing.assert_close(scores, boxes["scores"], rtol=0, atol=1e-5)
        assert [each.label for each in result.boxes] == ["abc"[index] for index in boxes["labels"]]


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
