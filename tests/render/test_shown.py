"""What notebooks show of networks and of what is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import legonet
from legonet.run.finetune import Tuning
from legonet.store.blobs import MemoryStore


@pytest.fixture
def built(graph_file: Path) -> legonet.Network:
    return legonet.load(graph_file)


def test_a_network_shows_picture_plan_and_figures(built: legonet.Network) -> None:
    page = built._repr_html_()
    assert page.startswith('<div class="legonet"><style>')
    assert page.count("<svg") == 1
    assert "<!DOCTYPE" not in page
    quality = built.lock.adapters["dog:classify"].quality
    assert f"disagreement {quality['disagreement']:.2g}" in page  # on the picture
    assert f"disagreement {quality['disagreement']:.3g}" in page  # in the table
    assert "Nothing to do: every adapter is as the graph file says." in page


def test_what_keeps_a_plan_from_being_made_is_shown(built: legonet.Network, graph_file: Path) -> None:
    (graph_file.parent / "teachers" / "dog-v1.safetensors").unlink()
    page = legonet.load(graph_file)._repr_html_()
    assert "teachers.dog-v1.weights" in page
    assert "<svg" not in page


def test_without_graphviz_there_is_a_reason_and_the_table(
    built: legonet.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("legonet.render.graphviz.pure_executable", lambda: None)
    monkeypatch.setattr("legonet.render.graphviz.shutil.which", lambda *_, **__: None)
    page = built._repr_html_()
    assert "found no Graphviz" in page
    assert "<td>dog:classify</td>" in page


def test_nothing_that_people_write_is_a_tag() -> None:
    network = legonet.Network("zoo", (3, 8, 8))
    network.add_category("cat", "<img src=x onerror=alert(1)>")
    network.add_task("pose", {"kind": "vector", "names": ["<script>"]})
    page = network._repr_html_()
    assert "<img" not in page
    assert "<script" not in page


def test_parts_and_what_is_made_of_them(built: legonet.Network) -> None:
    app = built["cat", "dog"] >> built["classify"]
    assert app._repr_html_().count("<svg") == 1
    assert "cow" not in app._repr_html_()
    page = app.compile()._repr_html_()
    assert page.count("<svg") == 1
    assert "one score per image, positive for the second label" in page
    assert "fold-rescale" in page
    assert "<td>dog</td><td>(4, 4, 4)</td>" in built["dog"]._repr_html_()
    assert "no path" in (app - app)._repr_html_()


def test_runs_and_figures(built: legonet.Network, images: Any) -> None:
    built.store, built.path = MemoryStore(), None
    run = built.transplant(progress=None)
    page = run._repr_html_()
    assert all(f"<td>{each.path}</td>" in page for each in run.results)
    assert page.count("note: ") == len(run.notes)
    labels = torch.arange(12) % 2
    found = built.evaluate({"dog:classify": (images, labels)}, progress=None)
    assert "<td>dog:classify</td><td>error</td>" in found._repr_html_()
    tuned = built.finetune(Tuning(task="classify", steps=1, tolerance=10.0), progress=None)
    assert "Fine-tuning" in tuned._repr_html_()
    assert str(tuned).endswith("accepted")
