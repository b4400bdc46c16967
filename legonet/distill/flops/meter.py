"""How far a fit is, by the operations that are counted of its stages."""

from __future__ import annotations


class Meter:
    """Follows one fit.

    Args:
        whole: Operations that are expected of all of it.
        closing: Those of what comes at its end, whatever the method; part of the whole.
    """

    def __init__(self, whole: int = 0, closing: int = 0) -> None:
        self._whole, self._closing = whole, closing
        self._stage, self._after = whole - closing, 0

    def begin(self, stage: float, after: float = 0) -> None:
        """Begin a stage; what is to come may be more or less than was expected.

        Args:
            stage: Operations of it.
            after: Those of the method's stages after it.
        """
        self._stage, self._after = round(stage), round(after)

    def part(self, within: float) -> float | None:
        """The part that is done of the whole as it was expected; negative where far more came up.

        Args:
            within: The part that is done of the stage.
        """
        if not self._whole:
            return None
        return 1 - (self._stage * (1 - within) + self._after + self._closing) / self._whole
