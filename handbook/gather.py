"""All pages in one folder, as Zensical wants them: those of docs/, of the root, and those that are made."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from handbook import api, commands, notebooks, plots, questions, schema
from handbook.places import ROOT_PAGES, relinked
from handbook.toml import text_of

MADE: tuple[Callable[[Path], Mapping[str, str]], ...] = (
    api.pages,
    commands.pages,
    schema.pages,
    notebooks.pages,
    plots.pages,
    questions.pages,
)
"""What is made from the code and what it has measured; each gives files by their place in the site."""


def gather(root: Path, folder: Path) -> None:
    """Put the site's sources into `folder`: `zensical.toml` and `docs/`.

    Args:
        root: The checkout.
        folder: An empty folder.
    """
    pages = folder / "docs"
    shutil.copytree(root / "docs", pages, ignore=shutil.ignore_patterns("*.ipynb", "*.yaml"))
    for name, place in ROOT_PAGES.items():
        if place != "index.md":
            shutil.copy(root / name, pages / place)
    origin = {place: name for name, place in ROOT_PAGES.items() if place != "index.md"}
    for page in sorted(pages.rglob("*.md")):
        place = page.relative_to(pages).as_posix()
        source = PurePosixPath(origin.get(place, f"docs/{place}"))
        page.write_text(relinked(page.read_text(encoding="utf-8"), source, place), encoding="utf-8")
    for make in MADE:
        for place, text in make(root).items():
            (pages / place).parent.mkdir(parents=True, exist_ok=True)
            (pages / place).write_text(text, encoding="utf-8")
    settings = tomllib.loads((root / "zensical.toml").read_text(encoding="utf-8"))
    settings["project"]["nav"] = existing(settings["project"]["nav"], pages)
    (folder / "zensical.toml").write_text(text_of(settings), encoding="utf-8")


def existing(entries: Iterable[Mapping[str, Any]], pages: Path) -> list[dict[str, Any]]:
    """Leave out of the navigation what there is no page of, such as pages that are still being written."""
    kept: list[dict[str, Any]] = []
    for entry in entries:
        ((title, target),) = entry.items()
        below = existing(target, pages) if isinstance(target, list) else target
        if below and (not isinstance(below, str) or (pages / below).is_file()):
            kept.append({title: below})
    return kept
