"""What hands do on the board."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


def brick(page: Page, id_: str) -> Locator:
    return page.locator(f'.react-flow__node[data-id="{id_}"]')


def drag(page: Page, from_: str, to: str, *, let_go: bool = True) -> None:
    """Drag from one brick to another by the mouse; wait until it is known what may be connected."""
    start, end = brick(page, from_).bounding_box(), brick(page, to).bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(start["x"] + start["width"] + 40, start["y"], steps=4)
    page.locator(".aim-legal, .aim-illegal").first.wait_for()
    page.mouse.move(end["x"] + 20, end["y"] + end["height"] / 2, steps=6)
    if let_go:
        page.mouse.up()


def expect_panel(page: Page, heading: str) -> None:
    expect(page.locator(".panel h2")).to_have_text(heading)


def half_way(page: Page) -> None:
    """Wait until some of a job's steps are done."""
    begun = page.locator('.job [role=progressbar][aria-valuenow]:not([aria-valuenow="0"])')
    expect(begun).to_be_visible(timeout=240_000)
