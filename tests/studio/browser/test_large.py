"""Large networks: a matrix above sixty pairs, with the board's actions; a thousand wires."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.studio.browser.board import brick, expect_panel
from tests.studio.browser.conftest import Opened, Studio, end, start


def text(categories: int, tasks: int, free: str) -> str:
    """A network of which every pair is connected but one; all teachers have the same weights."""
    animals, does = [f"animal{i}" for i in range(categories)], [f"task{i}" for i in range(tasks)]
    taught = [(animals[0], task) for task in does] + [(animal, does[0]) for animal in animals[1:]]
    what = "model: cat-classify, weights: teachers/cat-classify.safetensors, cut: pool1"
    pairs = [f"{animal}:{task}" for animal in animals[1:] for task in does[1:]]
    return "\n".join(
        [
            "legonet: 1\nname: large\ninput: {shape: [3, 8, 8]}\ncategories:",
            *(f"  {name}: {{}}" for name in animals),
            "tasks:",
            *(f"  {name}: {{output: {{kind: binary}}}}" for name in does),
            "teachers:",
            *(f"  {name}-{task}: {{category: {name}, task: {task}, {what}}}" for name, task in taught),
            "adapters:",
            *(f"  {pair}: {{kernel: 1}}" for pair in pairs if pair != free),
            "",
        ]
    )


@pytest.fixture(scope="module")
def large(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    root = Path(shutil.copytree(small, tmp_path_factory.mktemp("large") / "zoo"))
    file = root / "graphs" / "zoo.yaml"
    file.write_text(text(60, 2, "animal7:task1"))
    studio = start(file)
    yield studio
    end(studio)


def test_sixty_by_two_is_a_matrix_with_the_boards_actions(opened: Opened, large: Studio) -> None:
    page = opened(large)
    expect(page.locator(".cell")).to_have_count(120)
    page.locator('[data-at="6,1"]').focus()
    page.keyboard.press("ArrowDown")
    free = page.get_by_role("button", name="animal7 to task1: not connected")
    expect(free).to_be_focused()
    page.keyboard.press("Enter")
    expect_panel(page, "animal7 → task1")
    assert large.edges()["animal7:task1"]["state"] == "open"
    page.get_by_label("Kernel").select_option("3")
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    page.keyboard.press("Escape")
    page.locator(".matrix-place").click(position={"x": 5, "y": 5})
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(free).to_have_text("+")
    page.get_by_role("searchbox").fill("animal5")
    expect(page.locator(".cell")).to_have_count(22)  # 5, and 50 to 59
    page.get_by_role("button", name="animal55 to task0").click()
    expect_panel(page, "animal55 → task0")


def test_a_thousand_wires_move_without_being_drawn_again(opened: Opened, large: Studio) -> None:
    large.again(text(100, 10, ""))
    page = opened(large)
    expect(page.locator(".cell")).to_have_count(1000)
    page.get_by_role("button", name="Bricks", exact=True).click()
    expect(page.locator(".react-flow__edge")).to_have_count(1000)
    changes = moved(page)
    assert changes == 0
    brick(page, "category:animal50").focus()
    page.keyboard.press("Enter")
    expect_panel(page, "animal50")


SETTLED = """async () => {
    for (let calm = 0; calm < 5; calm += 1) {
        window.changes = 0;
        await new Promise(go => requestAnimationFrame(() => requestIdleCallback(go)));
        if (window.changes) calm = -1;
    }
}"""
"""Waits until the page has nothing more to do for all to stand where it belongs."""


def moved(page: Page) -> int:
    """How much of the wires' document changes while the board is dragged by the mouse."""
    page.evaluate(
        """() => {
            window.changes = 0;
            const seen = new MutationObserver(found => { window.changes += found.length; });
            const wires = document.querySelector(".react-flow__edges");
            seen.observe(wires, {subtree: true, attributes: true, childList: true});
        }"""
    )
    page.evaluate(SETTLED)
    place = page.locator(".react-flow__viewport").get_attribute("style")
    page.mouse.move(260, 300)
    page.mouse.down()
    page.mouse.move(300, 420, steps=4)
    page.mouse.up()
    expect(page.locator(".react-flow__viewport")).not_to_have_attribute("style", place or "")
    return page.evaluate("() => window.changes")
