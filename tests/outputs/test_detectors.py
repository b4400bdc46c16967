"""Detectors as their libraries have them, taken in whole: what their own last steps give, ours give too."""

from __future__ import annotations

import functools
import shutil
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD, SSDHead
from torchvision.ops import FeaturePyramidNetwork, batched_nms

import legonet
from legonet.compile import export as exports
from legonet.compile.network import CompiledNetwork
from legonet.outputs.boxes import Boxes

SIDE, CHANNELS = 64, 32
LABELS = ("a", "b", "c")
Found = Mapping[str, Tensor]


class Pyramid(nn.Module):
    """Two levels of a backbone, and a feature pyramid of them."""

    out_channels = CHANNELS

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU())
        self.high = nn.Sequential(nn.Conv2d(16, 24, 3, 2, 1), nn.ReLU())
        self.fpn = FeaturePyramidNetwork([16, 24], CHANNELS)

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        low = self.low(images)
        return self.fpn(OrderedDict(low=low, high=self.high(low)))


class WithoutSuppression(nn.Module):
    """Backbone and head of a detector."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = model.get_submodule("backbone"), model.get_submodule("head")

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return self.head(list(self.backbone(images).values()))


class Cells(nn.Module):
    """A head with anchors: a place's numbers are x, y, width, height, objectness and classes, as YOLO's."""

    def __init__(self, anchors: int) -> None:
        super().__init__()
        self.anchors = anchors
        self.towers = nn.ModuleList(nn.Conv2d(CHANNELS, anchors * (5 + len(LABELS)), 1) for _ in range(2))

    def forward(self, features: list[Tensor]) -> dict[str, Tensor]:
        rows = []
        for tower, each in zip(self.towers, features, strict=True):
            found = tower(each)
            batch, _, height, width = found.shape
            found = found.view(batch, self.anchors, 5 + len(LABELS), height, width)
            rows.append(found.permute(0, 3, 4, 1, 2).reshape(batch, -1, 5 + len(LABELS)))
        whole = torch.cat(rows, 1)
        return {"boxes": whole[..., :4], "objectness": whole[..., 4:5], "classes": whole[..., 5:]}


class Distances(nn.Module):
    """A head without anchors: each distance is the mean of a distribution over bins, as YOLOv8's."""

    BINS = 8

    def __init__(self) -> None:
        super().__init__()
        self.boxes = nn.ModuleList(nn.Conv2d(CHANNELS, 4 * self.BINS, 1) for _ in range(2))
        self.classes = nn.ModuleList(nn.Conv2d(CHANNELS, len(LABELS), 1) for _ in range(2))
        self.register_buffer("bins", torch.arange(float(self.BINS)))

    def forward(self, features: list[Tensor]) -> dict[str, Tensor]:
        boxes = torch.cat([one(each).flatten(2) for one, each in zip(self.boxes, features, strict=True)], 2)
        classes = [one(each).flatten(2) for one, each in zip(self.classes, features, strict=True)]
        shares = boxes.unflatten(1, (4, self.BINS)).softmax(2)
        distances = (shares * self.get_buffer("bins").view(-1, 1)).sum(2)
        return {"boxes": distances.transpose(1, 2), "classes": torch.cat(classes, 2).transpose(1, 2)}


