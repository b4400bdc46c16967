"""What a library's model gives at its cut becomes a map; what cannot become one is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import legonet
from legonet.blocks.libraries.table import build_model
from legonet.blocks.schema import Block
from legonet.errors import TeacherError
from legonet.ir.sizes import output_shape
from legonet.teachers.cutting import block_cut, resolve
from legonet.teachers.tracing.trace import trace
from legonet.teachers.validate import problems_of
from legonet.teachers.weights.parts import read_teacher
from tests.teachers.test_feature_maps import Last

VIT = "timm:vit_tiny_patch16_224"
TINY = {"img_size": 32, "depth": 2, "embed_dim": 8, "num_heads": 2, "num_classes": 1}
BLOCK = f"""\
legonet-block: 1
name: vit
input: [3, 32, 32]
builder: {VIT}
arguments: {{{", ".join(f"{key}: {value}" for key, value in TINY.items())}}}
"""
GRAPH = """\
legonet: 1
name: zoo
input: {shape: [3, 32, 32]}
categories: {cat: {}, dog: {}}
tasks: {classify: {output: {kind: binary}, adapter: {kernel: 1, activation: none, method: closed-form}}}
teachers:
  cat: {category: cat, task: classify, model: vit, weights: cat.safetensors, cut: CUT}
  dog: {category: dog, task: classify, model: vit, weights: dog.safetensors, cut: CUT}
"""


def block(**keys: Any) -> Block:
    return Block.model_validate({"legonet-block": 1, "name": "b", "input": [3, 64, 64], **keys})


@pytest.mark.parametrize(
    ("cut", "place"), [("2", "2"), ("0.5", "1"), ("0.1", "0.1"), (0.1, "0.0"), (0.9, "2"), ("0.9", "2")]
)
def test_a_text_is_a_name_before_it_is_a_fraction(cut: str | float, place: str) -> None:
    inner = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    layers = [nn.Conv2d(3, 3, 3) for _ in range(3)]
    graph = trace(nn.Sequential(inner, *layers, nn.ReLU()), (3, 9, 9)).graph
    assert resolve(graph, cut, (3, 9, 9), "t").name == place
    with pytest.raises(TeacherError, match="cut '9' is neither a module nor an operation"):
        resolve(graph, "9", (3, 9, 9), "t")


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A block that names a small ViT of a library, and two teachers with weights as people save them."""
    pytest.importorskip("timm")
    for name in ("blocks", "graphs"):
        (tmp_path / name).mkdir()
    (tmp_path / "blocks" / "vit.yaml").write_text(BLOCK)
    path = tmp_path / "graphs" / "zoo.yaml"
    path.write_text(GRAPH.replace("CUT", "blocks.0"))
    for seed, name in enumerate(("cat", "dog")):
        torch.manual_seed(seed)
        save_file(build_model(VIT, TINY).state_dict(), path.with_name(f"{name}.safetensors"))
    return path


@pytest.mark.usefixtures("quick")
def test_a_builders_tokens_are_joined(graph: Path) -> None:
    assert problems_of(graph) == ""
    network = legonet.load(graph)
    (port,) = network.ports(network.plan()).values()
    assert str(port).startswith("8x3x2 (of tokens 5x8) -> 8x3x2 (of tokens 5x8): ")
    assert not network.transplant().failed
    assert legonet.load(graph).plan().changes == ()
    images = torch.rand(3, 3, 32, 32)
    app = network.compile("cat:classify", "dog:classify")
    assert app(images)["dog:classify"].isfinite().all()
    torch.testing.assert_close(network.compile("cat:classify")(images), network.teacher("cat")(images))


def test_a_builders_cut_that_is_not_there(graph: Path) -> None:
    graph.write_text(GRAPH.replace("CUT", "blocks.00"))
    assert "teachers.cat.cut: cut 'blocks.00' is neither a module" in (found := problems_of(graph))
    assert "Did you mean 'blocks.0'?" in found
    with pytest.raises(TeacherError, match=r"teachers\.cat: cut 'blocks\.00'.*Did you mean 'blocks\.0'\?"):
        legonet.load(graph).plan()


def test_a_builders_vector_and_map() -> None:
    net = block(builder="torchvision:alexnet", arguments={"num_classes": 1})
    for cut, shape in (("features.12", (256, 1, 1)), ("classifier.2", (4096, 1, 1))):
        assert block_cut(net, cut, "t").shape(net.input) == shape


def test_a_builders_weights_are_a_whole_state_dict(tmp_path: Path) -> None:
    """Batch norm counts batches, which nothing reads."""
    net = block(builder="torchvision:shufflenet_v2_x0_5", arguments={"num_classes": 1})
    state = build_model("torchvision:shufflenet_v2_x0_5", {"num_classes": 1}).state_dict()
    save_file(state, tmp_path / "net.safetensors")
    assert any("num_batches_tracked" in key for key in state)
    assert read_teacher(block_cut(net, "stage3", "t"), tmp_path / "net.safetensors").f_sha


