"""The bench of compiled networks, on as little as shows that it measures what it says."""

from __future__ import annotations

import json
import time
from functools import partial

import pytest
import torch

from benchmarks import compile as bench
from legonet.compile.options import CompileOptions


@pytest.fixture(scope="module")
def zoo() -> bench.Zoo:
    return bench.make_zoo(2)


def test_the_compiled_zoo_is_the_zoo_by_hand(zoo: bench.Zoo) -> None:
    given = bench.images(2)
    by_hand = {path.name: zoo.by_hand(path)(given) for path in zoo.paths}
    found = bench.make_zoo(2).compiled(options=CompileOptions()).by_path(given)
    assert list(found) == ["c0:classify", "c0:segment", "c1:classify", "c1:segment"]
    for name, value in by_hand.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)


def test_a_ratio_is_of_the_reference() -> None:
    def busy(seconds: float) -> None:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    assert 2 < bench.ratio(lambda: busy(0.002), lambda: busy(0.008), 5) < 6


def test_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "peak_memory", lambda: iter(()))
    monkeypatch.setattr(bench, "exports", lambda: iter(()))
    monkeypatch.setattr(bench, "opening", lambda: iter(()))
    monkeypatch.setattr(bench, "streaming", lambda graph, path: iter(()))
    monkeypatch.setattr(bench, "fifty", lambda repeats, device: iter(()))
    monkeypatch.setattr(bench, "images", lambda batch: torch.rand(1, *bench.SHAPE))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    figures = bench.run_compile(2)
    assert [figure.bound for figure in figures] == ["at most"] * 4 + ["at least"] * 2 + ["at most"] * 2
    assert all(figure.value > 0 for figure in figures)
    data = json.loads(bench.write_json(figures))
    assert [each["measure"] for each in data["figures"]] == [figure.measure for figure in figures]


def test_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta device stands in for one: it takes no time, and everything has to be on it."""
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(bench, "CompileOptions", partial(CompileOptions, grouping="rule"))
    figures = [*bench.five_by_two(1, "meta"), *bench.fifty(1, "meta", count=3)]
    assert len(figures) == 3
    assert all(" on meta, " in figure.measure and figure.value > 0 for figure in figures)