class Yolo(nn.Module):
    """A backbone with a head of the above."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = Pyramid(), head


def randomly(model: nn.Module, spread: float = 1.0) -> nn.Module:
    """Weights that make outputs of size 1, so that some places hold something."""
    for each in model.modules():
        if isinstance(each, nn.Conv2d):
            nn.init.kaiming_normal_(each.weight, nonlinearity="relu")
            with torch.no_grad():
                each.weight.mul_(spread)
            if each.bias is not None:
                nn.init.zeros_(each.bias)
    return model.eval()


def compare(
    model: nn.Module, output: str, kind: dict[str, Any], wanted: list[Found], images: Tensor, first: int = 0
) -> None:
    """Cut a detector, join it again, and compare its boxes with what its library gives."""
    network = legonet.Network("tv", (3, SIDE, SIDE))
    network.add_task("find", {"kind": "boxes", "labels": LABELS, "most": 20, "keep": 0.3, **kind})
    network.add_teacher(
        "one", WithoutSuppression(model), category="thing", task="find", cut="backbone", output=output
    )
    results = network.compile("thing:find").results(images)["thing:find"]
    for result, boxes in zip(results, wanted, strict=True):
        assert isinstance(result, Boxes)
        assert len(result.boxes) == len(boxes["boxes"]) > 3
        scores = torch.tensor([each.score for each in result.boxes])
        torch.testing.assert_close(scores, boxes["scores"], rtol=0, atol=1e-4)
        found = torch.tensor([each[2:] for each in result.boxes])
        torch.testing.assert_close(found, boxes["boxes"], rtol=0, atol=1e-2)
        assert [each.label for each in result.boxes] == [LABELS[index - first] for index in boxes["labels"]]


@pytest.fixture
def images() -> Tensor:
    torch.manual_seed(0)
    return torch.rand(2, 3, SIDE, SIDE)


USUAL: dict[str, Any] = {
    "min_size": SIDE, "max_size": SIDE, "image_mean": [0.0] * 3, "image_std": [1.0] * 3, "score_thresh": 0.3,
    "nms_thresh": 0.5, "detections_per_img": 20, "topk_candidates": 1000,
}  # fmt: skip


def test_fcos(images: Tensor) -> None:
    anchors = AnchorGenerator(((8,), (16,)), ((1.0,),) * 2)
    model = randomly(FCOS(Pyramid(), len(LABELS), anchor_generator=anchors, **USUAL))
    with torch.no_grad():
        wanted = model(list(images))
    kind = {
        "levels": [{"size": [8, 8], "stride": 8}, {"size": [4, 4], "stride": 16}], "offset": 0,
        "quality": "centerness",
    }  # fmt: skip
    compare(model, "cls_logits + bbox_regression + bbox_ctrness | permute 0 2 1", kind, wanted, images)


def test_retinanet(images: Tensor) -> None:
    anchors = AnchorGenerator(((16, 24), (32, 40)), ((0.5, 1.0),) * 2)
    model = randomly(RetinaNet(Pyramid(), len(LABELS), anchor_generator=anchors, **USUAL), 0.8)
    with torch.no_grad():
        wanted = model(list(images))
    levels = []
    for size, stride, cells in zip((8, 4), (8, 16), anchors.cell_anchors, strict=True):
        sizes = [[float(right - left), float(bottom - top)] for left, top, right, bottom in cells]
        levels.append({"size": [size, size], "stride": stride, "anchors": sizes})
    kind = {"levels": levels, "offset": 0, "coding": "anchors"}
    compare(model, "cls_logits + bbox_regression | permute 0 2 1", kind, wanted, images)


def test_ssd(images: Tensor) -> None:
    boxes = DefaultBoxGenerator([[2], [2, 3]], scales=[0.2, 0.5, 0.9])
    head = SSDHead([CHANNELS] * 2, boxes.num_anchors_per_location(), 1 + len(LABELS))
    settings = {name: value for name, value in USUAL.items() if name not in ("min_size", "max_size")}
    model = randomly(SSD(Pyramid(), boxes, (SIDE, SIDE), 1 + len(LABELS), head=head, **settings))
    with torch.no_grad():
        wanted = model(list(images))
    levels = [
        {"size": [size, size], "stride": SIDE / size, "anchors": (SIDE * pairs).tolist()}
        for size, pairs in zip((8, 4), boxes._wh_pairs, strict=True)
    ]
    kind = {
        "levels": levels, "coding": "anchors", "weights": [10, 10, 5, 5], "scores": "softmax",
    }  # fmt: skip
    compare(model, "cls_logits + bbox_regression | permute 0 2 1", kind, wanted, images, first=1)


def suppressed(corners: Tensor, chances: Tensor) -> list[Found]:
    """What ultralytics' `non_max_suppression` leaves with several labels for each box."""
    found = []
    for boxes, each in zip(corners.clamp(0, SIDE), chances, strict=True):
        place, label = (each > 0.3).nonzero(as_tuple=True)
        kept = batched_nms(boxes[place], each[place, label], label, 0.5)[:20]
        scores = each[place, label][kept]
        found.append({"boxes": boxes[place][kept], "scores": scores, "labels": label[kept]})
    return found