def test_channels_last_of_an_edited_cut_is_refused(tmp_path: Path) -> None:
    """The block that `teacher add` wrote makes a map at the cut that it was given, and not elsewhere.

    The graph file names the place as `inspect` does; files that name the way's own end are read as before.
    """
    made = legonet.Network("last", input_shape=(3, 32, 32))
    for name in ("cat", "dog"):
        made.add_teacher(name, Last(), category=name, task="classify", cut="low")
    saved = made.save(tmp_path / "graphs" / "last.yaml")
    assert problems_of(saved) == ""
    assert saved.read_text().count("cut: low\n") == 2
    shown = legonet.load(saved).ports(legonet.load(saved).plan())
    saved.write_text(saved.read_text().replace("cut: low", "cut: low.map.1"))
    assert problems_of(saved) == ""
    assert legonet.load(saved).ports(legonet.load(saved).plan()) == shown
    saved.write_text(saved.read_text().replace("cut: low.map.1", "cut: permute"))
    message = "channels last; expected a map (channels, height, width); bring"
    assert "teachers.cat.cut: cut 'permute' gives" in problems_of(saved)
    assert message in problems_of(saved)
    network = legonet.load(saved)
    with pytest.raises(TeacherError) as raised:
        network.ports(network.plan())
    assert message in str(raised.value)


def test_an_entry_names_its_output_and_the_steps_that_it_lacks() -> None:
    layers = {
        "low": {"type": "conv", "in": 3, "out": 4, "kernel": 3, "padding": 1},
        "cut": {"type": "relu"},
        "head": {"type": "conv", "in": 4, "out": 5, "kernel": 1},
    }
    chain = block(layers=layers, cuts=["cut"])
    usual, longer = (block_cut(chain, "cut", "teacher", output) for output in (None, "| flatten 2"))
    assert output_shape(usual.graph, chain.input) == (5, 64, 64)
    assert output_shape(longer.graph, chain.input) == (5, 4096)
    assert usual.below.tensors == longer.below.tensors
    with pytest.raises(TeacherError, match=r"teacher\.output: names the output 'out'; .* leave the name out"):
        block_cut(chain, "cut", "teacher", "out | flatten 2")
    with pytest.raises(TeacherError, match="no step 'flaten'"):
        block_cut(chain, "cut", "teacher", "| flaten 2")
    library = block(builder="torchvision:alexnet", arguments={"num_classes": 2})
    shapes = [
        output_shape(block_cut(library, "features.2", "teacher", output).graph, library.input)
        for output in (None, "| select 1 0")
    ]
    assert shapes == [(2,), ()]


def test_an_entrys_output_is_part_of_what_the_teacher_is(tmp_path: Path) -> None:
    (tmp_path / "blocks").mkdir()
    (tmp_path / "graphs").mkdir()
    layers = "low: {type: conv, in: 3, out: 4, kernel: 1}, cut: {type: relu}, "
    layers += "head: {type: conv, in: 4, out: 2, kernel: 1}"
    text = f"legonet-block: 1\nname: net\ninput: [3, 8, 8]\nlayers: {{{layers}}}\n"
    (tmp_path / "blocks" / "net.yaml").write_text(text)
    weights = {"low.weight": torch.randn(4, 3, 1, 1), "low.bias": torch.zeros(4)}
    weights |= {"head.weight": torch.randn(2, 4, 1, 1), "head.bias": torch.zeros(2)}
    save_file(weights, tmp_path / "graphs" / "cat.safetensors")
    graph = """\
legonet: 1
name: zoo
input: {shape: [3, 8, 8]}
categories: {cat: {}}
tasks: {tell: {output: {kind: vector, names: [a, b]}}}
teachers:
  cat: {category: cat, task: tell, model: net, weights: cat.safetensors, cut: cut, output: '| mean 2 3'}
"""
    path = tmp_path / "graphs" / "zoo.yaml"
    path.write_text(graph)
    network = legonet.load(path)
    images = torch.rand(2, 3, 8, 8)
    maps = torch.nn.functional.conv2d(images, weights["low.weight"]).relu()
    wanted = torch.nn.functional.conv2d(maps, weights["head.weight"]).mean((2, 3))
    with torch.no_grad():
        torch.testing.assert_close(network.compile("cat:tell")(images), wanted)
    before = network.plan()
    assert before.edges[0].action == "native"
    path.write_text(graph.replace("| mean 2 3", "| select 3 0 | select 2 0"))
    with torch.no_grad():
        corner = torch.nn.functional.conv2d(maps, weights["head.weight"])[:, :, 0, 0]
        torch.testing.assert_close(legonet.load(path).compile("cat:tell")(images), corner)
    path.write_text(graph.replace(", output: '| mean 2 3'", ""))
    assert "gives (2, 8, 8); task tell (vector) expects (2)" in problems_of(path)
