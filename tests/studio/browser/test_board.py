"""The board: connecting by hand, what is refused, undo, names, applications, keys alone."""

from __future__ import annotations

import re
import shutil
import subprocess

from playwright.sync_api import Page, expect

from tests.studio.browser.board import brick, drag, expect_panel
from tests.studio.browser.conftest import Opened, Studio


def saved(page: Page) -> None:
    expect(page.get_by_role("button", name="Saved")).to_be_visible()


def test_dragging_connects_and_what_may_be_connected_lights_up(page: Page, studio: Studio) -> None:
    for each in ("category:owl", "task:classify"):  # they fit together, as their studs show
        studs = brick(page, each).locator(".studs")
        expect(studs).to_have_attribute("title", "port 4 × 4 × 4")
        expect(studs.locator("i")).to_have_count(2)
    drag(page, "category:owl", "task:classify", let_go=False)
    expect(brick(page, "task:classify").locator(".aim-legal")).to_be_visible()
    page.mouse.up()
    expect_panel(page, "owl → classify")
    expect(brick(page, "owl:classify")).to_contain_text("closed-form")  # as the task says, before any plan
    assert studio.edges()["owl:classify"]["state"] == "open"
    assert studio.file.read_text() == studio.text  # nothing is written before Save
    page.get_by_role("button", name="Save", exact=True).click()
    saved(page)
    assert "owl:classify" in studio.file.read_text()
    assert studio.file.read_text().startswith("# mine, and to be kept\n")


def test_an_illegal_drop_shows_what_connect_says(page: Page, studio: Studio) -> None:
    said = {each["path"]: each for each in studio.ask("targets?category=cat")["targets"]}["cat:pose"]
    assert not said["legal"]
    assert "channels" in said["message"]
    drag(page, "category:cat", "task:pose", let_go=False)
    expect(brick(page, "task:pose").locator(".aim-illegal")).to_be_visible()
    page.mouse.up()
    shown = said["message"].replace("`", "")  # what stands in backticks is code there
    expect(page.get_by_role("status").locator(".notice")).to_contain_text(shown)
    assert "cat:pose" not in studio.edges()
    assert not studio.ask("graph")["dirty"]


def test_undo_and_redo_by_keys(page: Page, studio: Studio) -> None:
    drag(page, "category:owl", "task:classify")
    expect(brick(page, "owl:classify")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(brick(page, "owl:classify")).to_have_count(0)
    assert not studio.ask("graph")["dirty"]
    page.keyboard.press("Control+Shift+z")
    expect(brick(page, "owl:classify")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(brick(page, "owl:classify")).to_have_count(0)
    page.keyboard.press("Control+y")
    expect(brick(page, "owl:classify")).to_be_visible()


def test_an_adapter_is_changed_in_its_panel(page: Page, studio: Studio) -> None:
    brick(page, "dog:classify").click()
    expect_panel(page, "dog → classify")
    page.get_by_label("Kernel").select_option("5")
    expect(brick(page, "dog:classify")).to_contain_text("5×5")
    page.get_by_label("Depth").fill("2")
    page.get_by_label("Depth").press("Enter")
    expect(brick(page, "dog:classify")).to_contain_text("2 deep")
    page.get_by_label("Method").select_option("back-distillation")
    expect(brick(page, "dog:classify")).to_contain_text("back-distillation")
    page.get_by_text("Settings of back-distillation").click()
    page.get_by_label("steps").fill("40")
    page.get_by_label("steps").press("Enter")
    expect(page.get_by_label("steps")).to_have_value("40")
    adapter = studio.edges()["dog:classify"]["adapter"]
    assert (adapter["kernel"], adapter["depth"]) == (5, 2)
    page.keyboard.press("Control+s")
    saved(page)
    assert "dog:classify" in studio.file.read_text()
    page.get_by_role("button", name="Settings of the task again").click()
    expect(brick(page, "dog:classify")).to_contain_text("1×1")


def test_names_follow_everywhere_and_nothing_is_removed_unasked(page: Page, studio: Studio) -> None:
    brick(page, "category:dog").click()
    page.get_by_label("Name").fill("hound")
    page.get_by_label("Name").press("Enter")
    expect_panel(page, "hound")
    state = studio.ask("graph")
    assert state["applications"]["pets"] == ["cat:classify", "hound:classify"]
    assert {each["category"] for each in state["teachers"]} == {"cat", "hound", "cow", "owl"}
    page.keyboard.press("Escape")
    brick(page, "category:hound").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator(".notice")).to_contain_text("hound")
    assert "hound:classify" in studio.edges()
    page.get_by_role("button", name="Remove, and what refers to it").click()
    expect(brick(page, "category:hound")).to_have_count(0)
    assert studio.ask("graph")["applications"]["pets"] == ["cat:classify"]
    page.keyboard.press("Control+z")
    expect(brick(page, "category:hound")).to_be_visible()


def test_a_name_that_cannot_be_is_refused_in_words(page: Page, studio: Studio) -> None:
    page.get_by_role("button", name="Add to categories").click()
    page.get_by_label("Name").fill("cat:dog")
    page.get_by_role("button", name="Add the category").click()
    expect(page.locator(".notice-problem")).to_contain_text("cat:dog")
    page.get_by_label("Name").fill("emu")
    page.get_by_role("button", name="Add the category").click()
    expect_panel(page, "emu")
    expect(brick(page, "category:emu")).to_be_visible()
    assert not page.locator(".notice-problem").count()
    page.get_by_role("button", name="Add to tasks").click()
    page.get_by_label("Name").fill("outline")
    page.get_by_label("It says").select_option("mask")
    page.get_by_role("button", name="Add the task").click()
    expect_panel(page, "outline")
    assert studio.ask("graph")["tasks"][-1]["kind"] == "mask"


def test_applications_are_coloured_choices(page: Page, studio: Studio) -> None:
    page.get_by_role("button", name=re.compile("^pets")).click()
    expect(brick(page, "cow:classify").locator(".faded")).to_be_visible()
    expect(brick(page, "dog:classify").locator(".faded")).to_have_count(0)
    assert "--mark" in (brick(page, "dog:classify").locator(".path").get_attribute("style") or "")
    page.get_by_role("checkbox", name="cow → classify").click()
    expect(page.get_by_role("checkbox", name="cow → classify")).to_be_checked()
    expect(brick(page, "cow:classify").locator(".faded")).to_have_count(0)
    assert studio.ask("graph")["applications"]["pets"] == ["cat:classify", "dog:classify", "cow:classify"]
    page.get_by_role("button", name="Add to applications").click()
    page.get_by_label("Name").fill("farm")
    page.get_by_role("checkbox", name="cow → classify").check()
    page.get_by_role("button", name="Add the application").click()
    expect_panel(page, "farm")
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("button", name=re.compile("^farm"))).to_have_count(0)


