"""What a detector gives becomes boxes in the photo's pixels and probabilities. Needs torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from legonet.blocks.photo import scales_of, sizes_of


class Decode(nn.Module):
    """Lead outputs (batch, numbers, places) to (batch, places, 4 + labels): corners in pixels, probabilities.

    The numbers of a place are its scores, four of its box, and one for the box's quality if there is one.
    Places are ordered by level, row, column and anchor.

    Args:
        levels: The grids of places: rows, columns, pixels between two places, and width and height of the
            anchors that stand at each.
        offset: Where the first place of a grid is, in steps from the image's edge.
        sides: Boxes are distances of their left, top, right and bottom sides from the place, in anchors;
            otherwise distances of their middle in anchors, and logarithms of their width and height.
        weights: What the four numbers of a box are divided by.
        scores: How many there are.
        background: The first score is that of nothing, and softmax makes probabilities; otherwise a sigmoid.
        quality: `none`, `centerness` or `objectness`.
        size: Height and width that photos are brought to.
        how: As they are brought to it.
    """

    def __init__(
        self,
        levels: tuple[tuple[int, int, float, tuple[tuple[float, float], ...]], ...],
        offset: float,
        sides: bool,
        weights: tuple[float, float, float, float],
        scores: int,
        background: bool,
        quality: str,
        size: tuple[int, int],
        how: str,
    ) -> None:
        super().__init__()
        self.levels, self.offset, self.sides, self.weights = levels, offset, sides, weights
        self.scores, self.background, self.quality = scores, background, quality
        self.size, self.how = size, how

    def forward(self, output: Tensor, images: Tensor) -> Tensor:
        """The boxes of photos, corners left, top, right and bottom inside the photo."""
        output = output if output.dtype == torch.float64 else output.float()
        height, width = sizes_of(images)
        down, across = scales_of(height, width, self.size, self.how)
        photo, scale = torch.cat([width, height, width, height]), torch.cat([across, down, across, down])
        middle = torch.tensor(self.size[::-1] * 2, device=output.device) / 2
        corners = (self.corners(output) - middle) * scale + photo / 2
        corners = torch.minimum(corners.clamp(min=0), photo)
        return torch.cat([corners, self.chances(output)], 2)

    def corners(self, output: Tensor) -> Tensor:
        """Corners (batch, places, 4) in pixels of the image that the network sees."""
        centres, anchors = self.places(output)
        code = output[:, self.scores : self.scores + 4].transpose(1, 2)
        code = code / torch.tensor(self.weights, dtype=output.dtype, device=output.device)
        if self.sides:
            return torch.cat([centres - code[..., :2] * anchors, centres + code[..., 2:] * anchors], 2)
        middle, half = centres + code[..., :2] * anchors, code[..., 2:].clamp(max=4).exp() * anchors / 2
        return torch.cat([middle - half, middle + half], 2)

    def chances(self, output: Tensor) -> Tensor:
        """Probabilities (batch, places, labels)."""
        scores = output[:, : self.scores].transpose(1, 2)
        found = scores.softmax(2)[..., 1:] if self.background else scores.sigmoid()
        if self.quality == "none":
            return found
        found = found * output[:, self.scores + 4 :].transpose(1, 2).sigmoid()
        return found.sqrt() if self.quality == "centerness" else found

    def places(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Where the places are, and the sizes of their anchors: x and y, width and height, (places, 2)."""
        centres, anchors = [], []
        for rows, columns, step, sizes in self.levels:
            y = (torch.arange(rows, dtype=output.dtype, device=output.device) + self.offset) * step
            x = (torch.arange(columns, dtype=output.dtype, device=output.device) + self.offset) * step
            shape = (rows, columns, len(sizes))
            grid = [x.view(1, -1, 1).expand(shape), y.view(-1, 1, 1).expand(shape)]
            centres.append(torch.stack(grid, 3).flatten(0, 2))
            own = torch.tensor(sizes, dtype=output.dtype, device=output.device)
            anchors.append(own.expand(rows, columns, len(sizes), 2).flatten(0, 2))
        return torch.cat(centres), torch.cat(anchors)
