"""What detectors are compared and measured by. Needs torch.

Few places of an image hold an object, so that what all others say would outweigh it: losses are divided by
how much of the image is an object's.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.blocks.boxes import Decode
from legonet.outputs.losses import SHARPNESS, expect_labels

RIGHT = 0.5  # of the union of two boxes is common to both, at least, if they are of one thing
RARE = 0.01  # of the places that hold an object, at least, for losses
SAME = 1e-3  # difference of two probabilities, or of boxes, that may be of one thing
NEAREST = 5  # places that learn an object
FOCUS = 2.0  # of the focal loss
EXACT = 0.1  # sides of an object below which a corner's distance counts by its square


class Compared(NamedTuple):
    """How far two outputs are apart, for each object that the teacher sees: scalars, 0 where both agree.

    Attributes:
        scores: Divergence of the scores, and of the quality where there is an object.
        boxes: Distance of the boxes.
    """

    scores: Tensor
    boxes: Tensor


def compared(student: Tensor, teacher: Tensor, decode: Decode, scale: Tensor | float = 1.0) -> Compared:
    """Compare outputs (batch, numbers, places) place by place.

    Boxes are compared as they are decoded, by what they have in common, and count as much as the teacher is
    sure of them: so what the decoder leaves out has no weight.

    Args:
        student: The student's outputs.
        teacher: The teacher's.
        decode: Says which number is what.
        scale: That scores and quality are divided by before they become probabilities, (1, numbers, 1).
    """
    one, other = student / scale, teacher / scale
    count, sure = decode.scores, _held(other, decode)
    if decode.background:
        found, wanted = (each[:, :count].log_softmax(1) for each in (one, other))
        apart = F.kl_div(found, wanted, reduction="none", log_target=True).sum(1)
    else:
        apart = _sigmoid_apart(one[:, :count], other[:, :count])
    if decode.quality != "none":
        apart = apart + sure * _sigmoid_apart(one[:, count + 4 :], other[:, count + 4 :])
    held = _held(teacher, decode)
    boxes = held * _distances(decode.corners(student), decode.corners(teacher))
    return Compared(apart.mean() / sure.mean().clamp_min(RARE), boxes.mean() / held.mean().clamp_min(RARE))


def _held(output: Tensor, decode: Decode) -> Tensor:
    """The probability that each place holds an object, (batch, places)."""
    scores = output[:, : decode.scores]
    return 1 - scores.softmax(1)[:, 0] if decode.background else scores.sigmoid().amax(1)


def _sigmoid_apart(student: Tensor, teacher: Tensor) -> Tensor:
    target = teacher.sigmoid()
    cross, own = (
        F.binary_cross_entropy_with_logits(each, target, reduction="none") for each in (student, teacher)
    )
    return (cross - own).sum(1)


def scaled(student: Tensor, teacher: Tensor, scale: Tensor, decode: Decode) -> Tensor:
    """Compare what outputs decide, scores in units of the teacher's spread."""
    if decode.background and scale.ndim > 1:  # a scale for each class would change which one is the largest
        one = scale[:, : decode.scores].square().mean(1, keepdim=True).sqrt()
        scale = torch.cat([one.expand(-1, decode.scores, -1), scale[:, decode.scores :]], 1)
    found = compared(student, teacher, decode, scale / SHARPNESS)
    return found.scores + found.boxes


def same_boxes(student: Tensor, teacher: Tensor, decode: Decode, least: float) -> Tensor:
    """Of the places where either sees an object, the part where both see the same, (batch,).

    Args:
        student: The student's outputs.
        teacher: The teacher's.
        decode: Reads them.
        least: The probability from which on a place holds an object.
    """
    (one, label), (other, wanted) = (decode.chances(each).max(2) for each in (student, teacher))
    either = (one > least) | (other > least)
    common = _overlaps(decode.corners(student), decode.corners(teacher))
    same = (one > least) & (other > least) & (label == wanted) & (common > RIGHT)
    count = either.sum(1)
    return torch.where(count > 0, same.sum(1) / count.clamp_min(1), 1.0)


