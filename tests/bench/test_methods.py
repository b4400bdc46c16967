from __future__ import annotations

import json
from pathlib import Path

import pytest

from legonet.bench import methods, ordinary
from legonet.bench.methods import DEFAULT, ORDINARY, RATIO, VARIANTS, Variant, chosen_variants
from legonet.cli import main
from legonet.distill import activity
from legonet.graph.schema import Adapter


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two variants and a baseline that take seconds."""
    settings = {"name": "closed-form", "draws": 32, "matching": 0}
    few = {"method": {**settings, "matching": 1}}
    variants = {DEFAULT: Variant({"method": settings}), "closed-form, 4 images": Variant(few, images=4)}
    monkeypatch.setattr(methods, "VARIANTS", variants)
    monkeypatch.setattr(ordinary, "STEPS", 2)
    monkeypatch.setattr(activity, "STEPS", 1)


def test_the_command_writes_the_rows_that_it_prints(
    quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "rows.json"
    assert main(["bench", "methods", "--seeds", "1", "--json", "-o", str(output)]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == json.loads(output.read_text())
    rows = {row["measure"]: row for row in json.loads(printed.out)}
    assert list(rows) == ["teacher", "no adapter", ORDINARY, DEFAULT, RATIO, "closed-form, 4 images"]
    assert {"measure", "value", "unit", "target", "met"} <= set(rows[RATIO])
    assert rows["teacher"]["value"] < rows[DEFAULT]["value"] < rows["no adapter"]["value"]
    assert rows[RATIO]["value"] == pytest.approx(rows[DEFAULT]["value"] / rows[ORDINARY]["value"])
    assert rows[RATIO]["met"] == (rows[RATIO]["value"] <= 2 / 3)
    assert rows[DEFAULT]["seconds"] > 0
    said = [f"{ORDINARY}, seed 0", f"{DEFAULT}, seed 0", "closed-form, 4 images, seed 0"]
    assert printed.err.splitlines() == said


def test_variants_are_chosen_by_a_part_of_their_names() -> None:
    assert list(chosen_variants("")) == list(VARIANTS)
    assert list(chosen_variants("three 3x3")) == ["closed-form, three 3x3"]
    assert not chosen_variants("nothing")


def test_every_variant_is_an_adapter_that_a_graph_file_could_have() -> None:
    for variant in VARIANTS.values():
        Adapter.model_validate(variant.adapter)
