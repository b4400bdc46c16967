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
    with pytest.raises(TeacherError, match="cut '9' is no module and no operation"):
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
    assert "teachers.cat.cut: cut 'blocks.00' is no module" in (found := problems_of(graph))
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
