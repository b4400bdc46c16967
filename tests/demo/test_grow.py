from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from legonet.demo.grow import YOURS, pictures, run_demo, studio_command
from legonet.demo.table import ORDINARY_SAMPLES, Row, write_tables
from legonet.errors import StoreError
from legonet.graph.editing.edit import add_entries
from legonet.network import Network
from legonet.render.figures import read_figures
from legonet.store.workspace import Workspace
from legonet.studio.found import found_weights


def test_four_teachers_become_one_network_that_works_on_new_images(
    grown: tuple[Path, list[Row]], tmp_path: Path
) -> None:
    folder, rows = grown
    by_name = {(row.path, row.measure): row for row in rows}
    assert list(by_name) == [
        ("dog:classify", "error"),
        ("dog:segment", "pixel accuracy"),
        ("dog:segment", "IoU"),
        ("cat:classify", "error"),
        ("cat:segment", "pixel accuracy"),
        ("cat:segment", "IoU"),
    ]
    for row in rows[:3]:
        assert row.unadapted is row.ordinary is row.seconds is None
        assert row.transplanted == row.teacher
    cat, accuracy, overlap = rows[3:]
    assert cat.teacher < 0.04
    assert cat.unadapted is not None
    assert cat.ordinary is not None
    assert cat.transplanted < 0.12 < cat.unadapted
    assert cat.transplanted < 2 / 3 * cat.ordinary
    assert accuracy.teacher >= 0.95
    assert accuracy.unadapted is not None
    assert accuracy.transplanted > max(accuracy.teacher - 0.05, accuracy.unadapted)
    assert overlap.unadapted is not None
    assert overlap.transplanted > overlap.unadapted
    network = Network.load(folder / "graphs/animals.yaml")
    assert network.plan().changes == ()
    tables = write_tables(rows)
    assert f"ordinary, {ORDINARY_SAMPLES} images" in tables
    for name, row in (("classify: error", cat), ("segment: IoU", overlap)):
        table = tables.split(name)[1].split("\n\n")[0]
        assert f"{row.transplanted:.1%}" in table
        assert "mean of 1 transplanted" in table
    assert [picture.name for picture in pictures(folder)] == ["animals.svg", "animals.png"]
    assert all(picture.stat().st_size > 1000 for picture in pictures(folder))
    command = studio_command(folder)
    assert command in (folder / "DEMO.txt").read_text()
    _, studio, graph, _, figures = shlex.split(command)
    assert studio == "studio"
    yours = Network.load(graph)
    assert [*yours.graph.teachers] == [*network.graph.teachers][:-1]
    assert yours.plan().changes == ()
    fitted = dict(network.lock.adapters)
    last = fitted.pop("cat:segment")
    assert yours.lock.adapters == fitted
    assert yours.graph.applications == {"pets": ("dog:classify", "cat:classify"), "cut-out": ("dog:segment",)}
    measured = read_figures(Path(figures))
    assert measured["cat:classify"]["transplanted"] == cat.transplanted
    assert "cat:segment" not in measured  # which is not fitted there
    found = found_weights(yours.graph, Path(graph), Workspace.find(graph))
    like = {each.file: each.like for each in found}
    assert like["teachers/cat-segment.safetensors"] == {"segment": "dog-segment"}
    entry = network.graph.teachers["cat-segment"].model_dump(mode="json", exclude_defaults=True)
    brought = Path(shutil.copytree(folder, tmp_path / "demo")) / YOURS
    brought.write_text(add_entries(brought.read_text(), {"teachers": {"cat-segment": entry}}))
    planned = Network.load(brought).plan().by_path["cat:segment"]
    assert planned.action == "add"
    assert planned.key != last.key  # it is fitted there, and not taken over from the store


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".legonet").mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StoreError, match="holds something other than a demo"):
        run_demo(tmp_path, quiet=True)
    assert (tmp_path / "mine.txt").read_text() == "mine"