def test_search_leaves_what_it_finds(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("cow")
    expect(brick(page, "category:dog").locator(".faded")).to_be_visible()
    expect(brick(page, "category:cow").locator(".faded")).to_have_count(0)
    expect(brick(page, "task:classify").locator(".faded")).to_have_count(0)
    expect(page.locator(".brick-item")).to_have_count(1)


def test_keys_alone_are_enough(page: Page, studio: Studio) -> None:
    brick(page, "category:owl").focus()
    page.keyboard.press("Enter")
    expect_panel(page, "owl")
    connect = page.get_by_role("button", name="Connect owl to classify")
    expect(connect).to_be_enabled()
    reached = False
    for _ in range(40):
        page.keyboard.press("Tab")
        reached = connect.evaluate("button => button === document.activeElement")
        if reached:
            break
    assert reached
    page.keyboard.press("Enter")
    expect_panel(page, "owl → classify")
    details = page.locator(".panel")
    expect(details).to_be_focused()  # the button is gone, and what came in its place goes on
    page.keyboard.press("Delete")
    expect(brick(page, "owl:classify")).to_have_count(0)
    expect(details).to_be_focused()
    page.keyboard.press("Control+z")
    expect(brick(page, "owl:classify")).to_be_visible()
    page.keyboard.press("Control+s")
    saved(page)
    assert "owl:classify" in studio.file.read_text()


def test_the_plan_follows_the_unsaved_edit(page: Page, studio: Studio) -> None:
    drag(page, "category:owl", "task:classify")
    expect_panel(page, "owl → classify")
    page.get_by_role("link", name="Plan").click()
    row = page.get_by_role("row", name=re.compile("owl → classify"))
    expect(row).to_contain_text("open")
    expect(page.get_by_role("heading", level=2)).to_have_text("2 connections to fit")
    page.get_by_role("checkbox", name="Fit cow:classify").uncheck()
    expect(page.locator(".do")).to_contain_text("1 of 2 chosen")
    expect(page.locator(".do")).not_to_contain_text("about under")
    expect(page.get_by_role("button", name="Save and fit")).to_be_enabled()
    page.get_by_label("Time to spend").fill("soon")
    expect(page.get_by_role("button", name="Save and fit")).to_be_disabled()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Undo").click()
    expect(row).to_have_count(0)
    expect(page.get_by_role("button", name="Fit", exact=True)).to_be_disabled()
    page.get_by_label("Time to spend").fill("")
    expect(page.get_by_role("button", name="Fit", exact=True)).to_be_enabled()
    assert studio.edges().keys() == {"cat:classify", "dog:classify", "cow:classify", "owl:pose"}


def test_the_difference_is_shown_and_saved_with_every_comment(page: Page, studio: Studio) -> None:
    drag(page, "category:owl", "task:classify")
    expect_panel(page, "owl → classify")
    page.get_by_role("link", name="Diff").click()
    expect(page.locator(".unified .added", has_text="owl:classify")).to_be_visible()
    expect(page.locator(".diff-graph .line.change-added")).to_have_count(1)
    folder = studio.file.parent
    who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    for words in (("init", "-q"), ("add", studio.file.name), (*who, "commit", "-q", "-m", "first")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    page.get_by_role("button", name="git's HEAD").click()
    expect(
        page.locator(".unified", has_text="HEAD").locator(".added", has_text="owl:classify")
    ).to_be_visible()
    shutil.rmtree(folder / ".git")
    page.locator(".do").get_by_role("button", name="Save").click()
    saved(page)
    page.get_by_role("button", name="the file", exact=True).click()
    expect(page.get_by_role("heading", name="The draft is the same as the file")).to_be_visible()
    assert set(studio.text.splitlines()) <= set(studio.file.read_text().splitlines())


def test_a_file_that_others_changed_is_not_written_over(page: Page, studio: Studio) -> None:
    drag(page, "category:owl", "task:classify")
    expect_panel(page, "owl → classify")
    other = studio.text.replace("pets:", "friends:")
    studio.file.write_text(other)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".notice-problem")).to_be_visible()
    assert studio.file.read_text() == other
    page.get_by_role("button", name="File changed: read it again").click()
    expect(page.get_by_role("button", name=re.compile("^friends"))).to_be_visible()
    expect(brick(page, "owl:classify")).to_have_count(0)


