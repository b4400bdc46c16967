"""Which tests run where and when, if several processes share them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadScopeScheduling

LONG = (
    "studio/browser",
    "demo",
    "test_device",
    "release",
    "handbook",
    "graph/test_json_schema",
    "docs",
    "run",
    "cli",
    "benchmarks",
)
TOGETHER = {  # what begins so shares what takes long to make
    "tests/handbook/": "handbook",
    "tests/demo/": "demo",
    "tests/studio/browser/test_demo.py": "demo",
}


class Files(LoadScopeScheduling):
    """A file's tests run in one process, one after the other, and so do those of some files together."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((name for begin, name in TOGETHER.items() if file.startswith(begin)), file)


def long_first(items: list[pytest.Item]) -> None:
    """Put files first that take long: a process that begins one at the end lets the others wait."""
    items.sort(key=lambda item: _rank(item.nodeid, LONG))


def _rank(nodeid: str, names: Sequence[str]) -> int:
    return next((rank for rank, name in enumerate(names) if nodeid.startswith(f"tests/{name}")), len(names))
