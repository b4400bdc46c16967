"""The studio in a real browser: its page in Chromium, its server a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

if TYPE_CHECKING:
    from torch import nn

ROOT = Path(__file__).parents[3]
PATIENCE = 60_000  # milliseconds, on a machine that does much else
expect.set_options(timeout=PATIENCE)
WIDE, PHONE = (1400, 860), (400, 800)


@dataclass
class Studio:
    """A studio at work: its graph file, its address and its process."""

    file: Path
    text: str
    url: str
    process: subprocess.Popen[str]

    @property
    def origin(self) -> str:
        return self.url.split("/#")[0]

    def ask(self, path: str, data: Any = None) -> Any:
        """What the API answers."""
        headers = {"X-Legonet-Token": self.url.split("token=")[1], "Content-Type": "application/json"}
        body = None if data is None else json.dumps(data).encode()
        asked = urllib.request.Request(f"{self.origin}/api/v1/{path}", body, headers)  # noqa: S310 - loopback
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
            return json.loads(answer.read())

    def edges(self) -> dict[str, dict[str, Any]]:
        return {edge["path"]: edge for edge in self.ask("graph")["edges"]}

    def again(self, text: str | None = None) -> None:
        """The file as it was, or with another text, and no draft."""
        self.file.write_text(self.text if text is None else text)
        self.ask("reload", {})


def start(file: Path, *options: str) -> Studio:
    """Start `legonet studio` on a graph file, with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "legonet", "studio", str(file), "--no-browser", *options]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=file.parents[1],
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"http://\S+#token=\S+", line):
            return Studio(file, file.read_text(), found[0], process)
    raise AssertionError(said)


def end(studio: Studio) -> None:
    studio.process.terminate()
    studio.process.communicate(timeout=30)


TEACHERS = (("cat", "classify"), ("dog", "classify"), ("cow", "classify"), ("owl", "pose"))


@pytest.fixture(scope="session")
def small(make_model: Callable[..., nn.Sequential], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four teachers with random weights, nothing fitted; adapters of `classify` take no time.

    cat and owl give the tasks. The adapters of `pose` are said to have channels that no module here has, so
    that connecting anything to it is refused.
    """
    import legonet

    root = tmp_path_factory.mktemp("small")
    network = legonet.Network("zoo", (3, 8, 8))
    for seed, (category, task) in enumerate(TEACHERS):
        name = f"{category}-{task}"
        network.add_teacher(name, make_model(seed), category=category, task=task, cut="pool1")
    network.save(root / "graphs" / "zoo.yaml")
    file = root / "graphs" / "zoo.yaml"
    text = file.read_text()
    for task, adapter in (
        ("classify", "{kernel: 1, method: {name: closed-form, draws: 2, masks: random}}"),
        ("pose", "{channels: [8, 4]}"),
    ):
        written = f"{task}: {{output: {{kind: binary}}}}"
        assert written in text
        text = text.replace(written, f"{written[:-1]}, adapter: {adapter}}}")
    file.write_text(f"# mine, and to be kept\n{text}\napplications:\n  pets: [cat:classify, dog:classify]\n")
    return root


@pytest.fixture(scope="module")
def studio(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    root = Path(shutil.copytree(small, tmp_path_factory.mktemp("studio") / "zoo"))
    studio = start(root / "graphs" / "zoo.yaml")
    yield studio
    end(studio)


Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Open a studio's page; at the end, none has asked anybody else, and none has met a fault of its own."""
    asked: list[str] = []
    faults: list[str] = []
    origins: list[str] = []
    contexts = []

    def requested(request: Request) -> None:
        asked.append(request.url)

    def told(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:  # refusals are shown
            faults.append(message.text)

    def open_page(
        studio: Studio, screen: str = "board", *, size: tuple[int, int] = WIDE, **options: Any
    ) -> Page:
        width, height = size
        context = browser.new_context(
            viewport={"width": width, "height": height}, reduced_motion="reduce", **options
        )
        contexts.append(context)
        origins.append(studio.origin)
        context.on("request", requested)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", told)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(studio.url)
        page.locator("nav").get_by_role("link", name=screen.title()).click()
        page.locator(f".screen-{screen} > :not(.waiting)").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    strangers = [url for url in asked if not url.startswith((*origins, "blob:", "data:"))]
    assert asked
    assert strangers == []
    assert faults == []


@pytest.fixture
def page(opened: Opened, studio: Studio) -> Page:
    """The board of the small network, as it was in the beginning."""
    studio.again()
    return opened(studio)
