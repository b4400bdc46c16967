"""Where foreign data first reaches a library, all that the library raises is told with file and place."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

import legonet
from legonet.blocks.build import build_block
from legonet.blocks.files import read_block
from legonet.blocks.schema import Block
from legonet.cli.images import LONGEST_LINE, GivenImages
from legonet.compile.export import export
from legonet.data import pictures
from legonet.data.pictures import read_image
from legonet.distill.fitting.losses import value_and_jacobian
from legonet.distill.fitting.optimise import optimise
from legonet.errors import (
    BlockError,
    DataError,
    DistillError,
    GraphError,
    LegonetError,
    PlanError,
    StoreError,
    TeacherError,
)
from legonet.graph.load import load_graph, parse_graph
from legonet.graph.lock import read_lock
from legonet.graph.schema import Input, Teacher
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.modules import load_module
from legonet.ir.sizes import shapes_of, size_of
from legonet.plan.plan_file import is_plan, read_plan
from legonet.store.blobs import Store, sha256
from legonet.store.workspace import Workspace
from legonet.teachers.from_module import from_module
from legonet.teachers.new_teacher import NewTeacher
from legonet.teachers.sources.file import FileTeacher
from legonet.teachers.weights.checkpoints import read_checkpoint

X = {"ref": "input"}


def block(*steps: dict[str, Any], **tensors: Any) -> dict[str, Any]:
    operations = {"steps": list(steps), "output": steps[-1]["name"], "tensors": tensors}
    return {"legonet-block": 1, "name": "odd", "input": [3, 8, 8], "operations": operations}


def step(op: str, *arguments: Any, **keywords: Any) -> dict[str, Any]:
    return {"name": "x", "op": op, "args": list(arguments), "kwargs": keywords}


@pytest.mark.parametrize(
    "data",
    [
        block(step("max_pool2d", X, [2, 2], [0, 0])),
        block(step("max_pool2d", X, [0, 0])),
        block(step("avg_pool2d", X, [2, 2], [0])),
        block(step("max_pool2d", X, [2, 2], [2, 2], [2**40, 2**40])),
        block(step("max_pool2d", X, [[2], [2]])),
        block(step("relu")),
        block(step("relu", 3)),
        block(step("relu", [X, X])),
        block(step("einsum", "ab->(", [X])),
        block(step("einsum", X, X)),
        block(step("cat", X)),
        block(step("cat", [[X]])),
        block(step("cat", [])),
        block(step("view", X, [2**62, 2**62])),
        block(step("view", X, [])),
        block(step("add.Tensor", X, [X])),
        block(step("add.Tensor", X, "text")),
        block(step("permute", X, [0, 0, 0, 0])),
        block(step("permute", X, "abcd")),
        block(step("linear", X, {"tensor": "w"}), w={"shape": [0, 2**60]}),
        block(step("conv2d", X, {"tensor": "w"}, None, [0, 0]), w={"shape": [1, 3, 1, 1]}),
        block(step("conv2d", X, {"tensor": "w"}, None, [1, 1], [2**62, 0]), w={"shape": [1, 3, 1, 1]}),
        block(step("conv2d", X, {"tensor": "w"}), w={"shape": [2**20, 2**20, 2**10]}),
        block(step("conv2d", X, {"tensor": "w"}, groups=0), w={"shape": [1, 3, 1, 1]}),
        block(step("upsample_nearest2d.vec", X, None, [1e300, 1e300])),
        block(step("upsample_nearest2d.vec", X, [0, 0], None)),
        block(step("split.Tensor", X, 0)),
        block(step("getitem", X, 2**62)),
        block(step("pad", X, [2**62] * 4)),
        block(step("mean.dim", X, [99])),
        block(step("to.dtype", X, -1)),
        block(step("to.dtype", X, 6)),
        block(step("contiguous", X, memory_format=99)),
        block(step("softmax.int", X, 1, 2**31)),
        block(step("zeros", [1, {"batch": 1}], dtype=-1)),
        block(step("add.Tensor", X, {"tensor": "w"}), w={"shape": [1] * 65}),
        block(step("add.Tensor", X, {"tensor": "w"}), w={"shape": [2**62] * 60}),
    ],
)
def test_blocks_of_operations_that_no_torch_takes(data: dict[str, Any], tmp_path: Path) -> None:
    """Each is refused where it is read, or where it is measured or built."""
    (tmp_path / "odd.json").write_text(json.dumps(data))
    with pytest.raises(LegonetError):
        _used(tmp_path / "odd.json")


COMPUTED_BY_NONE: dict[str, dict[str, Any]] = {
    "softmax of integers": step("softmax.int", X, 1, {"dtype": "int64"}),
    "one number for a size": step("adaptive_avg_pool2d", X, 3),
    "a size of three": step("upsample_bilinear2d.vec", X, [1, 1, 1], False, None),
}


def module_of(*steps: dict[str, Any]) -> GraphModule:
    graph = Block.model_validate(block(*steps)).architecture
    assert graph is not None
    shapes_of(graph, (3, 8, 8))
    return build_graph(graph)


@pytest.mark.parametrize("what", COMPUTED_BY_NONE)
def test_operations_whose_shapes_are_right_and_that_torch_does_not_compute(what: str) -> None:
    """The shapes of a block are known without computing it: what else is wrong shows when it is run."""
    module = module_of(COMPUTED_BY_NONE[what])
    with pytest.raises(BlockError, match=r"^x: .* cannot be computed: .*bring the model in again"):
        module(torch.zeros(2, 3, 8, 8))


def test_an_export_says_so_too(workspace: Path) -> None:
    network = legonet.load(workspace / "graphs" / "zoo.yaml").compile("cat:classify")
    odd = module_of(COMPUTED_BY_NONE["one number for a size"])._calls[0][0]
    for each in network.modules():
        if isinstance(each, GraphModule) and each._calls:
            each._calls[0] = (odd, [])
    with pytest.raises(BlockError, match="cannot be computed"):
        export(network, workspace / "app.pt2")
    assert not (workspace / "app.pt2").exists()


def test_modules_that_let_no_gradient_through() -> None:
    module = module_of(
        {"name": "cut", "op": "to.dtype", "args": [X, {"dtype": "int64"}]},
        {"name": "x", "op": "to.dtype", "args": [{"ref": "cut"}, {"dtype": "float32"}]},
    )
    below = nn.Conv2d(3, 3, 1)
    with pytest.raises(DistillError, match=r"no gradient passes through the modules \(element 0"):
        optimise(below, lambda: module(below(torch.rand(1, 3, 8, 8))).mean(), 1, 0.1)
    with pytest.raises(DistillError, match="no gradient passes"):
        value_and_jacobian(module, module, torch.rand(2, 3, 8, 8), 1.0, 1.0, torch.Generator())


@pytest.mark.parametrize("text", ["4", "null", '"text"', "[]", "[[1, 2]]"])
def test_a_block_that_is_no_object(text: str, tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(LegonetError, match="expected a block"):
        read_block(tmp_path / "odd.json")


def _used(path: Path) -> None:
    graph = read_block(path).architecture
    assert graph is not None
    shapes_of(graph, (3, 8, 8))
    size_of(graph, (3, 8, 8))
    build_graph(graph, "meta")(torch.zeros(1, 3, 8, 8, device="meta"))


def test_numbers_of_thousands_of_digits_are_not_multiplied(tmp_path: Path) -> None:
    shape = [10**4000] * 1000
    (tmp_path / "odd.json").write_text(json.dumps(block(step("relu", X), w={"shape": shape})))
    with pytest.raises(BlockError, match="more numbers than any memory holds"):
        read_block(tmp_path / "odd.json")


@pytest.mark.parametrize(
    ("builder", "arguments", "message"),
    [
        ("timm:resnet10t", {"act_layer": "eval"}, "cannot be built with act_layer='eval'"),
        ("timm:resnet10t", {"checkpoint_path": "x.pt"}, "may reach for files"),
        ("timm:resnet10t", {"cache_dir": "/tmp"}, "may reach for files"),  # noqa: S108
        ("timm:resnet10t", {"pretrained_cfg": "x"}, "may reach for files"),
        ("timm:resnet10t", {"pretrained": True}, "would download weights"),
        ("torchvision:resnet18", {"weights": "DEFAULT"}, "would download weights"),
        ("torchvision:resnet18", {"weights_backbone": "DEFAULT"}, "would download weights"),
        ("torchvision:resnet18", {"norm_layer": "BatchNorm2d"}, "cannot be built with"),
        ("torchvision:resnet18", {"num_classes": 2**31}, "a parameter would have"),
        ("torchvision:resnet18", {"num_classes": -1}, "cannot be built with"),
    ],
)
def test_builders_take_plain_arguments_alone(builder: str, arguments: dict, message: str) -> None:
    given = {"legonet-block": 1, "name": "x", "input": [3, 8, 8], "builder": builder, "arguments": arguments}
    with pytest.raises(BlockError, match=message):
        build_block(Block.model_validate(given), "cpu")


class Flat(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv1d(3, 2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.flatten(2)).mean(-1)


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3, 1, 1, dtype=torch.complex64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * self.scale).real.mean((2, 3))


@pytest.mark.parametrize(
    ("module", "cut"),
    [
        (nn.Sequential(nn.Conv1d(3, 2, 3), nn.Flatten()), "0"),
        (nn.Sequential(nn.LazyConv2d(2, 3), nn.Flatten(), nn.Linear(72, 1)), "0"),
        (nn.Sequential(nn.Conv2d(3, 2, 3, device="meta"), nn.Flatten(), nn.Linear(72, 1)), "0"),
        (Complex(), "0.5"),
    ],
    ids=["conv1d", "lazy", "meta", "complex"],
)
def test_models_that_no_images_or_blobs_hold(module: nn.Module, cut: str) -> None:
    with pytest.raises(LegonetError, match=r"."):
        from_module(NewTeacher("odd", module.eval(), "cat", "classify", cut), (3, 8, 8))


def test_a_blob_whose_weights_are_not_those_of_its_layers() -> None:
    from legonet.store.modules import dump_module
    from legonet.store.tensors import RawTensor

    weight = {"0.weight": RawTensor("F32", (1,), bytes(4))}
    with pytest.raises(StoreError, match="its weights do not fit its layers"):
        load_module(dump_module("adapter", {"0": {"type": "linear", "in": 2, "out": 1}}, weight))


def picture(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((40, 30), 60).convert("RGB").save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "EPS", "PPM", "TGA", "ICO", "PDF"])
def test_pictures_of_formats_that_nobody_named(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(kind))
    with pytest.raises(DataError, match=r"a\.png: cannot be read as an image; expected a PNG, JPEG"):
        read_image(tmp_path / "a.png", Input(shape=(3, 8, 8)))


@pytest.mark.parametrize("kind", list(pictures.FORMATS))
def test_pictures_of_those_that_are_named(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(picture(kind))
    assert read_image(tmp_path / "a", Input(shape=(3, 8, 8))).shape == (3, 8, 8)
    monkeypatch.setitem(pictures.FORMATS, kind, 40 * 30 - 1)
    with pytest.raises(DataError, match="40x30 pixels; expected at most 1,199"):
        read_image(tmp_path / "a", Input(shape=(3, 8, 8)))


def test_a_jpeg_file_of_very_many_scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(picture("JPEG", progressive=True))
    assert read_image(tmp_path / "a.jpg", Input(shape=(3, 8, 8))).shape == (3, 8, 8)
    monkeypatch.setattr(pictures, "MOST_SCANNED", 3 * 40 * 30)
    with pytest.raises(DataError, match="a JPEG file of too many scans"):
        read_image(tmp_path / "a.jpg", Input(shape=(3, 8, 8)))


def test_a_compressed_bmp_file_which_becomes_any_size(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.effect_noise((40, 30), 60).save(file, "BMP")
    data = file.getvalue()
    encoded = data[:30] + (1).to_bytes(4, "little") + data[34 : 54 + 1024]  # its colours come last
    (tmp_path / "a.bmp").write_bytes(encoded + b"\x00\x02\x00\xff" * 1000)
    with pytest.raises(DataError, match="is a compressed BMP file"):
        read_image(tmp_path / "a.bmp", Input(shape=(3, 8, 8)))


def test_a_line_of_standard_input_that_does_not_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endless = io.StringIO("a" * (3 * LONGEST_LINE))
    monkeypatch.setattr("sys.stdin", endless)
    given = GivenImages([Path("-")])
    assert list(given) == []
    assert given.problems
    assert f"a line of more than {LONGEST_LINE:,} characters" in capsys.readouterr().err
    assert endless.tell() == LONGEST_LINE


def test_names_that_no_system_takes_do_not_end_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    given = GivenImages([Path("a" * 5000), Path("b\0c"), Path("none.png")])
    photos = list(given)
    for photo in photos:
        with pytest.raises(DataError) as raised:
            photo.pixels(3)
        given.tell(raised.value, photo)
    assert given.seen == len(photos) == 3
    assert given.problems == 3


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def _teacher(fifo: Path, **files: str) -> FileTeacher:
    spec = {"category": "cat", "task": "classify", "model": "x", "weights": "none", "cut": "0", **files}
    return FileTeacher("cat", Teacher.model_validate(spec), fifo.parent, Workspace(fifo.parent))


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (load_graph, GraphError),
        (read_block, BlockError),
        (read_lock, GraphError),
        (read_plan, PlanError),
        (read_checkpoint, TeacherError),
        (lambda path: read_image(path, Input(shape=(3, 8, 8))), DataError),
        (load_module, StoreError),
        (lambda path: _teacher(path, weights="fifo").weights_hash(), TeacherError),
        (lambda path: _teacher(path, weights="fifo").parts(), LegonetError),
        (lambda path: _teacher(path, statistics="fifo").statistics(), TeacherError),
        (lambda path: _teacher(path, statistics="fifo").statistics_hash(), TeacherError),
    ],
)
def test_a_fifo_keeps_nobody_waiting(read: Any, error: type[LegonetError], fifo: Path) -> None:
    with pytest.raises(error):
        read(fifo)
    assert not is_plan(fifo)


def test_a_fifo_in_the_place_of_a_blob(tmp_path: Path) -> None:
    store, sha = Store(tmp_path), sha256(b"x")
    store.path(sha).parent.mkdir(parents=True)
    os.mkfifo(store.path(sha))
    with pytest.raises(StoreError, match="not a regular file"):
        store.get(sha)


@pytest.mark.parametrize("target", ["/dev/zero", "elsewhere"])
def test_a_lock_file_that_is_a_link(target: str, tmp_path: Path) -> None:
    (tmp_path / "zoo.lock.json").symlink_to(target)
    with pytest.raises(GraphError, match="a link; expected a lock file"):
        read_lock(tmp_path / "zoo.lock.json")


def test_a_lock_file_that_is_wrong_all_over_is_told_by_its_first_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "zoo.lock.json"
    path.write_text(json.dumps({"legonet-lock": 1, "adapters": {f"a{n}:b": 1 for n in range(3000)}}))
    with pytest.raises(GraphError, match=r"adapters\.a0:b: found 1; expected a mapping"):
        read_lock(path)
    monkeypatch.setattr("legonet.graph.in_parts.MOST_VALUES", 2000)
    path.write_text("[" * 2001)
    with pytest.raises(GraphError, match="expected a lock file as legonet writes it"):
        read_lock(path)


@pytest.mark.parametrize("as_json", [False, True])
def test_reading_takes_no_longer_than_people_wait(as_json: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for reader in ("yaml", "json_text"):
        monkeypatch.setattr(f"legonet.graph.reading.{reader}.MOST_SECONDS", -1.0)
    text = "[" + ",".join(["1"] * 3000) + "]"
    with pytest.raises(GraphError, match="takes longer than 4 s to read; expected a file that people wrote"):
        parse_graph(text, "zoo.yaml", as_json)


def test_large_files_are_not_read_by_the_slow_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legonet.graph.reading.yaml._PythonParser", None)
    comments = "# a\tb!\n" * 40_000
    with pytest.raises(GraphError, match="the file is empty"):
        parse_graph(comments, "zoo.yaml")
    with pytest.raises(GraphError, match=r"zoo\.yaml:4000[12]:\d+: "):
        parse_graph(comments + "a: [", "zoo.yaml")
