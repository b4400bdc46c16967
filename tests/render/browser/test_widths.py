"""Drawings can be read in a real browser, however narrow the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="the extra dev has playwright")

from playwright.sync_api import Browser

from legonet.notebook import diagram, page
from legonet.render import draw
from legonet.render.html import inline
from tests.render.test_geometry import picture

ROOT = Path(__file__).parents[3]
SMALLEST = """() => Math.min(...[...document.querySelectorAll("svg text")]
    .filter(each => each.textContent.trim())
    .map(each => parseFloat(getComputedStyle(each).fontSize) * each.getScreenCTM().a))"""
PICTURE = """() => { const img = document.querySelector("img"); return img.clientWidth / img.naturalWidth }"""


@pytest.mark.parametrize("width", [400, 1400])
def test_a_notebooks_drawing_keeps_its_words_readable(browser: Browser, tmp_path: Path, width: int) -> None:
    file = tmp_path / "notebook.html"
    drawing = inline((ROOT / "docs/animals.svg").read_text())
    file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{page(diagram(drawing))}")
    opened = browser.new_page(viewport={"width": width, "height": 800})
    opened.goto(file.as_uri())
    assert opened.evaluate(SMALLEST) >= 7.5  # CSS pixels
    assert opened.evaluate("document.documentElement.scrollWidth") <= width, "the drawing scrolls by itself"
    opened.close()


@pytest.mark.parametrize(("categories", "tasks"), [(5, 2), (12, 3), (60, 2)])
@pytest.mark.parametrize("width", [400, 1400])
def test_a_page_begins_with_words_that_can_be_read(
    browser: Browser, tmp_path: Path, make_graph: Any, width: int, categories: int, tasks: int
) -> None:
    """However many there are: what does not fit then is moved into sight."""
    file = tmp_path / "page.html"
    file.write_text(draw(picture(make_graph, categories, tasks), "html"))
    opened = browser.new_page(viewport={"width": width, "height": 900})
    opened.goto(file.as_uri())
    assert opened.evaluate(SMALLEST) >= (7.5 if width < 1000 else 6.5)  # a wide screen shows more of it
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()


@pytest.mark.parametrize("width", [400, 1400])
def test_the_sites_drawing_keeps_its_words_readable(browser: Browser, tmp_path: Path, width: int) -> None:
    style = (ROOT / "docs/assets/site.css").read_text()
    picture = '<div class="hero"><div></div><div class="picture"><p><img src="animals.svg"></p></div></div>'
    (tmp_path / "animals.svg").write_bytes((ROOT / "docs/animals.svg").read_bytes())
    file = tmp_path / "index.html"
    body = f'<body class="md-typeset"><div class="front">{picture}</div>'
    file.write_text(f"<!DOCTYPE html><meta charset=utf-8><style>{style}</style>{body}")
    opened = browser.new_page(viewport={"width": width, "height": 800})
    opened.goto(file.as_uri())
    assert opened.evaluate(PICTURE) >= (0.85 if width < 1000 else 0.7)  # a wide screen shows it whole
    if width > 1000:
        assert opened.evaluate("(p => p.scrollWidth <= p.clientWidth)(document.querySelector('.picture p'))")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()