@pytest.mark.parametrize("coding", ["cells", "wide-cells"])
def test_yolo_with_anchors(coding: str, images: Tensor) -> None:
    """YOLOv3's and YOLOv5's own decoding, level by level, anchor by anchor."""
    anchors = torch.tensor([[[10.0, 13], [16, 30]], [[30, 61], [62, 45]]])
    model = randomly(Yolo(Cells(2)))
    with torch.no_grad():
        numbers = WithoutSuppression(model)(images)
    begin, boxes = 0, []
    for size, stride, sizes in zip((8, 4), (8, 16), anchors, strict=True):
        code = numbers["boxes"][:, begin : begin + 2 * size * size].view(-1, size, size, 2, 4)
        begin += 2 * size * size
        y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        grid = torch.stack([x, y], 2)[None, :, :, None]
        if coding == "cells":
            middle, sides = (code[..., :2].sigmoid() + grid) * stride, code[..., 2:].exp() * sizes
        else:
            middle = (code[..., :2].sigmoid() * 2 - 0.5 + grid) * stride
            sides = (code[..., 2:].sigmoid() * 2) ** 2 * sizes
        boxes.append(torch.cat([middle - sides / 2, middle + sides / 2], 4).flatten(1, 3))
    wanted = suppressed(torch.cat(boxes, 1), numbers["objectness"].sigmoid() * numbers["classes"].sigmoid())
    levels = [
        {"size": [size, size], "stride": stride, "anchors": sizes.tolist()}
        for size, stride, sizes in zip((8, 4), (8, 16), anchors, strict=True)
    ]
    kind = {"levels": levels, "offset": 0, "coding": coding, "quality": "objectness"}
    compare(model, "classes + boxes + objectness | permute 0 2 1", kind, wanted, images)


def test_yolo_without_anchors(images: Tensor) -> None:
    """YOLOv8's own decoding: `dist2bbox` from the middles of cells."""
    model = randomly(Yolo(Distances()))
    with torch.no_grad():
        numbers = WithoutSuppression(model)(images)
    middles, strides = [], []
    for size, stride in ((8, 8), (4, 16)):
        y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
        middles.append(torch.stack([x, y], 2).view(-1, 2))
        strides.append(torch.full((size * size, 1), stride))
    middle, stride = torch.cat(middles), torch.cat(strides)
    before, behind = numbers["boxes"].chunk(2, 2)
    corners = torch.cat([middle - before, middle + behind], 2) * stride
    wanted = suppressed(corners, numbers["classes"].sigmoid())
    kind = {"levels": [{"size": [8, 8], "stride": 8}, {"size": [4, 4], "stride": 16}]}
    compare(model, "classes + boxes | permute 0 2 1", kind, wanted, images)


def test_yolox(images: Tensor) -> None:
    """YOLOX's own decoding: (x, y) + grid and exp(width, height), in steps."""
    model = randomly(Yolo(Cells(1)))
    with torch.no_grad():
        numbers = WithoutSuppression(model)(images)
    grids, strides = [], []
    for size, stride in ((8, 8), (4, 16)):
        y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        grids.append(torch.stack([x, y], 2).view(-1, 2))
        strides.append(torch.full((size * size, 1), stride))
    grid, stride = torch.cat(grids), torch.cat(strides)
    middle, sides = (numbers["boxes"][..., :2] + grid) * stride, numbers["boxes"][..., 2:].exp() * stride
    wanted = suppressed(
        torch.cat([middle - sides / 2, middle + sides / 2], 2),
        numbers["objectness"].sigmoid() * numbers["classes"].sigmoid(),
    )
    kind = {
        "levels": [{"size": [8, 8], "stride": 8}, {"size": [4, 4], "stride": 16}], "offset": 0,
        "coding": "anchors", "quality": "objectness",
    }  # fmt: skip
    compare(model, "classes + boxes + objectness | permute 0 2 1", kind, wanted, images)


