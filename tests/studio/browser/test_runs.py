"""Fitting from the page: to its end, reloaded, stopped, killed and gone on with; then images, and exports."""

from __future__ import annotations

import os
import re
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.studio.browser.board import brick, half_way
from tests.studio.browser.conftest import Opened, Studio

if TYPE_CHECKING:
    from torch import Tensor

SLOW = "adapters:\n  dog:classify: {kernel: 1, method: {name: back-distillation, steps: 400}}\n\nteachers:"
FITTED = 240_000  # milliseconds, on a machine that does much else


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


@pytest.fixture
def held(studio: Studio) -> Iterator[Callable[[], int]]:
    """Lets the run's process stand still at a quarter: it lasts, and costs nothing; gives its id."""

    known = set[int]()

    def hold() -> int:
        end = time.monotonic() + FITTED / 1000
        while not (found := children(studio)):
            assert time.monotonic() < end
            time.sleep(0.1)
        (child,) = found
        said = Path(f"/proc/{child}/fd/1")
        while not re.search(rb'"step": 1\d\d,', said.read_bytes()):
            time.sleep(0.02)
        os.kill(child, signal.SIGSTOP)
        known.add(child)
        return child

    yield hold
    for child in known.intersection(children(studio)):  # of a test that failed meanwhile
        os.killpg(child, signal.SIGKILL)


def test_a_run_goes_on_after_reload_stop_and_kill(
    opened: Opened, studio: Studio, held: Callable[[], int]
) -> None:
    studio.again(studio.text.replace("teachers:", SLOW, 1))
    page = opened(studio)
    brick(page, "dog:classify").click()
    page.get_by_role("button", name="Fit this").click()
    child = held()
    half_way(page)
    page.reload()
    half_way(page)
    expect(page.get_by_role("heading", name="Fitting")).to_be_visible()
    expect(page.locator(".job small")).to_contain_text(re.compile(r"loss \d"))
    page.get_by_role("button", name="Stop").click()
    os.kill(child, signal.SIGCONT)
    go_on = page.get_by_role("button", name="Go on")
    expect(go_on).to_be_visible(timeout=FITTED)
    expect(page.locator("section.run-stopped")).to_be_visible()
    assert studio.edges()["dog:classify"]["state"] == "planned"
    go_on.click()
    child = held()
    half_way(page)
    os.killpg(os.getpgid(child), signal.SIGKILL)
    expect(page.locator("section.run-lost, section.run-failed")).to_be_visible(timeout=FITTED)
    go_on.click()
    expect(page.locator("section.run-done")).to_be_visible(timeout=FITTED)
    expect(page.locator(".job")).to_contain_text("dog → classify")
    expect(page.locator(".history li")).to_have_count(3)
    assert studio.edges()["dog:classify"]["state"] == "weak"  # of random weights


@pytest.fixture
def fitted(opened: Opened, studio: Studio) -> Page:
    """Another file of the same network, all of which has been fitted from the board."""
    studio.again()
    page = opened(studio)
    if not all(edge["state"] in ("built", "weak", "native") for edge in studio.edges().values()):
        page.locator(".next-step").get_by_role("button", name="Fit", exact=True).click()
        expect(page.locator("section.run-done")).to_be_visible(timeout=FITTED)
    return page


def test_from_fit_to_an_image_without_a_word(fitted: Page, studio: Studio, tmp_path: Path) -> None:
    page = fitted
    expect(page.locator(".job")).to_have_count(2)
    assert page.locator(".job .note").count()
    assert "dog:classify" not in page.locator(".jobs").inner_text()  # its notes stand below its name
    page.get_by_role("button", name="Try an image").click()
    page.locator(".sample").first.click()
    expect(page.locator(".answer")).to_have_count(4, timeout=FITTED)
    answer = page.locator(".answer", has_text="dog → classify")
    expect(answer.locator(".side")).to_have_count(2)  # the network, and its teacher
    expect(answer.locator(".shares b")).to_have_text([re.compile(r"\d %")] * 2)

    photo = tmp_path / "photo.png"
    Image.new("RGB", (80, 60), (200, 40, 90)).save(photo)
    late: list[Route] = []
    page.route("**/api/v1/samples/**", lambda route: late.append(route))
    with page.expect_request("**/api/v1/samples/**"):
        page.locator(".sample").nth(1).click()  # whose bytes come late, and are not shown any more
    drop(page, photo)
    expect(page.locator(".photo")).to_contain_text("80 × 60")
    with page.expect_response("**/api/v1/samples/**"):
        late[0].continue_()
    page.evaluate("() => new Promise(go => requestAnimationFrame(() => requestIdleCallback(go)))")
    assert "80 × 60" in page.locator(".photo").inner_text()
    page.unroute("**/api/v1/samples/**")
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


def read_pt2(file: Path, images: Tensor) -> dict[str, Tensor]:
    import torch

    return torch.export.load(file).module()(images)


def read_onnx(file: Path, images: Tensor) -> dict[str, Tensor]:
    import torch

    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(file)
    (given,) = session.get_inputs()
    names = [each.name for each in session.get_outputs()]
    found = session.run(names, {given.name: images.numpy()})
    return {name: torch.from_numpy(each) for name, each in zip(names, found, strict=True)}


def read_folder(file: Path, images: Tensor) -> dict[str, Tensor]:
    from legonet.compile.export.folder import load_folder

    with zipfile.ZipFile(file) as packed:
        packed.extractall(file.parent)
    return dict(load_folder(file.parent / "network")(images))


@pytest.mark.parametrize(
    ("form", "name", "read"),
    [
        ("PyTorch", "network.pt2", read_pt2),
        ("ONNX", "network.onnx", read_onnx),
        pytest.param("Folder", "network.zip", read_folder, marks=pytest.mark.slow),  # also by tests/studio
    ],
    ids=["pt2", "onnx", "folder"],
)
def test_what_is_exported_can_be_read_again(
    fitted: Page, studio: Studio, tmp_path: Path, form: str, name: str, read: Callable[..., dict[str, Tensor]]
) -> None:
    import torch

    import legonet

    page = fitted
    page.get_by_role("link", name="Export").click()
    page.get_by_role("radio", name=re.compile(f"^{form}")).check()
    page.get_by_role("button", name="pets").click()
    page.get_by_role("button", name="Export", exact=True).click()
    made = page.get_by_role("region", name=f"Export {name.rpartition('.')[2].replace('zip', 'folder')}").first
    expect(made).to_have_class(re.compile("made-done"), timeout=FITTED)
    expect(made).to_contain_text("read again: outputs")
    expect(made.locator(".table-text")).to_contain_text("dog:classify")
    with page.expect_download() as given:
        made.get_by_role("button", name="Download").click()
    assert given.value.suggested_filename == name
    file = tmp_path / name
    given.value.save_as(file)
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    outputs = read(file, images)
    right = legonet.load(studio.file).compile("pets").by_path(images)
    assert outputs.keys() == right.keys() == {"cat:classify", "dog:classify"}
    for path, output in right.items():
        torch.testing.assert_close(outputs[path], output, rtol=1e-4, atol=1e-5)
