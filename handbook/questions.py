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
        slot: Whether it waits for a page of docs/ that is still to come.
    """

    question: str
    answer: str
    says: str
    slot: bool = False


def read(root: Path) -> list[Question]:
    """Read the questions from docs/questions.yaml that have their page."""
    docs = root / "docs"
    rows = yaml.safe_load((docs / "questions.yaml").read_text(encoding="utf-8"))
    found = [Question(**row) for row in rows]
    return [each for each in found if not each.slot or (docs / each.answer.partition("#")[0]).is_file()]


def pages(root: Path) -> dict[str, str]:
    """Make the page of questions."""
    lines = ["# Questions", "", "What newcomers ask, and where it is answered.", ""]
    for each in read(root):
        lines += [f"**[{each.question}]({each.answer})**", "", each.says, ""]
    return {"questions.md": "\n".join(lines)}