def test_a_block_is_dragged_to_where_its_teacher_is_wanted(page: Page) -> None:
    page.get_by_role("heading", name="Blocks").click()
    block = page.get_by_role("button", name="cat-classify", exact=True).last
    block.drag_to(brick(page, "category:owl"))
    expect(page.get_by_role("heading", name="Add a teacher")).to_be_visible()
    expect(page.get_by_label("A block, or torchvision:NAME")).to_have_value("cat-classify")
    expect(page.get_by_role("radio", name="pool1")).to_be_visible()  # the model is looked into at once
    expect(page.get_by_label("Category")).to_have_value("owl")
    expect(page.get_by_label("Task")).to_have_value("")
    page.get_by_role("link", name="Board").click()
    page.get_by_role("heading", name="Blocks").click()
    block.drag_to(page.locator(".react-flow__pane"), target_position={"x": 300, "y": 500})
    expect(page.get_by_role("radio", name="pool1")).to_be_visible()
    expect(page.get_by_label("Category")).to_have_value("")


def test_what_the_palette_lists_is_dragged_onto_bricks(page: Page, studio: Studio) -> None:
    owl = page.locator(".brick-item", has_text="owl")
    owl.drag_to(brick(page, "task:classify"))
    expect_panel(page, "owl → classify")
    assert studio.edges()["owl:classify"]["state"] == "open"
    page.locator(".brick-item", has_text="pose").drag_to(brick(page, "category:cat"))
    expect(page.locator(".notice-problem")).to_contain_text("channels")  # as connect says it
    assert "cat:pose" not in studio.edges()


def test_weights_are_dropped_on_the_board(page: Page, studio: Studio) -> None:
    file = studio.file.parent / "teachers" / "cat-classify.safetensors"
    transfer = page.evaluate_handle(
        """bytes => {
            const given = new DataTransfer();
            given.items.add(new File([new Uint8Array(bytes)], "mine.safetensors"));
            return given;
        }""",
        list(file.read_bytes()),
    )
    task = brick(page, "task:classify")
    task.dispatch_event("dragover", {"dataTransfer": transfer})
    expect(task.locator(".aim-legal")).to_be_visible()
    task.dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.locator(".drop")).to_contain_text("mine.safetensors")
    expect(page.get_by_text("What is in it")).to_be_visible()


def test_names_of_strangers_are_text(opened: Opened, studio: Studio) -> None:
    evil = "<img src=x onerror=document.title=1>"
    studio.again(studio.text.replace("  cow: {}", f"  cow: {{label: '{evil}'}}"))
    page = opened(studio)
    brick(page, "category:cow").click()
    expect_panel(page, evil)
    assert page.locator("img[src=x]").count() == 0
