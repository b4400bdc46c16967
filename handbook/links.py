"""Every link of the built site is followed, and nothing on a page may be fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

FETCHED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src", "object": "data"}


@dataclass
class Page(HTMLParser):
    """What a page links to, what it fetches when it is opened, and the places in it that can be linked to."""

    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to, fetches or names."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if given.get(FETCHED.get(tag, "")) and given.get("rel") not in ("canonical", "prev", "next"):
            self.fetched.append(given[FETCHED[tag]])


def read(site: Path) -> dict[str, Page]:
    """Read all pages of a site, by their address from its root, such as `method/index.html`."""
    pages = {}
    for file in sorted(site.rglob("*.html")):
        if file.name != "404.html":  # its links are those of the root, wherever it is shown
            pages[file.relative_to(site).as_posix()] = page = Page()
            page.feed(file.read_text(encoding="utf-8"))
    return pages


def target(page: str, link: str) -> tuple[str, str] | None:
    """Where a link of a page leads: the file's address and the anchor; None if it leaves the site."""
    joined = urlsplit(urljoin(f"http://site/{page}", link))
    if joined.scheme != "http" or joined.netloc != "site":
        return None
    path = unquote(joined.path).lstrip("/")
    return (path + "index.html" if not path or path.endswith("/") else path), unquote(joined.fragment)


def faults(site: Path) -> list[str]:
    """Say which links lead nowhere, and what is fetched from elsewhere."""
    return list(_faults(site, read(site)))


def _faults(site: Path, pages: dict[str, Page]) -> Iterator[str]:
    for name, page in pages.items():
        for link in [*page.links, *page.fetched]:
            if link.startswith("data:"):
                continue
            found = target(name, link)
            if found is None:
                if link in page.fetched:
                    yield f"{name}: fetches {link}; expected files of the site only"
                continue
            file, anchor = found
            if not (site / file).is_file():
                yield f"{name}: links to {link}, and there is no {file}"
            elif anchor and file in pages and anchor not in pages[file].anchors:
                yield f"{name}: links to {link}, and {file} has no place of that name"
