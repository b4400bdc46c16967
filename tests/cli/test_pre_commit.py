"""The hook that pre-commit offers: it is run as pre-commit runs it, on the files that it would give."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Run = Callable[..., Any]
(HOOK,) = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("graphs/zoo.yaml", True),
        ("deep/graphs/zoo.json", True),
        ("graphs/zoo.lock.json", False),
        ("graphs/graph.schema.json", False),
        ("graphs/teachers/a.yaml", False),
        ("blocks/a.yaml", False),
    ],
)
def test_which_files_it_gets(file: str, wanted: bool) -> None:
    assert bool(re.search(HOOK["files"], file) and not re.search(HOOK["exclude"], file)) is wanted


def test_it_takes_several_files(run: Run, graph_file: Path) -> None:
    program, *arguments = shlex.split(HOOK["entry"])
    assert program == "legonet"
    other = graph_file.with_name("other.yaml")
    shutil.copy(graph_file, other)
    assert run(*arguments, graph_file, other).status == 0
    other.write_text(other.read_text().replace("legonet: 1", "legonet: one"))
    outcome = run(*arguments, graph_file, other)
    assert outcome.status == 1
    assert f"{other}:1:" in outcome.err
    assert f"{graph_file}: valid" in outcome.out
