"""Machine code and weights of 8 bits: they compute what they should, and say what they gain and cost."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from legonet.compile import export as exports
from legonet.compile import options
from legonet.compile.export import export, int8
from legonet.compile.export.aot import load_aot
from legonet.compile.export.beside import Beside, weigh
from legonet.compile.export.int8 import STEPS, _weights
from legonet.compile.export.onnx import load_onnx, write_onnx
from legonet.compile.network import CompiledNetwork
from legonet.errors import DataError, ExportError
from legonet.outputs.boxes import BoxesOutput, Level

pytestmark = pytest.mark.usefixtures("exports_once")


@pytest.fixture(scope="module")
def plain(large: CompiledNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxscript")
    assert large.signature is not None
    file = tmp_path_factory.mktemp("plain") / "app.onnx"
    write_onnx(large, large.signature, file)
    return file


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(3):
        Image.effect_noise((20, 18 + number), 60).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def done(
    large: CompiledNetwork,
    plain: Path,
    photos: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> exports.Exported:
    folder = tmp_path_factory.mktemp("int8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exports, "write_onnx", lambda network, signature, path: shutil.copy(plain, path))
        return export(large, folder / "app.onnx", int8=True, images=photos)


class TestInt8:
    def test_it_is_smaller_and_says_what_it_costs(self, done: exports.Exported) -> None:
        assert done.beside is not None
        assert [each.name for each in done.path.parent.iterdir()] == ["app.onnx"]
        weights = [each for each in onnx.load(done.path).graph.initializer if each.name.endswith(".int8")]
        saved = done.beside.plain_size - done.path.stat().st_size
        assert done.size == done.path.stat().st_size
        assert saved > 2.5 * sum(int(np.prod(each.dims)) for each in weights) > 50_000  # of 4 bytes each
        assert done.beside.agreement.keys() == {"cat:kind", "dog:mark"}
        assert all(0.8 < each <= 1 for each in done.beside.agreement.values())
        assert 0 < done.difference < 0.1
        assert (done.beside.images, done.beside.given) == (3, True)

    def test_weights_are_whole_numbers_and_nothing_else_changes(
        self, done: exports.Exported, plain: Path
    ) -> None:
        model, before = onnx.load(done.path), onnx.load(plain)
        weights = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
        wanted = {each.name: numpy_helper.to_array(each) for each in before.graph.initializer}
        stored = [name.removesuffix(".int8") for name in weights if name.endswith(".int8")]
        assert len(stored) >= 4
        for name in stored:
            whole, step = weights[f"{name}.int8"], weights[f"{name}.step"]
            assert whole.dtype == np.int8
            assert np.abs(whole).max() == STEPS
            assert np.abs(whole * step - wanted[name]).max() <= step.max() / 2 * 1.001
        for name, value in wanted.items():
            if name not in stored:
                assert np.array_equal(weights[name], value)
        assert list(model.metadata_props) == list(before.metadata_props)

    def test_photos_of_any_size(self, done: exports.Exported, plain: Path, large: CompiledNetwork) -> None:
        for file, far in ((plain, 1e-5), (done.path, 0.1)):
            (given,) = onnx.load(file).graph.input
            batch, channels, height, width = given.type.tensor_type.shape.dim
            assert channels.dim_value == 3
            assert all(each.dim_param for each in (batch, height, width))
            run = load_onnx(file)
            for shape in ((1, 3, 16, 16), (2, 3, 21, 40), (3, 3, 9, 12)):
                photos = torch.rand(shape)
                found = run(photos)
                for path, value in large.by_path(photos).items():
                    assert found[path].shape == value.shape
                    assert float((found[path] - value).abs().max()) < far * max(1.0, float(value.abs().max()))

    def test_a_file_that_is_not_what_its_weights_give(
        self, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = int8._store

        def wrong(onnx: Any, model: Any, rounded: Any, name: str, axis: int) -> None:
            store(onnx, model, rounded, name, axis)
            for each in model.graph.initializer:
                if each.name.endswith(".step"):
                    each.CopyFrom(numpy_helper.from_array(2 * numpy_helper.to_array(each), each.name))

        monkeypatch.setattr(int8, "_store", wrong)
        with pytest.raises(ExportError, match="are not those of its weights, rounded to 8 bits"):
            int8.write_int8(plain, tmp_path / "app.onnx")

    def test_no_image_to_compare_on(
        self, large: CompiledNetwork, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exports, "write_onnx", lambda network, signature, path: shutil.copy(plain, path))
        for images, said in (([], "images: found none"), (tmp_path / "nothing", "no such file")):
            with pytest.raises(DataError, match=said):
                export(large, tmp_path / "app.onnx", int8=True, images=images)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("operation", "attributes", "axis"),
        [
            ("Conv", {}, 0),
            ("ConvTranspose", {}, 1),
            ("Gemm", {"transB": 1}, 0),
            ("Gemm", {}, 1),
            ("MatMul", {}, 1),
            ("Add", {}, None),
        ],
    )
    def test_the_axis_of_output_channels(
        self, operation: str, attributes: dict[str, Any], axis: int | None
    ) -> None:
        weight = numpy_helper.from_array(np.zeros((32, 32), np.float32), "w")
        nodes = [helper.make_node(operation, ["x", "w"], ["y"], **attributes)]
        graph = helper.make_graph(nodes, "g", [], [], [weight])
        assert _weights(helper.make_model(graph)) == ({} if axis is None else {"w": axis})
        also = helper.make_node("Add", ["y", "w"], ["z"])
        graph = helper.make_graph([*nodes, also], "g", [], [], [weight])
        assert _weights(helper.make_model(graph)) == {}

    def test_small_weights_and_other_numbers_stay(self) -> None:
        small = numpy_helper.from_array(np.zeros((8, 8), np.float32), "small")
        whole = helper.make_tensor("whole", TensorProto.INT64, (64, 64), np.zeros(64 * 64, np.int64))
        nodes = [helper.make_node("MatMul", ["x", each], [f"{each}y"]) for each in ("small", "whole")]
        graph = helper.make_graph(nodes, "g", [], [], [small, whole])
        assert _weights(helper.make_model(graph)) == {}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_machine_code_computes_the_same(large: CompiledNetwork, tmp_path: Path) -> None:
    done = export(large, tmp_path / "app.pt2", aot=True)
    assert done.difference < 1e-5
    assert done.beside is not None
    assert done.beside.milliseconds > 0
    assert set(done.beside.agreement.values()) == {1.0}
    run = load_aot(done.path)
    for shape in ((1, 3, 16, 16), (5, 3, 16, 16), (2, 3, 21, 40)):
        photos = torch.rand(shape)
        for path, value in large.by_path(photos).items():
            torch.testing.assert_close(run(photos)[path], value, rtol=1e-4, atol=1e-5)
    inductor = torch._inductor
    card = json.loads(inductor.aoti_load_package(str(done.path)).loader.get_metadata()["legonet"])
    assert list(card["outputs"]) == ["cat:kind", "dog:mark"]


def test_machine_code_that_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of a detector, of whose boxes torch's compiler bounds the number."""

    class Code:
        loader = SimpleNamespace(get_metadata=lambda: {"legonet": '{"outputs": {"cat:find": {}}}'})

        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("Expected u0 <= 3600 but received 7477")

    monkeypatch.setattr("torch._inductor.aoti_load_package", lambda _: Code())
    with pytest.raises(
        ExportError, match=r"app\.pt2: the machine code does not take 4 images .* leave aot out"
    ):
        load_aot(Path("app.pt2"))(torch.zeros(4, 3, 8, 8))


