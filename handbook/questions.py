"""The page of questions: each with the sentence that answers it, and the page where that stands."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import yaml


class Question(NamedTuple):
    """What a newcomer asks.

    Attributes:
        question: In a newcomer's words.
        answer: The page that answers it, in the site, with `#` and a section.
        says: The sentence there that does, word for word.
    """

    question: str
    answer: str
    says: str


def read(root: Path) -> list[Question]:
    """Read the questions from docs/questions.yaml."""
    rows = yaml.safe_load((root / "docs" / "questions.yaml").read_text(encoding="utf-8"))
    return [Question(**row) for row in rows]


def pages(root: Path) -> dict[str, str]:
    """Make the page of questions."""
    lines = ["# Questions", "", "What newcomers ask, and where it is answered.", ""]
    for each in read(root):
        lines += [f"**[{each.question}]({each.answer})**", "", each.says, ""]
    return {"questions.md": "\n".join(lines)}
