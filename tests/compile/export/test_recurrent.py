"""A recurrent layer is one call in every format, and the network that is exported stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from legonet.compile.assemble import join
from legonet.compile.export import export
from legonet.compile.network import CompiledNetwork, CompiledPath
from legonet.compile.normalise import Normalise
from legonet.compile.options import CompileOptions
from legonet.compile.signature import OutputSignature, Signature
from legonet.ir.interpreter import build_graph
from legonet.ir.split import cut_at
from legonet.outputs.vector import VectorOutput
from legonet.teachers.tracing.export import export as taken_in

SHAPE = (1, 4, 9)


class Lines(nn.Module):
    """Reads an image column by column."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 2, 3, padding=1)
        self.rnn = nn.LSTM(8, 5, bidirectional=True, batch_first=True)
        self.head = nn.Linear(10, 2)

    def forward(self, x: Tensor) -> Tensor:
        columns, _ = self.rnn(self.stem(x).permute(0, 3, 1, 2).flatten(2))
        return self.head(columns.mean(1))


@pytest.fixture(scope="module")
def network() -> CompiledNetwork:
    torch.manual_seed(0)
    model = Lines()
    found = taken_in(model, SHAPE)
    state = {**model.state_dict(), **found.constants}
    halves = []
    for graph in cut_at(found.graph, "stem").parts:
        half = build_graph(graph)
        half.load_state_dict({name: state[name] for name in graph.tensors})
        halves.append(half)
    paths, stage = (CompiledPath("c", "t", native=True),), Normalise((0.5,), (0.25,))
    app = join(paths, stage, {"c": halves[0]}, {}, {"t": halves[1]}, CompileOptions(), SHAPE)
    outputs = {"c:t": OutputSignature(VectorOutput(kind="vector", names=("a", "b")), "c")}
    app.signature = Signature("lines", SHAPE, (0.5,), (0.25,), outputs)
    return app


@pytest.mark.parametrize("name", ["app.pt2", "app.onnx", "app"])
def test_it_is_one_call(network: CompiledNetwork, tmp_path: Path, name: str) -> None:
    images = torch.rand(2, *SHAPE)
    before = network.by_path(images)["c:t"]
    made = export(network, tmp_path / name)
    assert made.difference < 1e-6
    assert torch.equal(network.by_path(images)["c:t"], before)
    if name == "app.pt2":
        nodes = torch.export.load(made.path).graph.nodes
        assert [str(each.target) for each in nodes].count("aten.lstm.input") == 1
    elif name == "app.onnx":
        import onnx

        assert [each.op_type for each in onnx.load(made.path).graph.node].count("LSTM") == 1
    else:
        assert (made.path / "model.py").read_text().count("lstm") == 1
