"""Average precision of boxes, by pycocotools. Needs torch."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import torch
from torch import Tensor

from legonet.outputs.detection import RIGHT, is_object


def average_precisions(found: Tensor, labels: Tensor, count: int) -> list[float | None]:
    """For each label the mean precision at 101 recalls, over all images; None without an object of it.

    Args:
        found: Boxes (images, boxes, 6), as `legonet.blocks.boxes.Decode` gives them.
        labels: (images, objects, 5), corners and label, in the same pixels.
        count: Labels there are.

    Source: Lin et al., Microsoft COCO, arXiv:1405.0312, at an overlap of one half.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    goals, boxes = _rows(labels, is_object(labels, count)), _rows(found, found[..., 5] >= 0)
    if not len(goals) or not len(boxes):
        return [0.0 if label in goals[:, -1] else None for label in range(count)]
    places = range(len(labels))
    with redirect_stdout(io.StringIO()):
        truth: Any = COCO()  # typed narrower than it is
        truth.dataset = {
            "images": [{"id": each} for each in places],
            "categories": [{"id": each} for each in range(count)],
            "annotations": [_annotation(number, row) for number, row in enumerate(goals.tolist(), 1)],
        }
        truth.createIndex()
        judged = COCOeval(truth, truth.loadRes(boxes), "bbox")
        judged.params.iouThrs = np.array([RIGHT])
        judged.params.maxDets = [found.shape[1]]
        judged.params.areaRng, judged.params.areaRngLbl = [[0, np.inf]], ["all"]
        judged.evaluate()
        judged.accumulate()
    means = judged.eval["precision"][0, :, :, 0, 0].mean(0)  # -1 at each recall, where there is no object
    return [None if value < 0 else float(value) for value in means]


def _rows(boxes: Tensor, chosen: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    """As pycocotools has them: image, corner, sides, score (of objects 1), and label."""
    image = torch.arange(len(boxes)).view(-1, 1, 1).expand(*boxes.shape[:2], 1)
    corners, label = boxes[..., :4].cpu(), boxes[..., -1:].round().cpu()
    scores = boxes[..., 4:5].cpu() if boxes.shape[-1] == 6 else torch.ones_like(label)
    rows = torch.cat([image, corners[..., :2], corners[..., 2:] - corners[..., :2], scores, label], 2)
    return rows[chosen.cpu()].double().numpy()


def _annotation(number: int, row: list[float]) -> dict[str, Any]:
    image, *box, _, label = row
    words = {"image_id": int(image), "category_id": int(label), "bbox": box, "area": box[2] * box[3]}
    return {"id": number, "iscrowd": 0} | words
