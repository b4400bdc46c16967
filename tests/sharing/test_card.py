"""The card of a pushed network, as model hubs read it; and where licences are shown."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard

import legonet
from legonet.compile.export import export
from legonet.compile.signature import origins_of
from legonet.graph.editing.build import extended
from legonet.graph.schema import Graph
from legonet.render.card import card
from legonet.render.view import make_view


@pytest.fixture
def pushed(zoo: Path, tmp_path: Path) -> ModelCard:
    legonet.load(zoo).push(str(tmp_path / "remote"), progress=None)
    return ModelCard((tmp_path / "remote" / "README.md").read_text(encoding="utf-8"))


def test_hubs_read_it(pushed: ModelCard, zoo: Path, tmp_path: Path) -> None:
    data, network = pushed.data.to_dict(), legonet.load(zoo)
    assert data["library_name"] == "legonet"
    assert data["license"] == "other"  # two licences
    assert data["license_name"] == "see-the-teachers"
    assert data["pipeline_tag"] == "image-classification"
    own = data["legonet"]
    assert own["categories"] == {"cat": "cat", "dog": "dog", "cow": "cow"}
    assert own["tasks"]["classify"]["kind"] == "binary"
    assert own["teachers"]["dog-v1"]["licence"] == "CC-BY-4.0"
    dog = own["paths"]["dog:classify"]
    assert dog["method"] == "closed-form"
    assert dog["figures"] == pytest.approx(network.lock.adapters["dog:classify"].quality, abs=1e-5)
    sizes = {sha: network.store.path(sha).stat().st_size for sha in _shas(network)}
    assert dog["bytes"] == sum(sizes.values())
    f, h, g = 2 * 8 * 8 * 4 * 27, 2 * 4 * 4 * 4 * 4, 2 * (4 * 4 * 6 * 36 + 96 * 128 + 128)
    assert dog["operations"] == f + h + g  # conv 3x3, adapter 1x1, conv and two linear layers


def _shas(network: legonet.Network) -> list[str]:
    lock = network.lock
    return [
        lock.categories["dog"].module,
        lock.tasks["classify"].module,
        lock.adapters["dog:classify"].adapter,
    ]


def test_people_read_it(pushed: ModelCard, tmp_path: Path) -> None:
    text = pushed.text
    state = "fitted, but weak: under 90 % agreement expected"
    assert f"| dog:classify | binary | {state} | 1×1 · closed-form, seed 0 |" in text
    assert "| dog-v1 | dog:classify | cat-v1, cut after pool1 | CC-BY-4.0 | https://example.org/dog |" in text
    assert "![zoo: categories, adapters and tasks](network.svg)" in text
    picture = (tmp_path / "remote" / "network.svg").read_text(encoding="utf-8")
    assert "licence CC-BY-4.0" in html.unescape(picture)


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (("MIT", "MIT"), {"license": "mit"}),
        ((None, None), {"license": "unknown"}),
        (("MIT", None), {"license": "other", "license_name": "see-the-teachers"}),
        (("Our own", "Our own"), {"license": "other", "license_name": "Our own"}),
    ],
)
def test_a_licence_is_named_as_hubs_do(
    graph: Graph, licences: tuple[str | None, str | None], expected: dict[str, str]
) -> None:
    for name, licence in zip(graph.teachers, licences, strict=True):
        entry = {"category": name, "task": "classify", "model": "m", "weights": "w.safetensors", "cut": "c"}
        entry |= {} if licence is None else {"licence": licence}
        graph = extended(graph, {"teachers": {name: entry}})
    data = ModelCard(card(graph, make_view(graph), {}, 0)).data.to_dict()
    assert {key: value for key, value in data.items() if key.startswith("license")} == expected


@pytest.fixture
def graph() -> Graph:
    design = legonet.Network("zoo", (3, 8, 8))
    design.add_task("classify", {"kind": "binary"})
    teachers = {
        name: {"category": name, "task": "classify", "model": "m", "weights": "w.safetensors", "cut": "c"}
        for name in ("cat", "dog")
    }
    return extended(design.graph, {"categories": {"cat": {}, "dog": {}}, "teachers": teachers})


def test_texts_of_strangers_stay_texts(graph: Graph) -> None:
    entry = graph.teachers["cat"].model_dump(mode="json", exclude_none=True)
    entry |= {"licence": "a: [b]\" '|<script>", "source": "# x | ![y](z) --- https://me:pw@h/x?k=1"}
    graph = extended(graph, {"teachers": {"cat": entry}})
    made = ModelCard(card(graph, make_view(graph), {}, 0))
    assert made.data.to_dict()["legonet"]["teachers"]["cat"]["licence"] == entry["licence"]
    assert "<script>" not in made.text
    assert "pw" not in made.content
    row = next(line for line in made.text.splitlines() if line.startswith("| cat | cat:classify"))
    assert row.replace(r"\|", "").count("|") == 7


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200f"])
def test_characters_that_nobody_sees_are_shown(graph: Graph, character: str) -> None:
    entry = graph.teachers["cat"].model_dump(mode="json", exclude_none=True)
    entry |= {"licence": f"MIT{character}x", "source": f"https://example.org/{character}x"}
    graph = extended(graph, {"teachers": {"cat": entry}, "categories": {"cow": {"label": f"{character}x"}}})
    found = card(graph, make_view(graph), {}, 0)
    assert character not in found
    number = character.encode("unicode_escape").decode()
    row = next(line for line in found.splitlines() if line.startswith("| cat | cat:classify"))
    assert f"MIT\\{number}x" in row
    assert f"example.org/\\{number}x" in row
    own = ModelCard(found).data.to_dict()["legonet"]
    assert own["teachers"]["cat"]["licence"] == entry["licence"]
    assert own["categories"]["cow"] == f"{character}x"


def test_plans_diagrams_and_graphs_show_licences(zoo: Path, tmp_path: Path) -> None:
    network = legonet.load(zoo)
    plan = network.plan()
    assert plan.text().endswith("licences: MIT (2 of 3 teachers), CC-BY-4.0 (1 of 3 teachers)")
    assert plan.data()["licences"] == {"cat-v1": "MIT", "dog-v1": "CC-BY-4.0", "cow-v1": "MIT"}
    assert "<td>CC-BY-4.0</td><td>https://example.org/dog</td>" in network.render(
        tmp_path / "zoo.html"
    ).read_text(encoding="utf-8").replace("\n", "")
    assert network.to_networkx().nodes["teacher/dog-v1"]["licence"] == "CC-BY-4.0"


@pytest.mark.usefixtures("exports_once")
def test_exports_carry_the_licences_of_what_they_are_made_of(zoo: Path, tmp_path: Path) -> None:
    network = legonet.load(zoo)
    expected = {
        "cat-v1": {"licence": "MIT", "source": "https://example.org/cat"},  # gave the task module
        "dog-v1": {"licence": "CC-BY-4.0", "source": "https://example.org/dog"},
    }
    app = network.compile("dog:classify")
    export(app, tmp_path / "app")
    assert json.loads((tmp_path / "app" / "card.json").read_text())["teachers"] == expected
    assert "| dog-v1 | CC-BY-4.0 | https://example.org/dog |" in (tmp_path / "app" / "README.md").read_text()
    export(app, tmp_path / "app.pt2")
    extra = {"card.json": ""}
    torch.export.load(tmp_path / "app.pt2", extra_files=extra)
    assert json.loads(extra["card.json"])["teachers"] == expected
    onnx = pytest.importorskip("onnx")
    export(app, tmp_path / "app.onnx")
    found = {each.key: each.value for each in onnx.load(tmp_path / "app.onnx").metadata_props}
    assert json.loads(found["legonet"])["teachers"] == expected


def test_a_network_that_records_no_licence_says_nothing_of_it(graph: Graph) -> None:
    assert origins_of(graph, ["cat:classify"]) == {}


def test_the_card_names_the_task_that_most_of_a_network_is_for() -> None:
    """Scores and classes are one task to a hub, so that there are more of it here than masks."""
    network = legonet.Network("zoo")
    for number, kind in enumerate(["binary", "binary", "mask", "mask", "classes"]):
        labels = {"labels": ["a", "b"]} if kind != "binary" else {}
        network.add_task(f"task{number}", {"kind": kind, **labels})
    data = ModelCard(card(network.graph, make_view(network.graph), {}, 0)).data.to_dict()
    assert data["pipeline_tag"] == "image-classification"
    assert data["tags"][-2:] == ["image-classification", "image-segmentation"]
