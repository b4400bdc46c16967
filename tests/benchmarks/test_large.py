from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from benchmarks.large import MODELS, Row, _tuned, run_large, table


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    rows = [Row(name, 25_600_000, "layer2", (512, 28, 28), 200.0, 380.5, 3.21, 1.5, 2) for name in MODELS]
    (tmp_path / "large.json").write_text(json.dumps([asdict(each) for each in rows]))
    assert list(run_large(tmp_path, 2)) == rows
    assert "| resnet50 | 25.6 M | `layer2` | 512x28x28 | 200 | 380 | 3.2 | 1.5 |" in table(rows)


def test_the_second_teacher_is_a_little_off() -> None:
    model = nn.Linear(3, 1)
    weights = [each.get_parameter("weight").detach() for each in (model, _tuned(model, 0), _tuned(model, 1))]
    assert torch.equal(weights[0], weights[1])
    assert 0 < float((weights[2] - weights[0]).norm()) < float(weights[0].norm())
