"""A stranger's way on the animals: connect by hand, bring a teacher, fit, try an image; a picture of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.studio.browser.board import brick, drag, expect_panel
from tests.studio.browser.conftest import ROOT, Opened, Studio, end, start

PICTURE = "LEGONET_STUDIO_PICTURE"
FITTED = 240_000


def legonet(*arguments: str, folder: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "legonet", *arguments], cwd=folder, env=environment, check=True)


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the animals network, of which nothing is fitted."""
    folder = tmp_path_factory.mktemp("animals")
    legonet("init", "net", folder=folder)
    return folder / "net" / "graphs" / "animals.yaml"


@pytest.fixture(scope="module")
def studio(animals: Path) -> Iterator[Studio]:
    """Before the last teacher has come: nobody has shown how sheep are cut out."""
    text = re.sub(r"^  sheep-segment:.*\n", "", animals.read_text(), flags=re.MULTILINE)
    text = text.replace(", sheep:segment]", "]")
    assert "sheep-segment" not in text
    mask = '    output: {kind: mask, labels: ["{category}"]}\n'
    assert mask in text  # whose adapters take no time here; the demo's is fitted as people's are
    text = text.replace(mask, f"{mask}    adapter: {{method: {{name: closed-form, draws: 8}}}}\n")
    animals.write_text(text)
    for file in animals.parent.glob("teachers/sheep-segment.*"):
        file.unlink()
    studio = start(animals)
    yield studio
    end(studio)


def nothing_recommended(route: Route) -> None:
    """As of a model whose good cuts are others than those of the network."""
    answer = route.fetch()
    cuts = [each | {"recommended": each["module"] == "pool1"} for each in answer.json()["cuts"]]
    route.fulfill(response=answer, json=answer.json() | {"cuts": cuts})


def test_a_stranger_connects_teaches_fits_and_tries(opened: Opened, studio: Studio) -> None:
    page = opened(studio)
    drag(page, "category:sheep", "task:segment")
    expect_panel(page, "sheep → segment")
    expect(page.locator(".panel")).to_contain_text("no teacher of category sheep and task segment")
    page.get_by_role("button", name="Add its teacher").click()
    page.locator("input[type=file]").set_input_files(ROOT / "graphs/teachers/sheep-segment.safetensors")
    expect(page.get_by_text("What is in it")).to_be_visible()
    page.route("**/api/v1/inspect", nothing_recommended)
    page.get_by_role("button", name="vgg-slim-fcn", exact=True).click()
    expect(
        page.get_by_role("radio", name="relu3_3")
    ).to_be_checked()  # where the features are those of the others
    expect(page.get_by_label("Category")).to_have_value("sheep")
    expect(page.locator(".change")).to_contain_text("shows how sheep → segment is fitted")
    page.get_by_role("button", name="Save and add the teacher").click()
    expect(brick(page, "sheep:segment")).to_contain_text("to be fitted")
    assert "sheep-segment" in studio.file.read_text()
    page.get_by_role("button", name="Fit this").click()
    expect(page.locator("section.run-done")).to_be_visible(timeout=FITTED)
    expect(page.locator(".quality")).to_contain_text("agrees with its teacher")
    page.get_by_role("button", name="Try an image").click()
    answer = page.locator(".answer", has_text="sheep → segment")  # the sheep's sample is tried by itself
    expect(answer.locator(".mask")).to_have_count(2, timeout=FITTED)
    expect(answer.locator(".side").first).to_contain_text("of the image")


def test_a_cut_that_cannot_be_is_refused_in_words(opened: Opened, studio: Studio) -> None:
    page = opened(studio, "teachers")
    page.locator("input[type=file]").set_input_files(
        {"name": "evil.pt", "mimeType": "application/octet-stream", "buffer": b"\x80\x04cos\nsystem\n."}
    )
    expect(page.locator(".notice-problem")).to_be_visible()
    page.get_by_label("A block, or torchvision:NAME").fill("package.module:function")
    page.get_by_role("button", name="Look into it").click()
    expect(page.locator(".notice-problem")).to_contain_text("package.module")
    assert page.locator(".cuts").count() == 0


@pytest.mark.skipif(not os.environ.get(PICTURE), reason=f"writes docs/studio.png where {PICTURE} is set")
def test_the_picture_of_the_readme(opened: Opened, tmp_path: Path) -> None:
    legonet("init", "net", folder=tmp_path)
    legonet("transplant", "graphs/animals.yaml", folder=tmp_path / "net")
    studio = start(tmp_path / "net" / "graphs" / "animals.yaml")
    try:
        page = opened(studio, size=(1400, 860), device_scale_factor=1.25)
        brick(page, "cat:segment").click()
        expect_panel(page, "cat → segment")
        expect(page.get_by_text("on their way")).to_have_count(0, timeout=FITTED)  # measured figures
        page.screenshot(path=ROOT / "docs" / "studio.png")
    finally:
        end(studio)
