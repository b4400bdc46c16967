"""Every screen at both widths, light and dark: nothing leaves the page, nothing bars anyone from it."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright", reason="the extra dev has playwright")
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, Route, expect

from tests.studio.browser.board import brick, drag
from tests.studio.browser.conftest import PHONE, WIDE, Opened, Studio, end, start

SCREENS = ("board", "plan", "runs", "try", "teachers", "export", "diff")
SERIOUS = ("serious", "critical")


def faults(page: Page) -> list[str]:
    """What axe-core finds that is serious."""
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("() => axe.run({resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']}: {[node['target'] for node in each['nodes']][:5]}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_screen_is_whole_and_open_to_all(
    opened: Opened, studio: Studio, size: tuple[int, int], colours: str
) -> None:
    studio.again()
    page = opened(studio, size=size, color_scheme=colours)
    for screen in SCREENS:
        page.locator("nav").get_by_role("link", name=screen.title()).click()
        page.locator(f".screen-{screen} > :not(.waiting)").first.wait_for()
        assert faults(page) == []
        assert page.evaluate("() => document.documentElement.scrollWidth") <= size[0]
    page.locator("nav").get_by_role("link", name="Board").click()
    brick(page, "dog:classify").click()
    expect(page.get_by_label("Kernel")).to_be_visible()
    assert faults(page) == []
    page.locator(".close").click()
    page.get_by_role("button", name="Matrix").click()
    expect(page.get_by_role("grid")).to_be_visible()
    assert faults(page) == []


def test_dark_is_dark(opened: Opened, studio: Studio) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    assert opened(studio, color_scheme="light").evaluate(ground) == "rgb(245, 243, 238)"
    assert opened(studio, color_scheme="dark").evaluate(ground) == "rgb(21, 24, 28)"


def test_on_a_phone_a_brick_is_chosen_and_its_connection_made(opened: Opened, studio: Studio) -> None:
    studio.again()
    page = opened(studio, size=PHONE, has_touch=True)
    brick(page, "category:owl").tap()
    page.get_by_role("button", name="Connect owl to classify").tap()
    expect(page.locator(".panel h2")).to_have_text("owl → classify")
    assert "owl:classify" in studio.edges()


def test_nothing_can_be_changed_when_read_only(opened: Opened, studio: Studio) -> None:
    studio.again()
    other = start(studio.file, "--read-only")
    try:
        page = opened(other)
        expect(page.get_by_text("read only", exact=True)).to_be_visible()
        assert page.get_by_role("button", name="Save").count() == 0
        brick(page, "dog:classify").click()
        expect(page.get_by_label("Kernel")).to_be_disabled()
        assert page.get_by_role("button", name="Fit", exact=True).count() == 0
        page.locator("nav").get_by_role("link", name="Plan").click()
        expect(page.get_by_role("button", name="Fit", exact=True)).to_be_disabled()
    finally:
        end(other)


def test_two_windows_of_one_draft(opened: Opened, studio: Studio) -> None:
    studio.again()
    one, other = opened(studio), opened(studio)
    drag(one, "category:owl", "task:classify")
    expect(brick(one, "owl:classify")).to_be_visible()
    brick(other, "dog:classify").click()
    other.get_by_label("Kernel").select_option("5")
    expect(
        other.locator(".notice-problem")
    ).to_be_visible()  # its draft was an older one; now it shows this one
    expect(brick(other, "owl:classify")).to_be_visible()
    other.get_by_label("Kernel").select_option("5")
    expect(brick(other, "dog:classify")).to_contain_text("5×5")


def test_boxes_and_points_are_drawn_in_the_photos_own_pixels(opened: Opened, studio: Studio) -> None:
    studio.again()
    seen = {
        "result": {
            "boxes": [{"label": "<b>owl</b>", "score": 0.9, "box": [10, 5, 70, 45]}],
            "points": {"beak": {"x": 40, "y": 20, "score": 0.7}},
        },
        "text": "an owl",
        "mask": None,
    }
    said = {"width": 80, "height": 60, "results": [{"path": "owl:pose", **seen, "teacher": seen}]}
    page = opened(studio)
    page.route("**/api/v1/predict", lambda route: route.fulfill(json=said))
    page.get_by_role("link", name="Try").click()
    page.locator(".sample").first.click()
    expect(page.locator(".side")).to_have_count(2)
    marks = page.locator(".marks").first
    expect(marks).to_have_attribute("viewBox", "0 0 80 60")
    box = marks.locator("rect")
    assert [box.get_attribute(name) for name in ("x", "y", "width", "height")] == ["10", "5", "60", "40"]
    expect(marks.locator("text").first).to_have_text("<b>owl</b> 90 %")
    assert [marks.locator("circle").get_attribute(name) for name in ("cx", "cy")] == ["40", "20"]


def test_a_weak_path_is_marked_and_its_estimate_stands_beside_what_was_measured(
    opened: Opened, studio: Studio
) -> None:
    studio.again()
    state = studio.ask("graph")
    (edge,) = (each for each in state["edges"] if each["path"] == "dog:classify")
    edge |= {"state": "weak", "weak": True, "agreement": 0.81, "agreement_from": 0.7, "agreement_to": 0.9}
    edge |= {
        "measure": "error",
        "error": 0.184,
        "teacher_error": 0.021,
        "notes": ["most help would be images"],
    }
    page = opened(studio)
    page.route("**/api/v1/graph", lambda route: route.fulfill(json=state))
    page.reload()
    expect(brick(page, "dog:classify").locator(".weak-mark")).to_be_visible()
    expect(brick(page, "dog:classify")).to_contain_text("agrees 81 %")
    brick(page, "dog:classify").click()
    panel = page.locator(".panel")
    for words in ("far from its teacher", "81.0 %", "between 70.0 % and 90.0 %", "18.4 %", "2.1 %", "images"):
        expect(panel).to_contain_text(words)
    assert faults(page) == []


def with_a_command(route: Route) -> None:
    """A plan that notes what to run."""
    answer = route.fetch()
    plans = answer.json()
    plans["after"]["notes"] = ["owl-v1: it has no statistics; run `legonet teacher record`"]
    route.fulfill(response=answer, json=plans)


def test_a_command_in_what_is_said_is_code(opened: Opened, studio: Studio) -> None:
    studio.again()
    page = opened(studio)
    page.route("**/api/v1/plan*", with_a_command)
    page.locator("nav").get_by_role("link", name="Plan").click()
    note = page.locator(".note", has_text="no statistics")
    expect(note).to_have_text("owl-v1: it has no statistics; run legonet teacher record")
    expect(note.locator("code")).to_have_text("legonet teacher record")
