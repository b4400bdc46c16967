"""What a detector gives becomes boxes in the photo's pixels, of which the likeliest are left. Needs torch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from legonet.blocks.photo import scales_of, sizes_of


class Decode(nn.Module):
    """Lead outputs (batch, numbers, places) to boxes (batch, most, 6), the likeliest first.

    The numbers of a place are its scores, four of its box, and one for the box's quality if there is one.
    Places are ordered by level, row, column and anchor. A box is left, top, right and bottom in the photo's
    pixels, its probability, and the number of its label; rows beyond the last box are 0, and their label -1.

    Args:
        levels: The grids of places: rows, columns, pixels between two places, and width and height of the
            anchors that stand at each.
        offset: Where the first place of a grid is, in steps from the image's edge.
        coding: What the four numbers of a box are. `sides`: distances of its left, top, right and bottom side
            from the place, in anchors. `anchors`: of its middle, in anchors, and logarithms of width and
            height. `cells`: the middle is the sigmoid of two numbers from the place, in steps. `wide-cells`:
            2 sigmoid - 1/2 of them, and width and height are (2 sigmoid)² of the others, in anchors.
        weights: What the four numbers of a box are divided by.
        scores: How many there are.
        background: The first score is that of nothing, and softmax makes probabilities; otherwise a sigmoid.
        quality: `none`, `centerness` or `objectness`.
        overlap: Common part of the union of two boxes of one label above which the likelier one is left.
        most: How many boxes are left of an image, at most.
        size: Height and width that photos are brought to.
        how: As they are brought to it.

    Sources: Lin et al., arXiv:1708.02002 (`anchors`); Tian et al., arXiv:1904.01355 (`sides`); Redmon and
    Farhadi, arXiv:1612.08242 (`cells`); ultralytics' YOLOv5 (`wide-cells`).
    """

    CERTAIN = 0.01  # probability from which on there is a box
    CANDIDATES = 1000  # likeliest pairs of place and label of an image that are looked at
    LARGEST = math.log(1000 / 16)  # logarithm of a box's side in anchors, as torchvision has it

    def __init__(
        self,
        levels: tuple[tuple[int, int, float, tuple[tuple[float, float], ...]], ...],
        offset: float,
        coding: str,
        weights: tuple[float, float, float, float],
        scores: int,
        background: bool,
        quality: str,
        overlap: float,
        most: int,
        size: tuple[int, int],
        how: str,
    ) -> None:
        super().__init__()
        self.levels, self.offset, self.coding, self.weights = levels, offset, coding, weights
        self.scores, self.background, self.quality = scores, background, quality
        self.overlap, self.most = overlap, most
        self.size, self.how = size, how

    def forward(self, output: Tensor, images: Tensor) -> Tensor:
        """The boxes of photos that are left, inside the photo."""
        return self.suppressed(*self.decoded(output, images))

    def decoded(self, output: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """All boxes, corners (batch, places, 4) in the photo, and probabilities (batch, places, labels)."""
        output = output if output.dtype == torch.float64 else output.float()
        height, width = sizes_of(images)
        down, across = scales_of(height, width, self.size, self.how)
        photo, scale = torch.cat([width, height, width, height]), torch.cat([across, down, across, down])
        middle = torch.tensor(self.size[::-1] * 2, device=output.device) / 2
        corners = (self.corners(output) - middle) * scale + photo / 2
        corners = torch.minimum(corners.clamp(min=0), photo)
        low, high = corners[..., :2], corners[..., 2:]
        return torch.cat([low, torch.maximum(low, high)], 2), self.chances(output)

    def suppressed(self, corners: Tensor, chances: Tensor) -> Tensor:
        """Leave out what is unlikely, and what overlaps a likelier box of its label: (batch, most, 6).

        The boxes of all images go through torchvision's suppression at once, so that a batch may have any
        size: images stand one below the other, labels beside each other, and none touches another.
        """
        from torchvision.ops import nms  # which takes as long to import as torch

        labels, count = chances.shape[2], min(self.CANDIDATES, chances.shape[1] * chances.shape[2])
        scores, index = chances.flatten(1).topk(count)
        place, label = index // labels, index % labels
        corners = corners.gather(1, place[..., None].expand(-1, -1, 4))
        side = corners.max() + 1
        image = torch.ones_like(label[:, :1]).cumsum(0) - 1
        apart = torch.stack([label * side, (image * side).expand_as(label)], 2).repeat(1, 1, 2)
        likely = (scores > self.CERTAIN).flatten().nonzero()[:, 0]
        # torch.export takes torchvision's suppression to leave two boxes at least: so two stand outside.
        two = torch.tensor([[-2.0, -2, -1, -1], [-4, -4, -3, -3]], dtype=scores.dtype, device=scores.device)
        boxes = torch.cat([two, (corners + apart).flatten(0, 1)[likely]])
        kept = nms(boxes, torch.cat([two[:, 0], scores.flatten()[likely]]), self.overlap)
        kept = torch.cat([torch.arange(2, device=scores.device), likely + 2])[kept]
        left = torch.cat([torch.zeros_like(two[:, 0]), torch.zeros_like(scores).flatten()])
        left = left.index_fill(0, kept, 1.0)[2:].view_as(scores)
        scores, order = (scores * left).topk(min(self.most, count))
        boxes = torch.cat([corners, label[..., None].to(corners.dtype)], 2)
        boxes = boxes.gather(1, order[..., None].expand(-1, -1, 5))
        found = (scores > 0)[..., None]
        nothing = torch.tensor([0.0, 0, 0, 0, -1], dtype=boxes.dtype, device=boxes.device)
        boxes = torch.where(found, boxes, nothing)
        return torch.cat([boxes[..., :4], scores[..., None], boxes[..., 4:]], 2)

    def corners(self, output: Tensor) -> Tensor:
        """Corners (batch, places, 4) in pixels of the image that the network sees."""
        centres, anchors, steps = self.places(output)
        code = output[:, self.scores : self.scores + 4].transpose(1, 2)
        code = code / torch.tensor(self.weights, dtype=output.dtype, device=output.device)
        first, second = code[..., :2], code[..., 2:]
        if self.coding == "sides":
            return torch.cat([centres - first * anchors, centres + second * anchors], 2)
        if self.coding == "anchors":
            middle = centres + first * anchors
        else:
            first = 2 * first.sigmoid() - 0.5 if self.coding == "wide-cells" else first.sigmoid()
            middle = centres + first * steps
        if self.coding == "wide-cells":
            half = (2 * second.sigmoid()).square() * anchors / 2
        else:
            half = second.clamp(max=self.LARGEST).exp() * anchors / 2
        return torch.cat([middle - half, middle + half], 2)

    def chances(self, output: Tensor) -> Tensor:
        """Probabilities (batch, places, labels)."""
        scores = output[:, : self.scores].transpose(1, 2)
        found = scores.softmax(2)[..., 1:] if self.background else scores.sigmoid()
        if self.quality == "none":
            return found
        found = found * output[:, self.scores + 4 :].transpose(1, 2).sigmoid()
        return found.sqrt() if self.quality == "centerness" else found

    def places(self, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where places are, x and y; width and height of their anchors; their steps: each (places, 2)."""
        centres, anchors, steps = [], [], []
        for rows, columns, step, sizes in self.levels:
            y = (torch.arange(rows, dtype=output.dtype, device=output.device) + self.offset) * step
            x = (torch.arange(columns, dtype=output.dtype, device=output.device) + self.offset) * step
            shape = (rows, columns, len(sizes))
            grid = [x.view(1, -1, 1).expand(shape), y.view(-1, 1, 1).expand(shape)]
            centres.append(torch.stack(grid, 3).flatten(0, 2))
            own = torch.tensor(sizes, dtype=output.dtype, device=output.device)
            anchors.append(own.expand(rows, columns, len(sizes), 2).flatten(0, 2))
            steps.append(torch.full_like(anchors[-1], step))
        return torch.cat(centres), torch.cat(anchors), torch.cat(steps)