def _distances(one: Tensor, other: Tensor) -> Tensor:
    """How far boxes (…, 4) are apart, one by one, 0 to 2: also of those that have nothing in common.

    Source: Zheng et al., Distance-IoU loss, arXiv:1911.08287, equation (7).
    """
    low, high = torch.minimum(one[..., :2], other[..., :2]), torch.maximum(one[..., 2:], other[..., 2:])
    middles = (one[..., :2] + one[..., 2:] - other[..., :2] - other[..., 2:]) / 2
    across = (high - low).square().sum(-1)
    return 1 - _overlaps(one, other) + middles.square().sum(-1) / (across + 1e-9)


def _overlaps(one: Tensor, other: Tensor) -> Tensor:
    """The common part of the union of boxes (…, 4), one by one."""
    low, high = torch.maximum(one[..., :2], other[..., :2]), torch.minimum(one[..., 2:], other[..., 2:])
    areas = [(each[..., 2:] - each[..., :2]).clamp_min(0).prod(-1) for each in (one, other)]
    common = (high - low).clamp_min(0).prod(-1)
    tiny = 1e-9  # two boxes without a size are the same
    return (common + tiny) / (areas[0] + areas[1] - common + tiny)


def boxes_apart(found: Tensor, wanted: Tensor, overlap: float) -> float:
    """The largest difference of boxes (images, boxes, 6) that are in both, as a share of the largest corner.

    Of two boxes that are as likely but for a rounding error, either may leave the other out. So a box of one
    side alone is none too many where the other side has one as likely that leaves it out; infinity if not.

    Args:
        found: Boxes, as `legonet.blocks.boxes.Decode` gives them.
        wanted: Likewise.
        overlap: As suppression has it.
    """
    pairs = [*zip(found, wanted, strict=True), *zip(wanted, found, strict=True)]
    return max((_apart(one, other, overlap) for one, other in pairs), default=0.0)


def _apart(one: Tensor, other: Tensor, overlap: float) -> float:
    """How far each box of one image is from the nearest of the other, unless that leaves it out."""
    full = bool((other[:, 5] >= 0).all())
    one, other = (each[each[:, 5] >= 0] for each in (one, other))
    if not len(one):
        return 0.0
    unlike = one[:, None, 5] != other[None, :, 5]
    size = one.new_tensor([float(one[:, :4].max().clamp_min(1))] * 4 + [1.0])
    differences = ((one[:, None, :5] - other[None, :, :5]) / size).abs().amax(2)
    none = one.new_full((len(one), 1), torch.inf)
    nearest = torch.cat([differences.masked_fill(unlike, torch.inf), none], 1).amin(1)
    as_likely = other[None, :, 4] > one[:, None, 4] - SAME
    covered = (_overlaps(one[:, None, :4], other[None, :, :4]) > overlap - SAME) & ~unlike
    out = (covered & as_likely).any(1) | (one[:, 4] < Decode.CERTAIN + SAME) | (as_likely.all(1) & full)
    return float(torch.where((nearest > SAME) & out, 0.0, nearest).max())


def boxes_alike(found: Tensor, wanted: Tensor, least: float) -> Tensor:
    """Of the boxes (images, boxes, 6) that either side has, the part that the other has too, (images,).

    Args:
        found: Boxes, as `legonet.blocks.boxes.Decode` gives them.
        wanted: Likewise.
        least: The probability above which they count.
    """
    shares = []
    for pair in zip(found, wanted, strict=True):
        one, other = (each[each[:, 4] > least] for each in pair)
        both = (_overlaps(one[:, None, :4], other[None, :, :4]) > RIGHT) & (
            one[:, None, 5] == other[None, :, 5]
        )
        count = len(one) + len(other)
        shares.append((both.any(1).sum() + both.any(0).sum()) / count if count else found.new_tensor(1.0))
    return torch.stack(shares)


