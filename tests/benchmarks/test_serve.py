"""The bench of serving, on a few requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks import cli
from benchmarks.serve import CATEGORIES, Load, make_images, make_network, run_serve


def test_both_ways_answer_all_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load(requests=12, clients=4, batch=4, rounds=1, size=8, width=2)
    batches: list[int] = []
    network = make_network(load)
    results = network.results
    monkeypatch.setattr("benchmarks.serve.make_network", lambda _: network)
    network.results = lambda images: batches.append(len(images)) or results(images)  # pyright: ignore[reportArgumentType]
    gain, rate = run_serve(load)
    assert sum(batches) == 24
    assert batches[-12:] == [1] * 12  # the second way of the first round
    assert max(batches) > 1
    assert gain.unit == "x"
    assert rate.value > 0


def test_images_and_paths() -> None:
    load = Load(size=8, width=2)
    assert len(set(make_images(load))) == 16
    assert [each.category for each in make_network(load).paths] == list(CATEGORIES)


def test_the_command_prints_rows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("benchmarks.serve.run_serve", lambda load: asked.append(load) or [])
    assert cli.main(["serve", "--requests", "9", "--json"]) == 0
    assert asked == [Load(requests=9)]
    assert json.loads(capsys.readouterr().out) == []
