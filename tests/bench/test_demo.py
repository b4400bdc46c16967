from __future__ import annotations

from pathlib import Path

import pytest

from legonet.bench.demo import ORDINARY_SAMPLES, run_demo, write_table
from legonet.errors import StoreError
from legonet.network import Network


def test_two_teachers_become_one_network_that_works_on_new_images(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    dog, cat = run_demo(folder, quiet=True, arrivals=2)
    assert dog.unadapted is dog.seconds is None
    assert dog.transplanted == dog.teacher < 0.04
    assert cat.teacher < 0.04
    assert cat.unadapted is not None
    assert cat.ordinary is not None
    assert cat.transplanted < 0.12 < cat.unadapted
    assert cat.transplanted < 2 / 3 * cat.ordinary
    network = Network.load(folder / "graphs/animals.yaml")
    assert network.plan().changes == ()
    table = write_table([dog, cat], folder)
    assert f"ordinary, {ORDINARY_SAMPLES} images" in table
    assert f"{cat.transplanted:.1%}" in table
    for suffix in ("svg", "png"):
        assert str(folder / f"animals.{suffix}") in table
        assert (folder / f"animals.{suffix}").stat().st_size > 1000


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".legonet").mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StoreError, match="holds something else than a demo"):
        run_demo(tmp_path, quiet=True)
    assert (tmp_path / "mine.txt").read_text() == "mine"
