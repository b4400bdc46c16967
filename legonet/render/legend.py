"""What a diagram says of itself below it: its states, as it draws them."""

from __future__ import annotations

from legonet.render.boxes import Box, Layout, Line
from legonet.render.view import MEANING, STATES, State, View

WORD: dict[State, str] = {
    "built": "fitted",
    "weak": "weak",
    "planned": "add",
    "refit": "refit",
    "removed": "remove",
    "native": "identity",
    "open": "",
}
"""What stands on a path: colour alone would be lost in print."""

_SIZE = 8.5


def add_legend(layout: Layout, view: View, left: float, *, brick: bool) -> None:
    """Add a sample of each state that occurs, and what it means.

    Args:
        layout: What is drawn; the legend goes below it.
        view: What it shows.
        left: Where the legend begins.
        brick: Whether adapters are drawn as those of a table are.
    """
    states: list[State] = [state for state in STATES if state in view.states() and state != "open"]
    x, y = left, layout.bounds[1] - 22
    for state in states:
        kind = "identity" if state == "native" else "adapter"
        # In a table the word stands in the brick; beside lines, what has a word there needs no other.
        words = (Line(WORD[state], 7.5),) if brick or state == "native" else ()
        wide = words[0].width + 10 if words else 24.0
        layout.boxes.append(
            Box(f"legend:{state}", kind, x + wide / 2, y, wide, 13, words, state, MEANING[state], brick)
        )
        x += wide + 24
        if words and words[0].text == MEANING[state]:
            continue  # the sample says it
        line = Line(MEANING[state], _SIZE, "soft")
        node, middle = f"legend:{state}:text", x - 18 + line.width / 2
        layout.boxes.append(Box(node, "note", middle, y, line.width + 4, 13, (line,)))
        x += line.width
