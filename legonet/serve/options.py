"""How a network is served: how much is computed together, how much is taken in. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from legonet.errors import DataError

MIB = 2**20
NUMBERS = 50_000_000  # that the images of a batch have together at most


@dataclass(frozen=True)
class ServeOptions:
    """How a network is served.

    Attributes:
        batch: How many images are computed together at most.
        wait_ms: How many milliseconds an image waits at most for company while nothing else is computed; 0
            leaves only those together that came while another batch was computed.
        queue: How many images wait at most; requests beyond are refused with 429.
        images: How many images a request may have.
        pixels: How many pixels the images of a request may have together.
        body: How many bytes a request may have.
    """

    batch: int = 16
    wait_ms: float = 5.0
    queue: int = 128
    images: int = 32
    pixels: int = 32_000_000
    body: int = 32 * MIB

    def __post_init__(self) -> None:
        for name in ("batch", "queue", "images", "pixels", "body"):
            if getattr(self, name) < 1:
                raise DataError(f"{name}: found {getattr(self, name)}; expected 1 or more; correct it")
        if not 0 <= self.wait_ms <= 60_000:
            raise DataError(f"wait_ms: found {self.wait_ms:g}; expected 0 to 60,000; correct it")
        if self.images > self.queue:
            raise DataError(
                f"images: found {self.images} in a request; expected at most {self.queue}, which is how many "
                "may wait; choose a longer queue"
            )
