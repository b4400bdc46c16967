"""Photos of any size become what a module takes, and maps come back in the photo's pixels. Needs torch.

Both are products with matrices that are made from the sizes alone, so that they are exported with the network
and take photos of any height and width. What lies under an output pixel is averaged, as Pillow does it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def sizes_of(images: Tensor) -> tuple[Tensor, Tensor]:
    """Height and width as tensors (1,), by operations that every export can write."""
    ones = torch.ones_like(images[:1, :1, :, :1], dtype=torch.float32).flatten()
    others = torch.ones_like(images[:1, :1, :1, :], dtype=torch.float32).flatten()
    return ones.sum(0, keepdim=True), others.sum(0, keepdim=True)


def scales_of(height: Tensor, width: Tensor, size: tuple[int, int], how: str) -> tuple[Tensor, Tensor]:
    """How many pixels of a photo, vertically and horizontally, make one of the size that it is brought to."""
    down, across = height / size[0], width / size[1]
    if how == "fit":
        down = across = torch.maximum(down, across)
    if how == "crop":
        down = across = torch.minimum(down, across)
    if how == "pad":
        down, across = torch.ones_like(down), torch.ones_like(across)
    return down, across


def weights_of(places: Tensor, scale: Tensor, known: Tensor, kernel: str) -> Tensor:
    """What each known pixel adds to values at some places: (places, known), rows that sum to 1.

    Args:
        places: In units of known pixels, from the first one's outer edge.
        scale: Distance of places; beyond 1 all pixels between them count.
        known: The centres of the known pixels.
        kernel: `bilinear`, `bicubic` (Keys, a = -1/2) or `nearest`.
    """
    if kernel == "nearest":
        # The pixel whose square a place lies in; a place on an edge belongs to the pixel after it.
        apart = known[None] - (places.floor() + 0.5)[:, None]
        weights = (apart.abs() < 0.25).to(places.dtype)
    else:
        apart = ((known[None] - places[:, None]) / scale.clamp(min=1)).abs()
        weights = (1 - apart).clamp(min=0)
        if kernel == "bicubic":
            near = (1.5 * apart - 2.5) * apart * apart + 1
            far = ((2.5 - 0.5 * apart) * apart - 4) * apart + 2
            weights = torch.where(apart < 1, near, torch.where(apart < 2, far, torch.zeros_like(far)))
    total = weights.sum(1, keepdim=True)
    return weights / torch.where(total == 0, torch.ones_like(total), total)


class Resize(nn.Module):
    """Bring photos (batch, channels, height, width) to one shape.

    Args:
        shape: (channels, height, width) of what it gives. Of a photo with three channels one is made as grey,
            of one with one channel three alike.
        how: `fit`: the whole photo, what it leaves over is filled. `crop`: its middle, which leaves nothing
            over. `pad`: pixels keep their size, filled or cut at the borders. `squash`: each side by itself.
        kernel: The interpolation, see `weights_of`.
        fill: One number per channel beside the photo.
    """

    def __init__(
        self, shape: tuple[int, int, int], how: str, kernel: str, fill: tuple[float, ...] | None
    ) -> None:
        super().__init__()
        self.shape, self.how, self.kernel = shape, how, kernel
        self.fill = fill if fill is not None and any(fill) and how != "squash" and how != "crop" else None

    def forward(self, images: Tensor) -> Tensor:
        """Photos of the shape already are given back as they are."""
        if not torch.compiler.is_exporting() and tuple(images.shape[1:]) == self.shape:
            return images
        if images.shape[1] == 3 and self.shape[0] == 1:
            red, green, blue = images.split(1, 1)
            images = 0.299 * red + 0.587 * green + 0.114 * blue
        given = images.dtype
        if given != torch.float64:
            images = images.float()
        rows, columns = self._matrices(images)
        found = torch.matmul(images, columns.transpose(0, 1))
        if self.kernel == "bicubic":  # which overshoots beside edges
            found = torch.matmul(rows, found.clamp(0, 1)).clamp(0, 1)
        else:
            found = torch.matmul(rows, found)
        if images.shape[1] == 1 and self.shape[0] == 3:
            found = torch.cat([found, found, found], 1)
        if self.fill is not None:
            covered = rows.sum(1)[:, None] * columns.sum(1)[None]
            fill = torch.tensor(self.fill, dtype=found.dtype, device=found.device).view(-1, 1, 1)
            found = found + (1 - covered) * fill
        return found.to(given)

    def _matrices(self, images: Tensor) -> list[Tensor]:
        height, width = sizes_of(images)
        scales = scales_of(height, width, self.shape[1:], self.how)
        made = []
        for size, scale, number, axis in zip(
            (height, width), scales, self.shape[1:], ("height", "width"), strict=True
        ):
            line = images[0, 0, :, 0] if axis == "height" else images[0, 0, 0, :]
            known = torch.cumsum(torch.ones_like(line, dtype=torch.float32), 0) - 0.5
            wanted = torch.arange(number, device=images.device, dtype=torch.float32) + 0.5
            places = (wanted - number / 2) * scale + size / 2
            inside = ((places > 0) & (places < size)).to(known.dtype)
            weights = weights_of(places, scale, known, self.kernel) * inside[:, None]
            made.append(weights.to(images.dtype))
        return made


class Restore(nn.Module):
    """Bring maps of what `Resize` gave back to the pixels of the photo that it was given.

    What a crop left out has what the nearest pixel has that was seen.

    Args:
        size: Height and width that photos were brought to.
        how: As they were brought to it.
    """

    def __init__(self, size: tuple[int, int], how: str) -> None:
        super().__init__()
        self.size, self.how = size, how

    def forward(self, maps: Tensor, images: Tensor) -> Tensor:
        """Maps (batch, channels, any height, any width) over the photos, in the size of the photos."""
        exporting = torch.compiler.is_exporting()
        if not exporting and maps.shape[2:] == images.shape[2:] and tuple(images.shape[2:]) == self.size:
            return maps
        given = maps.dtype
        if given != torch.float64:
            maps = maps.float()
        height, width = sizes_of(images)
        scales = scales_of(height, width, self.size, self.how)
        made = []
        for photo, scale, number, count, axis in zip(
            (height, width), scales, self.size, maps.shape[2:], ("height", "width"), strict=True
        ):
            line = images[0, 0, :, 0] if axis == "height" else images[0, 0, 0, :]
            pixels = torch.cumsum(torch.ones_like(line, dtype=torch.float32), 0) - 0.5
            places = ((pixels - photo / 2) / scale + number / 2) * (count / number)
            known = torch.arange(count, device=maps.device, dtype=torch.float32) + 0.5
            seen = places.clamp(0.5, count - 0.5)
            made.append(weights_of(seen, (count / number) / scale, known, "bilinear").to(maps.dtype))
        rows, columns = made
        return torch.matmul(rows, torch.matmul(maps, columns.transpose(0, 1))).to(given)
