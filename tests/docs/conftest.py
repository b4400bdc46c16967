"""What the pages' code and commands are run with."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.conftest import hurry

ROOT = Path(__file__).parents[2]
Blocks = Callable[[str, str], list[str]]


@pytest.fixture
def blocks() -> Blocks:
    """The blocks of a page that are in a language, such as `("docs/python.md", "python")`."""

    def found(page: str, language: str) -> list[str]:
        text = (ROOT / page).read_text(encoding="utf-8")
        return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)

    return found


def model(seed: int) -> nn.Sequential:
    """A trained teacher of one score, as far as shapes go."""
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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with photos of two categories; fits take little effort."""
    monkeypatch.chdir(tmp_path)
    hurry(monkeypatch)
    random = np.random.default_rng(0)
    for name in ("cat/1", "cat/2", "dog/1"):
        file = tmp_path / "photos" / f"{name}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(file)
    return tmp_path


@pytest.fixture
def names(folder: Path) -> dict[str, Any]:
    """What pages say that a reader has: two models, and images of each."""
    images = torch.rand(16, 3, 32, 32)
    return {
        "dog": model(0),
        "cat": model(1),
        "dog_images": images,
        "cat_images": images.flip(0),
        "cat_labels": torch.arange(16) % 2,
    }