def is_object(labels: Tensor, count: int) -> Tensor:
    """Which rows of labels (…, 5), corners and label, are of an object: it has a size and a known label."""
    sizes = labels[..., 2:4] - labels[..., :2]
    return (sizes > 0).all(-1) & (labels[..., 4] >= 0) & (labels[..., 4] < count)


def detection_loss(output: Tensor, labels: Tensor, decode: Decode) -> Tensor:
    """Losses of scores, boxes and their quality, per object.

    An object is learned by the places inside its box whose boxes and scores are nearest to it already, so
    that levels and anchors need no rules of their own.

    Args:
        output: (batch, numbers, places).
        labels: (batch, objects, 5): corners in pixels of the network's image, and the label; other rows are
            none.
        decode: Reads them.

    Sources: Ge et al., YOLOX, arXiv:2107.08430 (which places learn an object); Lin et al., arXiv:1708.02002
    (focal loss). Corners are compared in sides of the object, since that is bounded below for any outputs.
    """
    labels = expect_labels(labels, (len(output), labels.shape[1] if labels.ndim > 1 else 1, 5), output.device)
    corners, chances = decode.corners(output), decode.chances(output)
    first = int(decode.background)
    target = torch.zeros_like(output[:, : decode.scores])
    learned, goals, overlaps = [], [], torch.zeros_like(output[:, 0])
    for image, rows in enumerate(labels.to(output.dtype)):
        rows = rows[is_object(rows, decode.scores - first)]
        for place, row in _assigned(corners[image], chances[image], rows, decode, output):
            target[image, int(row[4]) + first, place] = 1
            learned.append(corners[image, place])
            goals.append(row[:4].expand(len(place), 4))
            overlaps[image, place] = _overlaps(corners[image, place].detach(), row[:4])
    count = max(1, len(goals))
    return (
        _score_loss(output[:, : decode.scores], target, decode) / count
        + (_box_loss(torch.cat(learned), torch.cat(goals)) / count if goals else 0)
        + _quality_loss(output, overlaps, target[:, first:].amax(1), decode) / count
    )


def _assigned(
    corners: Tensor, chances: Tensor, rows: Tensor, decode: Decode, output: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """The places that learn each object; smaller objects come last, and take a place that two want."""
    centres, *_ = decode.places(output)
    found = []
    areas = (rows[:, 2:4] - rows[:, :2]).prod(1)
    for row in rows[areas.argsort(descending=True)]:
        inside = ((centres >= row[:2]) & (centres <= row[2:4])).all(1).nonzero()[:, 0]
        if not len(inside):
            inside = (centres - (row[:2] + row[2:4]) / 2).norm(dim=1).argmin()[None]
        chance = chances[inside, int(row[4])].detach().clamp_min(1e-9)
        cost = -chance.log() - 3 * _overlaps(corners[inside].detach(), row[:4]).log()
        found.append((inside[cost.topk(min(NEAREST, len(inside)), largest=False).indices], row))
    return found


def _box_loss(corners: Tensor, goals: Tensor) -> Tensor:
    sides = (goals[:, 2:] - goals[:, :2]).clamp_min(1).repeat(1, 2)
    return F.smooth_l1_loss(corners / sides, goals / sides, reduction="sum", beta=EXACT)


def _score_loss(scores: Tensor, target: Tensor, decode: Decode) -> Tensor:
    if decode.background:
        right = torch.where(target.amax(1) > 0, target.argmax(1), 0)
        cross = F.cross_entropy(scores, right, reduction="none")
        return ((1 - (-cross).exp()) ** FOCUS * cross).sum()
    cross = F.binary_cross_entropy_with_logits(scores, target, reduction="none")
    return ((1 - (-cross).exp()) ** FOCUS * cross).sum()


def _quality_loss(output: Tensor, overlaps: Tensor, learned: Tensor, decode: Decode) -> Tensor:
    if decode.quality == "none":
        return output.new_zeros(())
    scores = output[:, decode.scores + 4]
    cross = F.binary_cross_entropy_with_logits(scores, overlaps, reduction="none")
    return (cross * (learned if decode.quality == "centerness" else 1)).sum()
