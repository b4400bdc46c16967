"""Every file under tests/graphs/invalid is refused with exactly the report that lies beside it.

In reports `{methods}` and `{kinds}` stand for all methods and all kinds of output, whichever there are.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from legonet.errors import GraphError
from legonet.graph.load import load_graph
from legonet.graph.method import METHODS
from legonet.graph.output import OUTPUTS
from legonet.graph.suggest import listed

INVALID = Path(__file__).parents[1] / "graphs" / "invalid"
FILES = sorted(file.name for file in INVALID.iterdir() if file.suffix in (".yaml", ".json"))


def test_there_are_many():
    assert len(FILES) >= 45
    reports = {file.name for file in INVALID.iterdir() if file.suffix == ".txt"}
    assert reports == {f"{name}.txt" for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_report(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(INVALID)
    started = time.perf_counter()
    with pytest.raises(GraphError) as caught:
        load_graph(name)
    report = Path(f"{name}.txt").read_text(encoding="utf-8")
    for stands, kinds in (("{methods}", METHODS), ("{kinds}", OUTPUTS)):
        report = report.replace(stands, listed(kinds.names(), " or "))
    assert str(caught.value) + "\n" == report
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("name", FILES)
def test_lines_are_in_file_order(name: str):
    lines = (INVALID / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    places = [tuple(map(int, line.split(":")[1:3])) for line in lines if " more problems" not in line]
    assert places == sorted(places)


@pytest.mark.parametrize("name", FILES)
def test_no_words_of_the_libraries(name: str):
    text = (INVALID / f"{name}.txt").read_text(encoding="utf-8")
    for word in (
        "pydantic",
        "Input should",
        "Extra inputs",
        "literal[",
        "tagged-union",
        "NoneType",
        "yaml.",
    ):
        assert word not in text