def test_boxes_that_one_form_lacks_are_counted() -> None:
    meaning = BoxesOutput(kind="boxes", levels=(Level(size=(2, 2), stride=4),))
    outputs = {"cat:find": SimpleNamespace(meaning=meaning)}
    network: Any = SimpleNamespace(signature=SimpleNamespace(outputs=outputs), input_shape=(3, 8, 8))
    box, none = [0.0, 0, 4, 4, 0.9, 0], [0.0, 0, 0, 0, 0, -1]
    other = [4.0, 4, 8, 8, 0.5, 0]

    def boxes(*rows: list[float]) -> Callable[[torch.Tensor], dict[str, torch.Tensor]]:
        return lambda images: {"cat:find": torch.tensor(rows).expand(len(images), 2, 6)}

    beside = weigh(boxes(box, none), boxes(box, other), 1, network, None)
    assert 0 < beside.agreement["cat:find"] < 1
    assert weigh(boxes(none, none), boxes(box, other), 1, network, None).difference == 1.0
    with pytest.raises(ExportError, match="NaN or infinite"):
        weigh(boxes([math.nan] * 6, none), boxes(box, other), 1, network, None)


def test_without_a_compiler(app: CompiledNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options.shutil, "which", lambda _: None)
    with pytest.raises(ExportError, match=r"app\.pt2: found no C\+\+ compiler, which aot needs; expected"):
        export(app, tmp_path / "app.pt2", aot=True)


def test_a_compiler_that_fails(app: CompiledNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("C++ compile error\nmany lines")

    monkeypatch.setattr("torch._inductor.aoti_compile_and_package", fail)
    with pytest.raises(ExportError, match=r"torch cannot compile it \(C\+\+ compile error\); expected"):
        export(app, tmp_path / "app.pt2", aot=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "option"), [("app", "aot"), ("app.onnx", "aot"), ("app", "int8")])
def test_each_has_its_ending(app: CompiledNetwork, tmp_path: Path, name: str, option: str) -> None:
    with pytest.raises(ExportError, match=f"found {option}, which is of "):
        export(app, tmp_path / name, aot=option == "aot", int8=option == "int8")


def test_the_command(graph_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from legonet.cli import main

    pytest.importorskip("onnxscript")
    file = tmp_path / "app.onnx"
    assert (
        main(["compile", str(graph_file), "--path", "cat:classify", "-o", str(file), "--int8", "--json"]) == 0
    )
    data = json.loads(capsys.readouterr().out)
    assert data["bytes"] == file.stat().st_size < data["beside"]["plain_bytes"]
    assert data["beside"]["agreement"].keys() == {"cat:classify"}
    assert data["beside"]["images"] == "64 of noise"
    for arguments, said in (
        (["--int8"], "--int8: found no -o FILE"),
        (["--aot", "-o", str(file)], "found aot, which is of .pt2 alone"),
        (["--images", str(tmp_path), "-o", str(file)], "--images: found no --aot or --int8"),
    ):
        assert main(["compile", str(graph_file), *arguments]) == 1
        assert said in capsys.readouterr().err


def test_one_image_is_said_as_one() -> None:
    said = str(Beside(2048, 1.0, 2.0, 1, True, {"cat:classify": 0.5}))
    assert said == (
        "beside the plain form: 2 KiB; an image takes 1.00 ms, and 2.00 ms there\n"
        "  cat:classify: decides alike on 50.00% of 1 image"
    )
