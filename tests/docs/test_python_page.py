"""What docs/python.md says, done to the letter."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.conftest import hurry

DOCS = Path(__file__).parents[2] / "docs" / "python.md"


def model(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 1),
    )


def test_it_runs_to_the_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    hurry(monkeypatch)
    random = np.random.default_rng(0)
    for name in ("cat/1", "cat/2", "dog/1"):
        file = tmp_path / "photos" / f"{name}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(file)
    images = torch.rand(16, 3, 32, 32)
    names: dict[str, Any] = {
        "dog": model(0),
        "cat": model(1),
        "dog_images": images,
        "cat_images": images.flip(0),
        "cat_labels": torch.arange(16) % 2,
    }
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 11
    with warnings.catch_warnings():
        for block in blocks:
            exec(block, names)  # noqa: S102 - our own
    out = capsys.readouterr().out
    assert "+  cat:classify  add" in out
    assert re.search(r"photos/cat/1\.jpg  cat:classify  (cat|other)  \d", out)
    assert "transplanted" in out
    assert names["fitted"] == ["cat:classify"]
    assert names["rows"][0]["image"] == "photos/cat/1.jpg"
    with Image.open("first.png") as first:
        assert first.size == (50, 40)
    for made in ("graphs/pets.yaml", "graphs/pets.lock.json", "shipped/model.py", "pets.dot"):
        assert (tmp_path / made).is_file(), made
