"""From the command that the demo names last: connect, bring the teacher that is here, fit, try."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from legonet.demo import grow
from legonet.demo.table import Row
from legonet.graph.load import load_graph
from legonet.graph.lock import lock_path, read_lock
from tests.studio.browser.board import brick, drag, expect_panel, half_way
from tests.studio.browser.conftest import PHONE, Opened, Studio, end, start

FITTED = 240_000


@pytest.fixture(scope="module")
def studio(grown: tuple[Path, list[Row]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Where the demo of four teachers ends; what is left to fit takes a fifth of the demo's effort."""
    folder = Path(shutil.copytree(grown[0], tmp_path_factory.mktemp("demo") / "demo"))
    _, command, graph, *options = shlex.split(grow.invitation(folder).rpartition(": ")[2])
    assert command == "studio"
    left = f"adapter: {{seed: {grow.YOUR_SEED}}}"
    text = Path(graph).read_text()
    assert text.count(left) == 1
    quick = f"{left[:-1]}, method: {{name: auto, steps: 60, imagined: 320}}}}"
    Path(graph).write_text(text.replace(left, quick))
    studio = start(Path(graph), *options)
    yield studio
    end(studio)


def test_a_teacher_that_is_here_can_be_looked_at_first(opened: Opened, studio: Studio) -> None:
    studio.again()
    page = opened(studio)
    drag(page, "category:cat", "task:segment")
    page.get_by_role("button", name="Change …").click()
    expect(page.get_by_role("button", name="teachers/cat-segment.safetensors", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.get_by_label("A block, or")).to_have_value("vgg-slim-fcn")
    expect(page.get_by_role("radio", name="relu3_3")).to_be_checked()
    expect(page.locator(".change")).to_contain_text("shows how cat → segment is fitted")
    expect(page.locator(".change")).not_to_contain_text("stays cut")
    page.get_by_role("radio").first.check()
    expect(page.locator(".change")).to_contain_text("cat stays cut where it gives")
    expect(page.locator(".change")).to_contain_text("the two are matched at the image, which takes longer")
    page.get_by_role("radio", name="relu3_3").check()
    page.get_by_label("Name", exact=True).fill("mine")
    page.get_by_role("button", name="Add the teacher").click()
    expect_panel(page, "cat → segment")
    expect(page.locator(".panel")).to_contain_text("mine")
    assert "mine" not in studio.file.read_text()  # it is a draft, and can be taken back


def test_a_new_category_comes_with_weights_that_are_here(opened: Opened, studio: Studio) -> None:
    studio.again()
    page = opened(studio, "teachers")
    page.get_by_role("button", name="teachers/cow-classify.safetensors", exact=True).click()
    expect(page.get_by_role("radio", name="relu3_3")).to_be_checked()
    expect(page.get_by_label("Category")).to_have_value("cow")
    expect(page.get_by_label("Task")).to_have_value("classify")
    page.get_by_label("Category").fill("calf")
    page.get_by_role("button", name="Add the teacher").click()
    expect(brick(page, "calf:classify")).to_contain_text("to be fitted")


def test_nothing_is_offered_where_nothing_may_be_changed(opened: Opened, studio: Studio) -> None:
    closed = start(studio.file, "--read-only")
    try:
        page = opened(closed, "teachers")
        expect(page.get_by_text("teachers so far")).to_be_visible()
        assert page.get_by_text("Found in this workspace").count() == 0
    finally:
        end(closed)


def test_a_phone_offers_it_too(opened: Opened, studio: Studio) -> None:
    studio.again()
    edits = [{"op": "connect", "path": "cat:segment"}]
    studio.ask("edits", {"revision": studio.ask("graph")["revision"], "edits": edits})
    page = opened(studio, size=PHONE)
    step = page.get_by_role("region", name="Next step")
    expect(step).to_contain_text("cat → segment waits for a teacher that shows how it is done; one is here.")
    step.get_by_role("button", name="Bring it").click()
    expect(step).to_contain_text("cat → segment is ready to be fitted")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_the_demos_last_command_leads_to_a_new_connection(opened: Opened, studio: Studio) -> None:
    before = read_lock(lock_path(studio.file)).adapters
    studio.again()
    page = opened(studio)
    step = page.get_by_role("region", name="Next step")
    expect(step).to_contain_text("Drag from cat to segment to connect them; all else is fitted.")
    drag(page, "category:cat", "task:segment")
    offer = page.get_by_role("region", name="A teacher that is here")
    expect(offer).to_contain_text("No teacher of cat and segment yet: bring this one?")
    for said in ("teachers/cat-segment.safetensors", "vgg-slim-fcn", "relu3_3", "recorded, beside it"):
        expect(offer).to_contain_text(said)
    offer.get_by_role("button", name="Bring this teacher").click()
    expect(brick(page, "cat:segment")).to_contain_text("to be fitted")
    expect(step).to_contain_text("cat → segment is ready to be fitted")  # and nothing else is
    step.get_by_role("button", name="Fit", exact=True).click()
    half_way(page)  # it is fitted here, and not taken over from what the demo has fitted
    expect(page.locator("section.run-done")).to_be_visible(timeout=FITTED)
    expect(page.locator(".job .pill.job-done")).to_have_text("fitted")
    expect(page.locator(".quality")).to_contain_text("agrees with its teacher")
    expect(page.locator(".quality")).to_contain_text("measured", timeout=FITTED)  # by itself
    page.get_by_role("button", name="Try an image").click()
    answer = page.locator(".answer", has_text="cat → segment")
    expect(answer.locator(".mask")).to_have_count(2, timeout=FITTED)
    expect(answer.locator(".side").first).to_contain_text("of the image")
    assert "cat-segment" in load_graph(studio.file).graph.teachers
    fitted = read_lock(lock_path(studio.file)).adapters
    assert fitted.keys() - before.keys() == {"cat:segment"}
    assert {path: fitted[path] for path in before} == before
