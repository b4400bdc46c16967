"""Paths that are not built do not vanish without a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import legonet

Run = Callable[..., Any]


def test_it_is_said_which_path_is_left_out(
    run: Run, photos: Path, tmp_path: Path, make_model: Callable[..., Any]
) -> None:
    network = legonet.Network("zoo", (3, 8, 8))
    graph = tmp_path / "graphs" / "zoo.yaml"
    for seed, category in enumerate(("cat", "dog", "cow")):
        network.add_teacher(
            f"{category}-v1", make_model(seed), category=category, task="classify", cut="pool1"
        )
        network.save(graph)
        outcome = run("predict", graph, photos / "cat" / "0.png", "--json")
        assert {each["path"] for each in json.loads(outcome.out)["predictions"]} == {"cat:classify"}
        left = ("", "dog:classify is", "2 paths are")[seed]
        assert outcome.err == (f"note: {left} not built; run `legonet transplant {graph}`\n" if left else "")
    assert run("compile", graph, "--json").err == outcome.err
    assert run("predict", graph, photos / "cat", "--path", "cat:classify").err == ""
