"""What a network says of images: typed, printed and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import legonet
from legonet.bricks.application import Application
from legonet.errors import DataError, SelectError
from legonet.outputs import Mask, Numbers, Score


@pytest.fixture(scope="module")
def network() -> legonet.Network:
    """One category and a task of each kind, all native to their teachers."""
    torch.manual_seed(0)
    network = legonet.Network("zoo", (3, 8, 8))
    for task, top in {
        "classify": [nn.Flatten(), nn.Linear(256, 1)],
        "mark": [nn.BatchNorm2d(4, momentum=None), nn.Conv2d(4, 2, 1, bias=False)],
        "pose": [nn.Flatten(), nn.Linear(256, 2)],
    }.items():
        model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), *top)
        model(torch.rand(64, 3, 8, 8))  # which the batch norm takes its statistics from
        network.add_category(task[0], "<b>cat")
        network.add_teacher(task, model, category=task[0], task=task, cut="1")
    return network


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for number in range(3):
        pixels = random.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return tmp_path


def test_results_have_the_types_of_their_tasks(network: legonet.Network, folder: Path) -> None:
    found = network.predict(folder, progress=None)
    assert len(found) == 3
    paths = ["c:classify", "m:mark", "p:pose"]
    for each in found:
        assert list(each.results) == paths
        assert [type(each[path]) for path in paths] == [Score, Mask, Numbers]
    assert found[paths[0]] == tuple(each[paths[0]] for each in found)
    assert [each.name for each in found[1:]] == [str(folder / f"{n}.png") for n in (1, 2)]


def test_they_are_those_of_the_compiled_network(network: legonet.Network) -> None:
    images = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    app, part = network.compile("c:classify"), cast(Application, network["c:classify"])
    expected = app(images)[:, 0].tolist()
    for found in (
        app.predict(images, batch=2, progress=None),
        network.predict(images, "c:classify", progress=None),
        part.predict(images, progress=None),
    ):
        assert [each.result.score for each in found] == pytest.approx(expected, abs=1e-6)  # type: ignore[attr-defined]


def test_it_prints_as_a_table_and_gives_plain_data(network: legonet.Network, folder: Path) -> None:
    found = network.predict(folder, ["c:classify", "p:pose"], progress=None)
    lines = str(found).splitlines()
    assert lines[0].split() == ["image", "path", "result"]
    assert len(lines) == 1 + 3 * 2
    assert str(found[0]).splitlines() == [
        line.replace("  ", "  ") for line in str(found[:1]).splitlines()[1:]
    ]
    rows = json.loads(json.dumps(found.data()))
    assert [set(row) for row in rows[:2]] == [
        {"image", "path", "label", "probability", "score"},
        {"image", "path", "values"},
    ]


def test_masks_are_drawn_at_the_photos_own_size(network: legonet.Network, folder: Path) -> None:
    (each,) = network.predict(folder / "0.png", "m:mark", progress=None)
    drawn, photo = np.asarray(each.draw()), np.asarray(Image.open(folder / "0.png"))
    assert drawn.shape == photo.shape == (20, 24, 3)
    mask = each.result.picture()
    assert mask is not None
    covered = np.asarray(mask.resize((24, 20), Image.Resampling.NEAREST)) > 0
    assert 0 < covered.mean() < 1
    assert ((drawn != photo).any(-1) == covered).mean() > 0.99
    assert np.asarray(network.predict(folder / "0.png", "p:pose", progress=None)[0].draw()).tolist() == (
        photo.tolist()
    )


def test_a_page_shows_images_and_escapes_names(network: legonet.Network, folder: Path) -> None:
    found = network.predict(folder, progress=None)
    page = found._repr_html_()
    assert page.count("data:image/png;base64,") == 3
    assert "<b>" not in page
    assert "&lt;b&gt;cat" in page
    for each in (found[0], *found[0].results.values()):
        assert each._repr_html_().startswith('<div class="legonet">')  # type: ignore[attr-defined]
        assert "<b>" not in each._repr_html_()  # type: ignore[attr-defined]
    (folder / "0.png").unlink()
    assert found._repr_html_().count("data:image/png;base64,") == 2  # those that are still there


def test_photos_are_seen_at_their_own_size(
    network: legonet.Network, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the compiled network sees them; those of one size together, up to a bound."""
    Image.open(folder / "2.png").resize((9, 30)).save(folder / "2.png")
    compiled = network.compile("m:mark")
    shapes: list[tuple[int, ...]] = []
    compute = compiled.results

    def results(images: torch.Tensor) -> object:
        shapes.append(tuple(images.shape))
        return compute(images)

    monkeypatch.setattr(compiled, "results", results)
    found = compiled.predict(folder, progress=None)
    assert shapes == [(2, 3, 20, 24), (1, 3, 30, 9)]
    for each, size in zip(found, [(20, 24), (20, 24), (30, 9)], strict=True):
        pixels = torch.from_numpy(np.array(Image.open(each.name))).permute(2, 0, 1)[None] / 255
        mask = cast(Mask, each.result).mask
        assert mask.shape == size
        assert torch.equal(mask, cast(Mask, compute(pixels)["m:mark"][0]).mask)
    shapes.clear()
    monkeypatch.setattr("legonet.compile.predict.MOST", 3 * 20 * 24)
    compiled.predict(folder, progress=None)
    assert [shape[0] for shape in shapes] == [1, 1, 1]


def test_a_bad_image_of_a_folder_is_passed_over_with_a_warning(
    network: legonet.Network, folder: Path
) -> None:
    (folder / "1.png").write_text("damaged")
    with pytest.warns(legonet.LegonetWarning, match=r"not predicted: .*1\.png: cannot be read") as told:
        found = network.predict(folder, progress=None)
    assert len(told) == len(found.problems) == 1
    assert [Path(each.name).name for each in found] == ["0.png", "2.png"]


@pytest.mark.parametrize("given", [[], "empty", "0.png", ["gone.png"], [torch.full((3, 8, 8), 9.0)]])
def test_what_is_asked_for_and_cannot_be_read_is_an_error(
    network: legonet.Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[object]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "0.png").write_text("damaged")
    with pytest.raises(DataError):
        network.predict(given, progress=None)


def test_refusals(network: legonet.Network, folder: Path) -> None:
    each = network.predict(folder / "0.png", progress=None)[0]
    with pytest.raises(SelectError, match="expected those of one path"):
        each.result  # noqa: B018
    with pytest.raises(SelectError, match="Did you mean 'm:mark'"):
        each["m:mrak"]
    with pytest.raises(DataError, match="batch: found 0"):
        network.predict(folder, batch=0, progress=None)
    with pytest.raises(SelectError, match="progress: found 'bar'"):
        network.predict(folder, progress="bar")  # type: ignore[arg-type]
    by_category = network.compile(separate_inputs=True)
    with pytest.raises(DataError, match="found a network for images by category"):
        by_category.predict(folder, progress=None)


def test_a_result_says_what_it_is() -> None:
    mask = Mask("cat", torch.ones(2, 2, dtype=torch.int64), 1.0, 2)
    assert repr(mask) == "Mask(label='cat', share=1.0, labels=2)"
