"""`legonet teacher inspect` and `legonet teacher add`, as a stranger uses them."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from legonet.teachers.models.allowed import permissions_file

GRAPH = """\
# My zoo.
legonet: 1
name: zoo
input: {shape: [3, 16, 16]}
categories: {}  # none yet
tasks: {}
teachers: {}
"""


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.block = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.stem(images).relu()
        return self.head((x + self.block(x)).relu().mean((2, 3)))


CODE = "mynet:make"
SCRIPT = io.BytesIO()
with zipfile.ZipFile(SCRIPT, "w") as archive:
    archive.writestr("net/constants.pkl", b"")


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "graphs").mkdir()
    path = tmp_path / "graphs" / "zoo.yaml"
    path.write_text(GRAPH)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "mynet", _Module())
    torch.manual_seed(0)
    torch.save({"state_dict": {f"module.{k}": v for k, v in Net().state_dict().items()}}, "cat.pt")
    return path


class _Module:
    make = Net


def files(root: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}


def arguments(graph: Path, **changes: str) -> list[str]:
    given = {
        "name": "cat",
        "category": "cat",
        "task": "classify",
        "model": CODE,
        "weights": "cat.pt",
        "cut": "relu_2",
    }
    return [
        "teacher",
        "add",
        str(graph),
        *(part for key, value in (given | changes).items() for part in (f"--{key}", value)),
    ]


def test_a_model_becomes_a_teacher(run: Callable[..., Any], graph: Path) -> None:
    done = run(*arguments(graph), "--allow-code", CODE)
    assert (done.status, done.err) == (0, "")
    text = graph.read_text()
    assert text.startswith("# My zoo.\n")
    assert "# none yet" in text
    assert run("validate", graph).status == 0
    assert "native" in run("plan", graph).out
    before = files(graph.parents[1])
    again = run(*arguments(graph), "--allow-code", CODE)
    assert again.status == 1
    assert "teachers.cat: is there already" in again.err
    assert files(graph.parents[1]) == before


def test_its_images_may_be_its_own(run: Callable[..., Any], graph: Path) -> None:
    images = "{shape: [3, 24, 20], std: [0.5, 0.5, 0.5], resize: crop}"
    done = run(*arguments(graph, input=images), "--allow-code", CODE)
    assert (done.status, done.err) == (0, "")
    assert "input: {shape: [3, 24, 20], std: [0.5, 0.5, 0.5], resize: crop}" in graph.read_text()
    assert run("validate", graph).status == 0
    more = arguments(graph, name="cat-2", task="other"), arguments(graph, name="dog", category="dog")
    other = run(*more[0], "--input", "{shape: [3, 16, 16]}", "--allow-code", CODE)
    assert (
        "teachers.cat-2: its images are 3x16x16, fit, bilinear; expected those of category cat" in other.err
    )
    for wrong, said in (("[3, 8, 8]", "expected a mapping"), ("{shape: [3, 8]}", "shape"), ("{", "--input")):
        done = run(*more[1], "--input", wrong, "--allow-code", CODE)
        assert (done.status, said in done.err) == (1, True), done.err


def test_what_the_user_allows_needs_no_option(
    run: Callable[..., Any], graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(graph.parents[1] / "config"))
    permissions_file().parent.mkdir(parents=True)
    permissions_file().write_text(f"{graph.parents[1]}: ['{CODE}']\n")
    assert run(*arguments(graph)).status == 0
    assert run("teacher", "inspect", CODE, "--shape", "3,16,16").status == 0
    refused = run(*arguments(graph, name="dog", category="dog", model="os.path:getcwd"))
    assert "would run code of os.path" in refused.err


def test_a_program_brings_its_weights(run: Callable[..., Any], graph: Path) -> None:
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(Net(), (torch.zeros(2, 3, 16, 16),), dynamic_shapes=({0: batch},))
    torch.export.save(program, "net.pt2")
    given = [each for each in arguments(graph, model="net.pt2") if each not in ("--weights", "cat.pt")]
    assert "torch reads such a file with pickle" in run(*given).err
    assert (done := run(*given, "--allow-code", "net.pt2")).status == 0, done.err
    assert run("validate", graph).status == 0
    more = run(*given, "--allow-code", "net.pt2", "--weights", "cat.pt", "--name", "dog", "--category", "dog")
    assert "net.pt2 has weights of its own" in more.err
    without = [each for each in arguments(graph, name="dog") if each not in ("--weights", "cat.pt")]
    refused = run(*without, "--allow-code", CODE)
    assert "no weights: stem.weight, " in refused.err
    assert (
        "are drawn anew each time that it is made; expected those of mynet:make; add --weights" in refused.err
    )


def test_a_function_may_load_its_weights(
    run: Callable[..., Any], graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make() -> nn.Module:
        model = Net()
        model.load_state_dict({k[7:]: v for k, v in torch.load("cat.pt")["state_dict"].items()})
        return model.half()

    monkeypatch.setattr(_Module, "make", staticmethod(make))
    given = [each for each in arguments(graph) if each not in ("--weights", "cat.pt")]
    done = run(*given, "--allow-code", CODE)
    assert done.status == 0, done.err
    assert "teachers.cat: the weights are those that mynet:make loads.\n" in done.out
    assert "teachers.cat: its weights were converted from float16 to float32.\n" in done.out
    assert run("validate", graph).status == 0


def test_weights_in_the_files_order(run: Callable[..., Any], graph: Path) -> None:
    torch.manual_seed(0)
    torch.save({f"w{number}": value for number, value in enumerate(Net().parameters())}, "cat.pt")
    given = [*arguments(graph), "--allow-code", CODE]
    assert "in which all shapes are the model's: --by-order" in run(*given).err
    done = run(*given, "--by-order")
    assert done.status == 0, done.err
    assert "cat.pt: tensors were taken in the file's order, whatever their names.\n" in done.out


def test_an_output_that_lacks_a_step(run: Callable[..., Any], graph: Path) -> None:
    given = [*arguments(graph, cut="relu_1"), "--allow-code", CODE, "--output", "0 | flatten | select 1 0"]
    refused = run(*given)
    assert "its output has shape (); expected" in refused.err
    shown = run("teacher", "inspect", CODE, "--shape", "3,16,16", "--allow-code", CODE)
    assert "output 1: binary" in shown.out
    shown = run(
        "teacher", "inspect", CODE, "--shape", "3,16,16", "--allow-code", CODE, "--output", "0 | select 1 0"
    )
    assert "output without axes: " in shown.out


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.pt", b"PK", "model w.pt: is a file of weights; expected what builds the model: .*--weights w.pt"),
        ("hub/config.json", b"{}", "model hub: is a Hugging Face folder, with weights and no code;"),
        (
            "s.pt",
            SCRIPT.getvalue(),
            "model s.pt: is a TorchScript file, which can run code; .*state_dict",
        ),
        ("m.onnx", b"", "model m.onnx: is an ONNX file; .*give the PyTorch model that it was exported from"),
    ],
)
def test_files_that_are_no_model(
    run: Callable[..., Any], graph: Path, name: str, content: bytes, message: str
) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(content)
    refused = run("teacher", "inspect", name.partition("/")[0])
    assert refused.status == 1
    assert re.search(message, refused.err)


def test_another_module_of_a_known_category(run: Callable[..., Any], graph: Path) -> None:
    assert run(*arguments(graph), "--allow-code", CODE).status == 0
    torch.manual_seed(1)
    torch.save(Net().state_dict(), "other.pt")
    given = arguments(graph, name="cat-2", weights="other.pt")
    refused = run(*arguments(graph, name="cat-2", weights="other.pt"), "--allow-code", CODE)
    assert "`on_conflict` may be replace (a new version) or variant" in refused.err
    assert "on_conflict: found 'often'" in run(*given, "--allow-code", CODE, "--on-conflict", "often").err
    done = run(*given, "--allow-code", CODE, "--on-conflict", "variant")
    assert done.status == 0, done.err
    assert "added as cat@2:classify" in done.out
    given = arguments(graph, name="cat-3", weights="other.pt", task="tell")
    done = run(*given, "--allow-code", CODE)
    assert "teachers.cat-3: its category module differs from that of cat, so that it" in done.out
    assert "make it a variant (--on-conflict variant" in done.out
    assert run("validate", graph).status == 0


def test_it_may_be_traced_with_other_images(run: Callable[..., Any], graph: Path) -> None:
    done = run(*arguments(graph), "--allow-code", CODE, "--example-shape", "3,32,32")
    assert done.status == 0, done.err
    assert run("validate", graph).status == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cut": "blok"}, "is neither a module nor an operation"),
        ({"weights": "none.pt"}, "none.pt: no such file; expected a file of weights"),
        ({"model": "torchvision:resnet18"}, "the weights are of another model: "),
        ({"model": "torchvision:resnet81"}, "torchvision has no model 'resnet81'"),
        ({"model": "vgg-slum"}, "Did you mean 'vgg-slim'?"),
        ({"model": "mynets:make"}, "no module 'mynets'; expected package.module:function"),
        ({"model": "mynets:make"}, "; correct it, or put your own into /"),
        ({"cut": "7"}, "cut '7' is neither a module nor an operation"),
        ({"key": "ema"}, "has no 'ema'; its sets of weights are state_dict"),
        ({"model": "os.path:getcwd"}, "model os.path:getcwd: would run code of os.path"),
    ],
)
def test_refusals_change_nothing(
    run: Callable[..., Any], graph: Path, changes: dict[str, str], message: str
) -> None:
    before = files(graph.parents[1])
    done = run(*arguments(graph, **changes), "--allow-code", CODE)
    assert done.status == 1
    assert message in done.err
    assert files(graph.parents[1]) == before


def test_where_a_model_can_be_cut(run: Callable[..., Any], graph: Path) -> None:
    done = run("teacher", "inspect", CODE, "--shape", "3,16,16", "--allow-code", CODE)
    assert done.status == 0
    assert "relu_1" in done.out
    assert "4x8x8" in done.out
    found = json.loads(
        run("teacher", "inspect", CODE, "--shape", "3,16,16", "--allow-code", CODE, "--json").out
    )
    cuts = {cut["name"]: cut for cut in found["cuts"]}
    assert list(cuts) == ["stem", "relu_1", "add", "relu_2", "mean"]
    assert cuts["add"]["parameters"] == [4 * 27 + 4 + 4 * 36 + 4, 5]
    assert cuts["add"]["operations"] == [64 * 4 * (27 + 36), 4]
    assert any(cut["recommended"] for cut in cuts.values())
    assert "relu_1" in cuts["relu_1"]["names"]
    assert run("teacher", "inspect", "vgg-slim", "--shape", "3,32,32", "-o", "slim.svg").status == 0
    assert "pool3" in Path("slim.svg").read_text()
    slim = run("teacher", "inspect", "vgg-slim", "--shape", "3,32,32").out
    (line,) = (line for line in slim.splitlines() if "pool3" in line)
    assert "~ relu3_3 64x8x8" in line
    refused = run("teacher", "inspect", CODE, "--shape", "3,16")
    assert "expected channels,height,width" in refused.err


def test_a_block_keeps_its_names(run: Callable[..., Any], graph: Path) -> None:
    """A second teacher of a model names the block that the first one left, and cuts it at the same place."""
    assert run(*arguments(graph), "--allow-code", CODE).status == 0
    shown = run("teacher", "inspect", "cat")  # with images as the block names them
    assert shown.status == 0, shown.err
    assert "4x8x8" in shown.out
    torch.manual_seed(1)
    torch.save(Net().state_dict(), "dog.pt")
    done = run(*arguments(graph, name="dog", category="dog", model="cat", weights="dog.pt", cut="relu_2"))
    assert (done.status, done.err) == (0, "")
    assert "model: cat\n    weights: teachers/dog.safetensors\n    cut: relu_2" in graph.read_text()


def test_a_model_whose_library_is_not_named(run: Callable[..., Any], graph: Path) -> None:
    assert "Or 'torchvision:resnet18'?" in run("teacher", "inspect", "resnet18").err


class Sides(nn.Module):
    """Two branches that meet at the output only."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 1, 16), nn.Conv2d(3, 1, 16)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.left(images), self.right(images)], 1)


def test_a_model_that_cannot_be_cut(
    run: Callable[..., Any], graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Module, "make", lambda self: Sides())
    torch.save(Sides().state_dict(), "sides.pt")
    for cut in ("0.5", "left"):
        done = run(*arguments(graph, weights="sides.pt", cut=cut), "--allow-code", CODE)
        assert "its branches run side by side from the image to the output" in done.err
    done = run("teacher", "inspect", CODE, "--shape", "3,16,16", "--allow-code", CODE)
    assert (done.status, done.out) == (1, "")
    assert "its branches run side by side" in done.err
