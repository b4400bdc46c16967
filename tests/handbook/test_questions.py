"""A newcomer finds what they ask: on a page within two clicks of the front page, in one sentence."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from handbook import links
from handbook.questions import Question, read

ROOT = Path(__file__).parents[2]
QUESTIONS = read(ROOT)
CLICKS = 2


@pytest.fixture(scope="session")
def near(site: Path) -> set[str]:
    """Pages within two clicks of the front page, not by way of the page of questions."""
    pages = links.read(site)
    del pages["questions/index.html"]
    found = {"index.html"}
    for _ in range(CLICKS):
        ahead = [links.target(name, link) for name in found for link in pages[name].links]
        found |= {each[0] for each in ahead if each and each[0] in pages}
    return found


def words(text: str) -> str:
    """A page's words as they are read, without marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split())


def plain(sentence: str) -> str:
    """A sentence without the marks of Markdown."""
    return " ".join(re.sub(r"[*`]", "", sentence).split())


def test_there_are_twenty() -> None:
    assert len(QUESTIONS) >= 20
    assert len({each.question for each in QUESTIONS}) == len(QUESTIONS)


@pytest.mark.parametrize("each", QUESTIONS, ids=lambda each: each.question)
def test_it_is_answered(site: Path, near: set[str], each: Question) -> None:
    assert each.says
    place, _, anchor = each.answer.partition("#")
    name = re.sub(r"(index)?\.md$", "", place).rstrip("/")
    file = f"{name}/index.html".lstrip("/")
    assert file in near
    text = (site / file).read_text(encoding="utf-8")
    if anchor:
        assert f'id="{anchor}"' in text
        text = text.split(f'id="{anchor}"', 1)[1]
    assert plain(each.says) in words(text)


def test_the_page_of_questions_has_them(site: Path) -> None:
    text = words((site / "questions" / "index.html").read_text(encoding="utf-8"))
    assert all(each.question in text and plain(each.says) in text for each in QUESTIONS)
