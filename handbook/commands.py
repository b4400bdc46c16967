"""The page of commands: what `--help` of each prints."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import typer

from legonet.cli import app, main

WIDTH = "100"


def names() -> list[str]:
    """Every command, such as `plan` or `teacher add`, in the order of help."""
    return list(_below(typer.main.get_command(app), ()))


def _below(command: Any, name: tuple[str, ...]) -> Iterator[str]:
    below: Mapping[str, Any] = getattr(command, "commands", {})
    if not below:
        yield " ".join(name)
    for word, each in below.items():
        if not each.hidden:
            yield from _below(each, (*name, word))


def help_of(name: str) -> str:
    """What `legonet NAME --help` prints."""
    said = io.StringIO()
    with redirect_stdout(said), patch.dict(os.environ, {"COLUMNS": WIDTH, "NO_COLOR": "1"}):
        status = main([*name.split(), "--help"])
    if status:
        raise RuntimeError(f"legonet {name} --help ended with {status}")
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines())


def pages(_root: Path) -> dict[str, str]:
    """Make the page of commands."""
    lines = [
        "# Commands",
        "",
        "Every command has `--help`, and `--json` where it prints a result. It ends with 0 when done, 1 "
        "where what it was given is at fault, 3 by a bug, and 130 when it is interrupted.",
        "",
        "| command | what it does |",
        "| --- | --- |",
    ]
    texts = {name: help_of(name) for name in names()}
    for name, text in texts.items():
        first = text.split("\n\n")[1].split("\n")
        sentence = " ".join(line.strip() for line in first)
        lines.append(f"| [`legonet {name}`](#{_anchor(name)}) | {_cell(sentence)} |")
    for name, text in texts.items():
        lines += ["", f"## legonet {name} {{#{_anchor(name)}}}", "", "```text", text, "```"]
    return {"reference/commands.md": "\n".join(lines) + "\n"}


def _anchor(name: str) -> str:
    return "-".join(["legonet", *name.split()])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
