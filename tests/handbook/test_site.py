"""The site builds strictly, is complete, and fetches nothing from elsewhere."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

import legonet
from handbook import commands, gather, links
from handbook.build import SiteError, build
from handbook.gather import existing
from handbook.places import relinked
from handbook.toml import text_of
from legonet.graph.json_schema import graph_schema

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]


def page(site: Path, place: str) -> str:
    return (site / place / "index.html").read_text(encoding="utf-8")


def test_every_public_name_has_its_place(site: Path) -> None:
    places = {anchor for each in links.read(site).values() for anchor in each.anchors}
    documented = set(legonet.__all__) - {"__version__", "errors"}
    assert {f"legonet.{name}" for name in documented} <= places
    assert {
        "legonet.errors.GraphError",
        "legonet.Network.transplant",
        "legonet.RunOptions.chosen_executor",
    } <= places
    assert "The most bytes that one attempt may hold" in page(site, "reference/python/run")


def test_every_command_shows_its_help(site: Path) -> None:
    text = page(site, "reference/commands")
    assert {"plan", "teacher add"} <= set(commands.names())
    for name in commands.names():
        assert f'id="legonet-{name.replace(" ", "-")}"' in text
        assert f"Usage: legonet {name} " in text


def test_every_entry_of_a_graph_file_is_there(site: Path) -> None:
    text = page(site, "reference/entries")
    schema = graph_schema()
    for name, each in schema["$defs"].items():
        assert f'id="{name}"' in text, name
        for entry in each.get("properties", ()):
            assert f"<code>{entry}</code>" in text, f"{name}.{entry}"
    assert json.loads((site / "reference" / "graph.schema.json").read_text(encoding="utf-8")) == schema


def test_every_page_is_in_the_navigation(site: Path) -> None:
    """What is in docs/ and cannot be reached from the front page is not found by anybody."""
    pages = links.read(site)
    reached, ahead = set(), ["index.html"]
    while ahead:
        name = ahead.pop()
        if name in pages and name not in reached:
            reached.add(name)
            found = (links.target(name, link) for link in pages[name].links)
            ahead += [each[0] for each in found if each]
    assert set(pages) == reached


def test_slots_wait_for_their_pages(tmp_path: Path) -> None:
    (tmp_path / "a.md").touch()
    nav = [{"A": "a.md"}, {"B": "b.md"}, {"C": [{"D": "d.md"}]}, {"E": [{"F": "a.md"}, {"G": "g.md"}]}]
    assert existing(nav, tmp_path) == [{"A": "a.md"}, {"E": [{"F": "a.md"}]}]


def test_links_lead_to_where_their_targets_are() -> None:
    text = (
        "[S](../SECURITY.md#report-a-hole) [n](notebooks/a.ipynb) [t](../tests/x.py) [`a`](../a) "
        "[`legonet`](../legonet/x) [w](https://w.org)\n"
        "```\n[no](../SECURITY.md)\n```\n`[no](../SECURITY.md)`"
    )
    assert relinked(text, PurePosixPath("docs/page.md"), "page.md") == (
        "[S](security.md#report-a-hole) [n](notebooks/a.md) t (`tests/x.py`) `a` `legonet` (`legonet/x`) [w](https://w.org)\n"
        "```\n[no](../SECURITY.md)\n```\n`[no](../SECURITY.md)`"
    )
    assert relinked("[d](docs/a.md)", PurePosixPath("CONTRIBUTING.md"), "contributing.md") == "[d](a.md)"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="b.html">', "a.html: links to b.html, and there is no b.html"),
        ('<a href="#there">', "a.html: links to #there, and a.html has no place of that name"),
        ('<img src="no.png">', "a.html: links to no.png, and there is no no.png"),
        (
            '<script src="https://cdn.example/x.js"></script>',
            "a.html: fetches https://cdn.example/x.js; expected files of the site only",
        ),
        (
            '<link rel="stylesheet" href="//fonts.example/f.css">',
            "a.html: fetches //fonts.example/f.css; expected files of the site only",
        ),
    ],
)
def test_a_link_that_leads_nowhere_is_a_fault(tmp_path: Path, body: str, fault: str) -> None:
    (tmp_path / "a.html").write_text(f'<p id="here"><a href="#here"></a><a href="https://example.org">{body}')
    assert links.faults(tmp_path) == [fault]


def test_a_warning_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "MADE", ())
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    for name in ("SECURITY.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md", "zensical.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "CONTRIBUTING.md").write_text("# C\n\n[gone](docs/gone.md)\n")
    with pytest.raises(SiteError, match=r"page does not exist(.|\n)*contributing\.md"):
        build(tmp_path, tmp_path / "built")


def test_toml_is_read_as_it_was_meant() -> None:
    data = {"project": {"nav": [{"a b": ["x.md", {"c": "é"}]}], "theme": {"font": False}}, "b": {"n": 1}}
    assert tomllib.loads(text_of(data)) == data


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (400, "dark")])
def test_it_is_read_offline(browser: Browser, address: str, width: int, scheme: str) -> None:
    """No request leaves the site, nothing fails, and no page is wider than the screen."""
    asked: list[str] = []
    failed: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # pyright: ignore[reportArgumentType]
    tab = context.new_page()
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("response", lambda each: failed.extend([each.url] if each.status >= 400 else []))
    tab.on("pageerror", lambda error: failed.append(str(error)))
    for place in ("", "glance/", "notebooks/two_teachers/", "method/", "reference/entries/"):
        tab.goto(address + place)
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 28)"
    assert dark == (scheme == "dark")
    context.close()
    assert [url for url in asked if not re.match(rf"{address}|data:", url)] == []
    assert failed == []
