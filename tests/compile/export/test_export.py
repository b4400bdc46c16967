"""Every format gives what the network gives, is whole or not there, and says what it cannot hold."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from legonet.blocks.build import lowered
from legonet.compile import export as exports
from legonet.compile.assemble import join
from legonet.compile.export import export
from legonet.compile.network import CompiledNetwork, CompiledPath
from legonet.compile.normalise import Normalise
from legonet.compile.options import CompileOptions
from legonet.errors import ExportError

FORMATS = ["app.pt2", "app.onnx", "app"]

FILES = {"model.py", "weights.safetensors", "card.json", "README.md"}


@pytest.fixture(scope="module")
def exported(
    app: CompiledNetwork, exports_once: None, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exported")
    return {name: export(app, folder / name).path for name in FORMATS}


def expect_same(outputs: dict[str, Tensor], app: CompiledNetwork, images: Tensor) -> None:
    for path, value in app.by_path(images).items():
        assert outputs[path].shape == value.shape
        assert float((outputs[path] - value).abs().max()) <= 1e-5 * max(1.0, float(value.abs().max()))


@pytest.mark.parametrize("batch", [1, 5])
def test_pt2_as_a_user_reads_it(exported: dict[str, Path], app: CompiledNetwork, batch: int) -> None:
    extra = {"card.json": ""}
    module = torch.export.load(exported["app.pt2"], extra_files=extra).module()
    images = torch.rand(batch, 3, 6, 6)
    expect_same(module(images), app, images)
    assert json.loads(extra["card.json"])["outputs"]["cat:class"]["labels"] == ["other", "cat"]


@pytest.mark.parametrize("batch", [1, 5])
def test_onnx_as_a_user_reads_it(exported: dict[str, Path], app: CompiledNetwork, batch: int) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(exported["app.onnx"], providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    assert names == [path.name for path in app.paths]
    assert [each.shape for each in session.get_inputs()] == [["batch", 3, 6, 6]]
    assert {each.shape[0] for each in session.get_outputs()} == {"batch"}
    images = torch.rand(batch, 3, 6, 6)
    outputs = session.run(names, {"images": images.numpy()})
    expect_same(dict(zip(names, map(torch.from_numpy, outputs), strict=True)), app, images)
    signature = json.loads(session.get_modelmeta().custom_metadata_map["legonet"])
    assert signature["mean"] == [0.5, 0.5, 0.5]
    assert [each.name for each in exported["app.onnx"].parent.iterdir() if "onnx" in each.name] == [
        "app.onnx"
    ]


def test_the_folder_needs_no_legonet(exported: dict[str, Path], app: CompiledNetwork, tmp_path: Path) -> None:
    folder = exported["app"]
    assert {each.name for each in folder.iterdir()} - {"__pycache__"} == FILES
    images = torch.rand(2, 3, 6, 6)
    torch.save(images, tmp_path / "images.pt")
    script = (
        "import sys, torch; sys.modules['legonet'] = None\n"
        "from model import load\n"
        f"out = load()(torch.load({str(tmp_path / 'images.pt')!r}))\n"
        f"torch.save(out, {str(tmp_path / 'out.pt')!r})"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=folder)
    expect_same(torch.load(tmp_path / "out.pt"), app, images)


def test_the_folder_is_readable(exported: dict[str, Path]) -> None:
    source = (exported["app"] / "model.py").read_text()
    assert "nn.Conv2d(12, 12, 1, groups=3)" in source
    assert "class Normalise" in source
    assert "normalised = self.input(images)" in source
    assert "side by side in the channels" in source
    assert "Rescale" not in source  # they are folded
    assert "Sequence" not in source
    assert max(map(len, source.splitlines())) <= 110
    readme = (exported["app"] / "README.md").read_text()
    assert "| `dog:mark` | mask | other, dog |" in readme


def test_the_naive_program_as_a_folder(make: Callable[..., CompiledNetwork], tmp_path: Path) -> None:
    plain = make("none")
    assert export(plain, tmp_path / "app").difference <= 1e-6
    assert "class Rescale" in (tmp_path / "app" / "model.py").read_text()


def test_again_over_what_was_exported(make: Callable[..., CompiledNetwork], tmp_path: Path) -> None:
    export(make("share"), tmp_path / "app")
    before = (tmp_path / "app" / "model.py").read_text()
    export(make(), tmp_path / "app")
    assert (tmp_path / "app" / "model.py").read_text() != before
    assert [each.name for each in tmp_path.iterdir()] == ["app"]


def test_what_a_user_put_into_the_folder_stays(
    make: Callable[..., CompiledNetwork], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    folder = tmp_path / "app"
    export(make("share"), folder)
    assert {each.name for each in folder.iterdir()} == FILES
    (folder / "test_model.py").write_text("mine")
    (folder / "data").mkdir()
    export(make(), folder)
    assert {each.name for each in folder.iterdir()} == FILES | {"test_model.py", "data"}
    assert (folder / "test_model.py").read_text() == "mine"
    (folder / "card.json").write_text('{"name": "a card of something else"}')
    with pytest.raises(ExportError, match="a folder of something else"):
        export(make(), folder)


def test_without_onnx(app: CompiledNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ExportError, match=r"^/.*/app\.onnx: onnx is not installed; expected the extra"):
        export(app, tmp_path / "app.onnx")
    assert list(tmp_path.iterdir()) == []


def moved(patch: pytest.MonkeyPatch, by: float) -> None:
    """What a folder gives when it is loaded again is off by so much of the largest output."""
    load = exports.load_folder

    def wrong(path: Path) -> Callable[[Tensor], dict[str, Tensor]]:
        run = load(path)
        return lambda images: {
            name: value + by * max(1.0, float(value.abs().max())) for name, value in run(images).items()
        }

    patch.setattr(exports, "load_folder", wrong)


@pytest.mark.parametrize("by", [1e-4, float("nan")])
def test_outputs_that_differ(
    app: CompiledNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: float
) -> None:
    moved(monkeypatch, by)
    with pytest.raises(ExportError, match=r"app: its outputs differ from the network's by "):
        export(app, tmp_path / "app")
    assert list(tmp_path.iterdir()) == []


def test_outputs_may_differ_by_what_the_network_itself_rounds(
    app: CompiledNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deep network in float32 may be further than 1e-5 from its own outputs in float64."""
    images = [torch.rand(2, 3, 6, 6)]
    assert 0 < exports._rounding(app, images) < 1e-6
    monkeypatch.setattr(exports, "_rounding", lambda *_: 1e-4)
    with monkeypatch.context() as patch:
        moved(patch, 2e-4)
        assert export(app, tmp_path / "app").difference == pytest.approx(2e-4, rel=0.01)
    moved(monkeypatch, 4e-4)
    with pytest.raises(ExportError, match=r"differ from the network's by 4\.0e-04; expected at most 3e-04"):
        export(app, tmp_path / "app")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("app.tflite", r"found the ending '\.tflite'; expected \.pt2, \.onnx, or none"),
        ("file", "is a file already"),
        ("folder.pt2", "is a folder already"),
        ("other", "a folder of something else"),
        ("file/app", "cannot be written"),
    ],
)
def test_targets(app: CompiledNetwork, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.pt2").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine").write_text("mine")
    with pytest.raises(ExportError, match=message):
        export(app, tmp_path / name)
    assert (tmp_path / "other" / "mine").read_text() == (tmp_path / "file").read_text() == "mine"


def test_networks_that_cannot_be_exported(make: Callable[..., CompiledNetwork], tmp_path: Path) -> None:
    signature = make().signature
    path = CompiledPath("a", "t", native=True)
    stage = Normalise((0.5,) * 3, (0.25,) * 3)
    modules = {"a": lowered(nn.Sequential(nn.Conv2d(3, 3, 1)))}, {}, {"t": lowered(nn.Sequential(nn.ReLU()))}
    separate = join((path,), stage, *modules, CompileOptions(separate_inputs=True), (3, 6, 6))
    with pytest.raises(ExportError, match="joined by hand"):
        export(separate, tmp_path / "app")
    separate.signature = signature
    with pytest.raises(ExportError, match="for images by category"):
        export(separate, tmp_path / "app")