def finds(photos: Tensor, file: Path) -> Tensor:
    """Load a file as a user does, and run it."""
    if file.suffix == ".pt2":
        found = torch.export.load(file).module()(photos)
    elif file.suffix == ".onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        found = torch.from_numpy(session.run(["thing:find"], {"images": photos.numpy()})[0])
    else:
        text = (file / "model.py").read_text()
        assert "needs torch, torchvision and safetensors only" in text
        assert "legonet" not in text.replace("Written by legonet", "")
        space: dict[str, Any] = {"__name__": "model", "__file__": str(file / "model.py")}
        exec(compile(text, "model.py", "exec"), space)  # noqa: S102 - what was just written
        found = space["load"]()(photos)["thing:find"]
    assert isinstance(found, Tensor)
    return found


@pytest.fixture(scope="module")
def detector() -> CompiledNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = randomly(Yolo(Cells(1)))
    levels = [{"size": [8, 8], "stride": 8}, {"size": [4, 4], "stride": 16}]
    network = legonet.Network("yolo", (3, SIDE, SIDE))
    network.add_task(
        "find",
        {
            "kind": "boxes", "labels": LABELS, "levels": levels, "coding": "cells", "offset": 0, "most": 12,
            "quality": "objectness",
        },
    )  # fmt: skip
    network.add_teacher(
        "one", WithoutSuppression(model), category="thing", task="find", cut="backbone",
        output="classes + boxes + objectness | permute 0 2 1",
    )  # fmt: skip
    app = network.compile("thing:find")
    assert isinstance(app, CompiledNetwork)
    return app


@pytest.fixture(scope="module")
def exported(
    detector: CompiledNetwork, exports_once: None, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """The detector's file of a name, written once."""
    folder = tmp_path_factory.mktemp("exported")
    return functools.cache(lambda name: legonet.export(detector, folder / name).path)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # torch's, of its own
@pytest.mark.parametrize("name", ["app.pt2", "app.onnx", "app"])
def test_suppression_is_part_of_exports(
    name: str, detector: CompiledNetwork, exported: Callable[[str], Path]
) -> None:
    """Photos of a size of their own, a batch of a size of its own: what the module gives, in their pixels."""
    photos = torch.rand(5, 3, 150, 90, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        wanted = detector(photos)
        found = finds(photos, exported(name))
    assert found.shape == wanted.shape == (5, 12, 6)
    assert (wanted[..., 5] >= 0).all(0).any(), "no boxes"
    assert float(wanted[..., 2].max()) > 80
    assert float(wanted[..., 3].max()) > 140
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-3)
    with torch.no_grad():
        assert detector.signature is not None
        few, best = detector.signature.outputs["thing:find"].meaning.apart, detector(photos[:1])
    assert few(best, wanted[:1]) < 1e-5


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # torch's, of its own
@pytest.mark.parametrize("name", ["app.pt2", "app.onnx"])
def test_weights_of_8_bits_find_nearly_the_same(
    name: str,
    detector: CompiledNetwork,
    exported: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = exported(name)
    for write in ("write_pt2", "write_onnx"):
        monkeypatch.setattr(exports, write, lambda network, signature, path: shutil.copy(plain, path))
    done = legonet.export(detector, tmp_path / name, int8=True)
    assert done.beside is not None
    assert done.size < done.beside.plain_size
    assert 0.9 < done.beside.agreement["thing:find"] <= 1
    assert 0 < done.difference <= 1
