"""The network of photos: what `python -m benchmarks photos` is made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

import legonet
from benchmarks.photo_page import MeasuredEdge, Photo, write_page
from benchmarks.photo_teachers import CUT, MEAN, STD, Effort, halves, tune
from benchmarks.photos import GRAPH, VGG, measure_edges, prepared, save_floats, shrunk
from legonet.blocks.build import build_layers
from legonet.blocks.files import find_block
from legonet.data import animals
from legonet.demo import ordinary
from legonet.graph.load import load_graph
from legonet.ir.sizes import output_shape
from legonet.ir.split import cut_at
from legonet.store.workspace import shipped_folder
from legonet.teachers.cutting import block_graph

BLOCKS, GRAPHS = [shipped_folder("blocks")], shipped_folder("graphs")


def test_the_graph_and_its_blocks_fit() -> None:
    graph = load_graph(GRAPHS / GRAPH.name).graph
    assert (graph.input.mean, graph.input.std) == ((MEAN,) * 3, (STD,) * 3)
    shapes = set()
    for teacher in graph.teachers.values():
        block = find_block(teacher.model, BLOCKS)
        architecture = block_graph(block)
        assert output_shape(architecture, graph.input.shape) == (1,)
        f = cut_at(architecture, teacher.cut).below
        shapes.add(output_shape(f, graph.input.shape))
        assert (f.notation is None) == (teacher.cut == CUT)
    assert shapes == {(112, 6, 6), (64, 8, 8)}


def test_the_shrunk_classifier_is_the_animals_own() -> None:
    images = animals.single_category(VGG, "validation", size=96, count=8).images
    wide = build_layers(find_block("vgg-slim-shrunk", BLOCKS).layers or {}).eval()
    wide.load_state_dict(shrunk(VGG))
    own = build_layers(find_block("vgg-slim", BLOCKS).layers or {}).eval()
    own.load_state_dict(load_file(GRAPHS / "teachers" / f"{VGG}-classify.safetensors"))
    with torch.no_grad():
        small = functional.avg_pool2d(images, 3)
        wanted = own((small - animals.MEAN[0]) / animals.STD[0])
        torch.testing.assert_close(wide((images - MEAN) / STD), wanted, rtol=1e-4, atol=1e-5)


def test_a_photo_is_prepared() -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 40:] = 255
    found = prepared(pixels, 20, 16)
    assert found.shape == (3, 16, 16)
    assert float(found[:, :, :4].max()) == 0
    assert float(found[:, :, -4:].min()) == 1


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.low, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.norm(self.low(images)).relu().mean((2, 3)))


def test_only_what_is_above_the_cut_is_tuned(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Net().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    parts = halves(model, 8, "low")
    images = torch.rand(16, 3, 8, 8)
    labels = (images[:, :1].mean((2, 3)) > 0.5).float()
    with torch.no_grad():
        features = parts.below(images)
    tune(parts.above, features, labels, functional.binary_cross_entropy_with_logits, 3, 1e-2, 0)
    state = parts.above.state_dict()
    assert not torch.equal(state["head.weight"], before["head.weight"])
    assert torch.equal(state["norm.running_mean"], before["norm.running_mean"])
    assert all(torch.equal(value, before[name]) for name, value in parts.below.state_dict().items())
    save_floats(model.state_dict(), tmp_path / "w.safetensors")
    assert "norm.num_batches_tracked" not in load_file(tmp_path / "w.safetensors")


def test_the_page() -> None:
    edges = [
        MeasuredEdge("dog:classify", "efficientnet-lite0", 0.05),
        MeasuredEdge("horse:classify", "vgg-slim-shrunk", 0.02, None, [0.2, 0.22], [0.14, 0.16], 12.3),
    ]
    told = {"dog:classify": 0.031, "horse:classify": 0.5}
    photos = [Photo("coffee", "scikit-image", "espresso", 0.95, True, told)]
    page = write_page(edges, photos, Effort())
    assert "| dog:classify | efficientnet-lite0 | 5.0 | native |  |  |  |" in page
    assert "| horse:classify | vgg-slim-shrunk | 2.0 | shapes differ | 21.0 ± 1.4 | 15.0 ± 1.4 | 12 |" in page
    assert "| ![coffee](photos/coffee.jpg) | espresso, 95% | yes | 3 | 50 |" in page


def test_edges_between_shapes_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path of its own, one between equal shapes, and one that cannot do without an adapter."""
    monkeypatch.setattr(ordinary, "METHOD", ordinary.METHOD.model_copy(update={"steps": 2}))
    settings = {"name": "auto", "steps": 2, "imagined": 8, "gradients": 0}
    network = legonet.Network("few", input_shape=(3, 16, 16))
    for number, (category, channels) in enumerate((("dog", 4), ("cat", 4), ("horse", 6))):
        torch.manual_seed(number)
        layers = nn.Conv2d(3, channels, 3), nn.ReLU(), nn.Conv2d(channels, 4, 3), nn.ReLU()
        model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * 12 * 12, 1)).eval()
        network.add_teacher(category, model, category=category, task="classify", cut="1")
        if category != "dog":
            network.connect(category, "classify", adapter={"method": settings})
    network.save(tmp_path / "graphs" / "few.yaml")
    said: list[str] = []
    own, near, far = measure_edges(tmp_path / "graphs" / "few.yaml", said.append, seeds=2, count=20)
    assert [each.path for each in (own, near, far)] == ["dog:classify", "cat:classify", "horse:classify"]
    assert (own.transplanted, own.seconds) == ((), None)
    assert near.unadapted is not None
    assert far.unadapted is None
    for edge in (near, far):
        assert (len(edge.ordinary), len(edge.transplanted)) == (2, 2)
        assert edge.seconds is not None
    again = measure_edges(tmp_path / "graphs" / "few.yaml", said.append, seeds=1, count=20)
    assert [each.transplanted for each in again] == [each.transplanted[:1] for each in (own, near, far)]
