"""The offline page in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="the extra dev has playwright")

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from legonet.graph.schema import Graph
from legonet.plan.plan import PlannedEdge
from legonet.render.formats import draw

WIDE, PHONE = {"width": 1400, "height": 900}, {"width": 400, "height": 800}
HOSTILE = "<img src=x onerror=alert(1)> & \"more\" 'of' it"


def network(categories: int, tasks: int) -> Graph:
    names = [(f"c{i}", f"t{j}") for i in range(categories) for j in range(tasks)]
    return Graph.model_validate(
        {
            "legonet": 1,
            "name": "zoo",
            "input": {"shape": [3, 8, 8]},
            "categories": {f"c{i}": {} for i in range(categories)},
            "tasks": {f"t{j}": {"output": {"kind": "binary"}} for j in range(tasks)},
            "teachers": {
                f"{c}-{t}": {"category": c, "task": t, "model": "m", "weights": "w", "cut": "x"}
                for c, t in names
            },
            "applications": {"both": ("c0:t0", "c1:t0")} if categories > 1 else {},
        }
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three categories and two tasks; of each state but one a path."""
    plan = [
        PlannedEdge("c0:t0", "native", "c0-t0 gives both modules"),
        PlannedEdge("c0:t1", "native", "c0-t1 gives both modules"),
        PlannedEdge("c1:t0", "keep", "as it was"),
        PlannedEdge("c1:t1", "add", "no adapter yet"),
        PlannedEdge("c2:t0", "refit", HOSTILE),
        PlannedEdge("c2:t1", "add", "no adapter yet"),
    ]
    path = tmp_path_factory.mktemp("page") / "zoo.html"
    path.write_text(draw(network(3, 2), "html", None, plan, {"c1:t0": {"error": 0.041}}))
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, int], Path]:
    folder = tmp_path_factory.mktemp("large")

    def write(categories: int, tasks: int) -> Path:
        path = folder / f"{categories}x{tasks}.html"
        path.write_text(draw(network(categories, tasks), "html"))
        return path

    return write


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page; whatever goes wrong in it, or leaves it, fails the test."""
    pages: list[Page] = []
    said: list[str] = []
    asked: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        said.append(message.text)

    def sent(request: Request) -> None:
        asked.append(request.url)

    def visit(file: Path, part: str = "", viewport: Any = WIDE, **options: Any) -> Page:
        page = browser.new_page(viewport=viewport, **options)
        pages.append(page)
        page.set_default_timeout(10_000)
        page.on("console", heard)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", sent)
        page.goto(file.as_uri() + part)
        return page

    yield visit
    for page in pages:
        page.close()
    assert said == []
    assert len(asked) == len(pages), "only the file itself is read"


def lit(page: Page) -> set[str]:
    return set(page.eval_on_selector_all("svg .node.lit", "all => all.map((each) => each.dataset.id)"))


def off(page: Page) -> set[str]:
    return set(page.eval_on_selector_all("svg .node.off", "all => all.map((each) => each.dataset.id)"))


def rows(page: Page) -> list[str]:
    shown = "all => all.filter((row) => !row.hidden).map((row) => row.dataset.id)"
    return page.eval_on_selector_all("tr[data-state]", shown)


# When the drawing has the shape that it was given room for.
NEXT_FRAME = "() => new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))"


def seen(page: Page) -> list[float]:
    return [float(each) for each in str(page.get_attribute("svg", "viewBox")).split()]


def node(part: str) -> str:
    return f"svg .node[data-id='{part}']"


def test_pointing_lights_a_path(visit: Callable[..., Page], file: Path) -> None:
    page = visit(file)
    page.hover(node("c2:t0"))
    assert lit(page) == {"c2:t0", "category/c2", "task/t0", "teacher/c2-t0"}
    assert page.locator("svg.lighting .edge.lit").count() >= 2
    page.hover(node("task/t1"))
    assert lit(page) == {"task/t1", "c0:t1", "c1:t1", "c2:t1", "category/c0", "category/c1", "category/c2"}
    page.hover("tr[data-id='application/both']")
    assert lit(page) == {"c0:t0", "c1:t0", "category/c0", "category/c1", "task/t0"}
    page.hover("h1")
    assert lit(page) == set()


def test_a_click_shows_all_that_is_known(visit: Callable[..., Page], file: Path) -> None:
    page = visit(file)
    details = page.get_by_role("complementary", name="Details")
    expect(details).to_be_hidden()
    page.click(node("c2:t0"))
    expect(details.get_by_role("heading")).to_have_text("path c2:t0")
    expect(details.locator("dd").first).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0
    assert page.url.endswith("#c2%3At0")
    details.get_by_role("button", name="teacher c2-t0").click()
    expect(details.get_by_role("heading")).to_have_text("teacher c2-t0")
    details.get_by_role("button", name="Close details").click()
    expect(details).to_be_hidden()
    page.click("tr[data-id='category/c1'] button")
    expect(details).to_contain_text("path c1:t0, fitted")
    expect(details).to_contain_text("path c1:t1, add")
    again = visit(file, "#c1%3At0")
    expect(again.get_by_role("complementary")).to_contain_text("4.1")
    expect(visit(file, "#nothing%3Alike%3Ait").get_by_role("complementary")).to_be_hidden()


def test_the_keyboard_is_enough(visit: Callable[..., Page], file: Path) -> None:
    page = visit(file)
    focused = "document.activeElement.closest('[data-id]')?.dataset.id"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate(focused):
            break
    first = page.evaluate(focused)
    assert page.evaluate("document.activeElement.matches('svg .node:focus-visible')")
    assert lit(page) >= {first}
    page.locator(node("category/c1")).focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused).startswith("c1:")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    chosen = page.evaluate(focused)
    expect(page.get_by_role("complementary").get_by_role("heading")).to_have_text(f"path {chosen}")
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary")).to_be_hidden()
    page.evaluate(NEXT_FRAME)
    before = seen(page)
    page.keyboard.press("+")
    assert seen(page)[2] < before[2]
    page.keyboard.press("0")
    assert seen(page) == before
    assert page.evaluate("document.querySelectorAll('svg .node[tabindex=\"0\"]').length") == 1
    page.locator("tr[data-id='c0:t0'] button").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary").get_by_role("heading")).to_have_text("path c0:t1")
    stops = "all => all.map((each) => each.querySelectorAll('[tabindex=\"0\"]').length)"
    assert page.eval_on_selector_all("tbody", stops) == [1, 1, 1, 1]


def test_roles_and_names(visit: Callable[..., Page], file: Path) -> None:
    page = visit(file, "#c1%3At0")
    expect(page.get_by_role("group", name="Picture of the network")).to_be_visible()
    expect(page.get_by_role("button", name="path c2:t0, refit")).to_have_count(1)
    expect(page.get_by_role("searchbox", name="Search")).to_be_visible()
    expect(page.get_by_role("group", name="States").get_by_role("checkbox")).to_have_count(4)
    expect(page.get_by_role("region", name="Paths").get_by_role("table")).to_be_visible()
    expect(page.get_by_role("status")).to_have_count(1)
    unnamed = (
        "all => all.filter((each) => !each.textContent.trim() && !each.getAttribute('aria-label')).length"
    )
    assert page.eval_on_selector_all("button", unnamed) == 0


def test_states_and_search_sift(visit: Callable[..., Page], file: Path) -> None:
    page = visit(file)
    page.get_by_label("add 2").uncheck()
    assert rows(page) == ["c0:t0", "c0:t1", "c1:t0", "c2:t0"]
    assert {"c1:t1", "c2:t1"} <= off(page)
    assert not {"category/c2", "task/t1"} & off(page)
    expect(page.get_by_role("status")).to_have_text("4 of 6 paths")
    page.hover(node("category/c2"))
    assert lit(page) == {"category/c2", "c2:t0", "task/t0"}
    faint = "(each) => getComputedStyle(each).opacity"
    assert page.eval_on_selector(node("c1:t1"), faint) == "0.07"
    page.hover("h1")
    page.get_by_label("add 2").check()
    page.get_by_role("searchbox").fill("C2 REFIT")
    assert rows(page) == ["c2:t0"]
    assert {"category/c0", "task/t1", "c1:t0"} <= off(page)
    assert not {"category/c2", "task/t0"} & off(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary").get_by_role("heading")).to_have_text("path c2:t0")
    page.keyboard.press("Escape")
    expect(page.get_by_role("status")).to_have_text("")
    page.get_by_label("built", exact=True).check()
    assert rows(page) == ["c0:t0", "c0:t1", "c1:t0", "c2:t0"]
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_role("status")).to_have_text("0 of 6 paths")
    expect(page.get_by_role("region", name="Paths")).to_be_hidden()


def test_pan_and_zoom(visit: Callable[..., Page], file: Path) -> None:
    page = visit(file)
    whole = seen(page)
    page.get_by_role("button", name="Zoom in").click()
    x, y, w, h = seen(page)
    assert w == pytest.approx(whole[2] / 1.5)
    assert h / w == pytest.approx(whole[3] / whole[2], rel=1e-3)
    box = page.locator("svg").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 60, middle[1] - 30, steps=4)
    page.mouse.up()
    moved = seen(page)
    assert moved[0] - x == pytest.approx(60 * w / box["width"], rel=0.1)
    assert moved[1] - y == pytest.approx(30 * w / box["width"], rel=0.1)
    expect(page.get_by_role("complementary")).to_be_hidden()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_function("w => document.querySelector('svg').viewBox.baseVal.width < w", arg=w * 0.9)
    here = seen(page)
    page.mouse.wheel(0, 50)  # scrolls the page
    page.wait_for_function("() => scrollY > 0")
    assert seen(page) == here
    page.locator("[data-zoom=whole]").click()
    assert seen(page) == whole


@pytest.mark.parametrize(("categories", "tasks"), [(60, 2), (50, 20)])
def test_large_tables(
    visit: Callable[..., Page], large: Callable[[int, int], Path], categories: int, tasks: int
) -> None:
    page = visit(large(categories, tasks))
    assert len(rows(page)) == categories * tasks
    zoom = "document.querySelector('svg').clientWidth / document.querySelector('svg').viewBox.baseVal.width"
    assert page.evaluate(zoom) > 0.9, "letters that can be read"
    page.hover(node("c3:t1"))
    assert lit(page) == {"c3:t1", "category/c3", "task/t1"}
    page.locator("[type=search]").fill(f"c{categories - 1}:t1")
    page.keyboard.press("Enter")
    expect(page.locator(".details")).to_contain_text(f"path c{categories - 1}:t1")
    expect(page.locator(node(f"c{categories - 1}:t1"))).to_be_in_viewport()
    assert len(page.query_selector_all("[tabindex='0']")) <= 5
    page.locator("[data-zoom=whole]").click()
    assert seen(page)[3] > 20 * categories


def test_without_script_everything_is_there(visit: Callable[..., Page], file: Path) -> None:
    page = visit(file, java_script_enabled=False)
    expect(page.locator("svg")).to_be_visible()
    expect(page.locator("tr[data-state]")).to_have_count(6)
    for each in page.locator("section").all():
        expect(each).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_hidden()
    expect(page.get_by_role("complementary")).to_be_hidden()
    assert page.locator("button:visible").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(visit: Callable[..., Page], file: Path, scheme: str) -> None:
    page = visit(file, viewport=PHONE, color_scheme=scheme, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.tap(node("category/c0"))
    box = page.get_by_role("complementary", name="Details").bounding_box()
    assert box is not None
    assert box["width"] == 400
    assert box["y"] + box["height"] == pytest.approx(800, abs=1)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    paper = "getComputedStyle(document.querySelector('.graph polygon')).fill"
    assert (page.evaluate(paper) == "rgb(255, 255, 255)") == light == (scheme == "light")
