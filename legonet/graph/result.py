"""What the output of one image says: the base of the results of all kinds. Needs no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from legonet.notebook import escape, page, picture

if TYPE_CHECKING:
    from PIL.Image import Image


class Result(ABC):
    """What the output of one image says, in the words of its task; printed, it is its text.

    A kind defines `data` and `text`, and `picture` and `overlay` where there is something to draw.
    """

    @abstractmethod
    def data(self) -> dict[str, Any]:
        """Return it as plain data for JSON, numbers to four decimal places; arrays are left out."""

    @abstractmethod
    def text(self) -> str:
        """Return it as a part of a line for people."""

    def picture(self) -> Image | None:
        """Draw it by itself, such as a mask in grey; None where there is nothing to draw."""
        return None

    def overlay(self, photo: Image) -> Image | None:
        """Draw it over its image, at the image's own size; None where there is nothing to draw.

        Args:
            photo: The image, in RGB; it is not changed.

        Returns:
            Another image of the same size.
        """
        return None

    def layer(self, size: tuple[int, int]) -> Image | None:
        """Draw what it lays over an image, and nothing of the image; None where there is nothing to draw.

        Args:
            size: Width and height in pixels.

        Returns:
            An image that is transparent where nothing is drawn: here, what differs on black and on white.
        """
        import numpy as np
        from PIL import Image

        drawn = [self.overlay(Image.new("RGB", size, (grey, grey, grey))) for grey in (0, 255)]
        on_black, on_white = (None if each is None else np.asarray(each.convert("RGB")) for each in drawn)
        if on_black is None or on_white is None:
            return None
        alpha = 255 - (on_white.astype(np.float32) - on_black).mean(axis=2, keepdims=True).clip(0, 255)
        colour = (on_black * (255 / np.maximum(alpha, 1))).clip(0, 255)
        return Image.fromarray(np.concatenate([colour, alpha], axis=2).round().astype(np.uint8))

    def alone(self, size: tuple[int, int]) -> Image | None:
        """Draw it as a file of its own: its picture, or what it draws over black, such as boxes.

        Args:
            size: Width and height of its image in pixels.

        Returns:
            None where there is nothing to draw.
        """
        from PIL import Image

        return self.picture() or self.overlay(Image.new("RGB", size))

    def html(self) -> str:
        """Return its text for a page; a kind may add to it what its numbers look like."""
        return escape(self.text())

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        drawn = self.picture()
        return page(f"<p>{self.html()}</p>", "" if drawn is None else picture(drawn))
