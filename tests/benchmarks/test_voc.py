"""The whole way at the paper's scale, on a small scale: files in VOC's layout, a slim backbone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.cli import main
from benchmarks.paper import ROWS
from benchmarks.rows import read_rows
from benchmarks.voc import CATEGORIES, GRAPH, Place, VocPictures, _start, prepare
from legonet.blocks.build import build_layers, leaves
from legonet.blocks.files import find_block
from legonet.data.voc import CATEGORIES as VOC
from legonet.errors import DataError, SelectError
from legonet.network import Network
from legonet.store.workspace import shipped_folder
from legonet.teachers.cutting import block_graph


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For each category two images of `train` and four of `val`, 32x32, the object in one half."""
    top = tmp_path_factory.mktemp("voc")
    base = top / "VOCdevkit" / "VOC2012"
    for folder in ("ImageSets/Segmentation", "JPEGImages", "SegmentationClass"):
        (base / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for listed, count in (("train", 2), ("val", 4)):
        names = []
        for category in CATEGORIES:
            for number in range(count):
                names.append(f"{listed}_{category}_{number}")
                indices = np.zeros((32, 32), np.uint8)
                indices[:, 16 * (number % 2) :][:, :16] = VOC.index(category) + 1
                pixels = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
                pixels[indices > 0] //= 2 + VOC.index(category) // 4
                Image.fromarray(pixels).save(base / "JPEGImages" / f"{names[-1]}.jpg")
                mask = Image.fromarray(indices).convert("P")
                mask.putdata(indices.reshape(-1).tolist())
                mask.save(base / "SegmentationClass" / f"{names[-1]}.png")
        (base / "ImageSets" / "Segmentation" / f"{listed}.txt").write_text("\n".join(names) + "\n")
    return top


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backbone of random weights, as torch.save writes it."""
    torch.manual_seed(0)
    block = find_block("vgg-slim", [shipped_folder("blocks")])
    path = tmp_path_factory.mktemp("weights") / "slim.pth"
    torch.save(build_layers(block.layers or {}).state_dict(), path)
    return path


def test_the_paper_on_voc(
    root: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "paper",
        "--data",
        "voc",
        "--backbone",
        "vgg-slim",
        "--root",
        root,
        "--seeds",
        1,
        "--jobs",
        1,
    ]
    arguments += ["--weights", weights, "--epochs", 1, "--results", tmp_path, "--split", "validation"]
    arguments += ["--only", "one 3x3, closed form alone", "--experiment", 2, "--experiment", 3, "--json"]
    assert main(list(map(str, arguments))) == 0
    printed = capsys.readouterr()
    json.loads(printed.out)
    assert printed.err.count("trained, loss") == 10
    rows = read_rows(tmp_path / ROWS)
    assert {row.trial.experiment for row in rows} == {"2", "3"}
    assert {row.trial.category for row in rows} == {"cat", "cow", "horse", "sheep"}
    fitted = [row for row in rows if row.trial.spec is not None]
    assert len(fitted) == 8
    assert all(row.quality["residual"] < 0.5 for row in fitted)  # one base, hardly tuned
    network = Network.load(tmp_path / "vgg-slim" / GRAPH)
    f, same = (network.edge(f"cat:{task}").category_module for task in ("classify", "segment"))
    assert all(torch.equal(a, b) for a, b in zip(f.parameters(), same.parameters(), strict=True))
    assert network.edge("cat:segment").statistics is not None
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    assert main(list(map(str, arguments))) == 0  # nothing is trained or fitted again
    assert "trained" not in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_images_come_in_turns(root: Path) -> None:
    pictures = VocPictures(root, (3, 32, 32))
    images, labels = pictures.train("cat", False, 0)
    assert labels.tolist() == [1, 0, 1, 0]
    again, masks = pictures.train("cat", True, 0)
    assert torch.equal(images, again)
    assert [bool(mask.any()) for mask in masks] == [True, False, True, False]
    assert masks[0].float().mean() == 0.5
    parts = [pictures.held_out("cat", False, split)[0] for split in ("validation", "test")]
    assert [len(part) for part in parts] == [4, 4]
    assert not any(torch.equal(one, other) for one in parts[0] for other in parts[1])


def test_a_vgg16_gives_its_fcn_every_layer_but_the_last() -> None:
    classifier, masks = (
        block_graph(find_block(name, [shipped_folder("blocks")])).notation or {}
        for name in ("vgg16", "vgg16-fcn")
    )
    base, fcn = build_layers(classifier, "meta").state_dict(), build_layers(masks, "meta")
    sizes = [value.numel() for key, value in base.items() if key.endswith("weight")]
    layers = [layer for _, layer in leaves(fcn) if next(layer.parameters(), None) is not None]
    assert [layer.weight.numel() for layer in layers] == sizes  # type: ignore[union-attr, operator]


def test_a_fully_connected_layer_becomes_a_convolution() -> None:
    block = find_block("vgg-slim-fcn", [shipped_folder("blocks")])
    layers = [(name, layer) for name, layer in leaves(build_layers(block.layers or {}))]
    base = {
        f"{name}.{part}": torch.full((value.numel(),), 0.5)
        for name, layer in layers
        for part, value in layer.state_dict().items()
    }
    net = _start(block, base)
    assert all(bool((value == 0.5).all()) for value in net.state_dict().values())


def test_refusals(root: Path, weights: Path, tmp_path: Path) -> None:
    place = Place(root, tmp_path, "vgg-slim")
    with pytest.raises(SelectError, match="--backbone resnet: no such backbone; expected one of vgg16"):
        prepare(Place(root, tmp_path, "resnet"), weights)
    with pytest.raises(DataError, match="--weights: none given"):
        prepare(place, None)
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"wrong\.pth: cannot be read"):
        prepare(place, wrong)
    torch.save({"layer.weight": torch.zeros(3), "layer.bias": torch.zeros(3)}, wrong)
    with pytest.raises(DataError, match="only 0 of the 13 layers of vgg-slim fit"):
        prepare(place, wrong)
    torch.save([1, 2], wrong)
    with pytest.raises(DataError, match="holds a list; expected a state dict"):
        prepare(place, wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "coco"], "--data coco: no such data; expected animals or voc"),
        (["--data", "voc"], "--data voc: no --root; expected the folder that holds VOCdevkit"),
    ],
)
def test_the_command_refuses(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paper", *options]) == 1
    assert message in capsys.readouterr().err
