"""The site, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from handbook.build import build

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built strictly: a warning, or a link that leads nowhere, is an error."""
    return build(ROOT, tmp_path_factory.mktemp("handbook") / "site")
