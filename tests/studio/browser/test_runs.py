"""Fitting from the page: to its end, reloaded, stopped, killed and gone on with; then images, and exports."""

from __future__ import annotations

import os
import re
import signal
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.studio.browser.board import brick
from tests.studio.browser.conftest import Opened, Studio

SLOW = "adapters:\n  dog:classify: {kernel: 1, method: {name: back-distillation, steps: 1200}}\n\nteachers:"
FITTED = 60_000


def children(studio: Studio) -> list[int]:
    """The processes that the studio has started and that are at work."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it has ended meanwhile
        if int(parent) == studio.process.pid and state != "Z":
            found.append(int(entry.parent.name))
    return found


def half_way(page: Page) -> None:
    """Wait until some of a job's steps are done."""
    begun = page.locator('.job [role=progressbar]:not([aria-valuenow="0"])')
    expect(begun).to_be_visible(timeout=FITTED)


def test_a_run_goes_on_after_reload_stop_and_kill(opened: Opened, studio: Studio) -> None:
    studio.again(studio.text.replace("teachers:", SLOW, 1))
    page = opened(studio)
    brick(page, "dog:classify").click()
    page.get_by_role("button", name="Fit this").click()
    half_way(page)
    page.reload()
    half_way(page)
    expect(page.get_by_role("heading", name="Fitting")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    go_on = page.get_by_role("button", name="Go on")
    expect(go_on).to_be_visible(timeout=FITTED)
    expect(page.locator("section.run-stopped")).to_be_visible()
    assert studio.edges()["dog:classify"]["state"] == "planned"
    go_on.click()
    half_way(page)
    (child,) = children(studio)
    os.killpg(os.getpgid(child), signal.SIGKILL)
    expect(page.locator("section.run-lost, section.run-failed")).to_be_visible(timeout=FITTED)
    go_on.click()
    expect(page.locator("section.run-done")).to_be_visible(timeout=FITTED)
    expect(page.locator(".job")).to_contain_text("dog → classify")
    expect(page.locator(".history li")).to_have_count(3)
    assert studio.edges()["dog:classify"]["state"] == "built"


@pytest.fixture
def fitted(opened: Opened, studio: Studio) -> Page:
    """Another file of the same network, all of which has been fitted from the board."""
    studio.again()
    page = opened(studio)
    if not all(edge["state"] in ("built", "native") for edge in studio.edges().values()):
        page.locator(".next-step").get_by_role("button", name="Fit", exact=True).click()
        expect(page.locator("section.run-done")).to_be_visible(timeout=FITTED)
    return page


def test_from_fit_to_an_image_without_a_word(fitted: Page, studio: Studio, tmp_path: Path) -> None:
    page = fitted
    expect(page.locator(".job")).to_have_count(2)
    page.get_by_role("button", name="Try an image").click()
    page.locator(".sample").first.click()
    expect(page.locator(".answer")).to_have_count(4, timeout=FITTED)
    answer = page.locator(".answer", has_text="dog → classify")
    expect(answer.locator(".side")).to_have_count(2)  # the network, and its teacher
    expect(answer.locator(".shares b")).to_have_text([re.compile(r"\d %")] * 2)

    photo = tmp_path / "photo.png"
    Image.new("RGB", (80, 60), (200, 40, 90)).save(photo)
    page.route("**/api/v1/samples/**", lambda route: page.wait_for_timeout(500) or route.continue_())
    page.locator(".sample").nth(1).click()  # whose bytes come late, and are not shown any more
    drop(page, photo)
    expect(page.locator(".photo")).to_contain_text("80 × 60")
    page.wait_for_timeout(1000)
    page.unroute("**/api/v1/samples/**")
    expect(page.locator(".photo")).to_contain_text("80 × 60")
    page.get_by_role("button", name="pets").click()
    expect(page.locator(".answer h3")).to_have_text(["cat → classify", "dog → classify"])
    said = page.locator(".answer", has_text="dog → classify").locator(".side").first.inner_text()
    figure = studio_says(studio, photo)
    assert f"{figure:.1f} %" in said


def drop(page: Page, file: Path) -> None:
    """Drop a file on the page, as from a folder's window."""
    transfer = page.evaluate_handle(
        """([bytes, name]) => {
            const given = new DataTransfer();
            given.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
            return given;
        }""",
        [list(file.read_bytes()), file.name],
    )
    page.locator(".try").dispatch_event("drop", {"dataTransfer": transfer})


def studio_says(studio: Studio, photo: Path) -> float:
    """The probability by `legonet predict`'s own way, in percent."""
    import legonet

    (result,) = legonet.load(studio.file).compile("dog:classify").predict(photo)["dog:classify"]
    return 100 * result.data()["probability"]


def test_the_camera_takes_a_picture(fitted: Page) -> None:
    page = fitted
    page.get_by_role("link", name="Try").click()
    page.get_by_role("button", name="Use the camera").click()
    page.locator("video").evaluate("video => video.videoWidth || new Promise(go => video.onloadeddata = go)")
    page.get_by_role("button", name="Take the picture").click()
    expect(page.locator(".answer")).to_have_count(4, timeout=FITTED)


def test_what_is_exported_can_be_read_again(fitted: Page, tmp_path: Path) -> None:
    import torch

    page = fitted
    page.get_by_role("link", name="Export").click()
    page.get_by_role("button", name="pets").click()
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.locator(".made-done").first).to_be_visible(timeout=FITTED)
    expect(page.locator(".table-text")).to_contain_text("dog:classify")
    with page.expect_download() as given:
        page.get_by_role("button", name="Download").click()
    file = tmp_path / "network.pt2"
    given.value.save_as(file)
    assert zipfile.is_zipfile(file)
    outputs = torch.export.load(file).module()(torch.zeros(2, 3, 8, 8))
    assert set(outputs) == {"cat:classify", "dog:classify"}
