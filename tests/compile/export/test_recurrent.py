"""A recurrent layer is one call in every format, and the network that is exported stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from legonet.compile.export import export
from legonet.compile.network import CompiledNetwork
from tests.compile.export.models import compiled

SHAPE = (1, 4, 9)

pytestmark = pytest.mark.usefixtures("exports_once")


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
    return compiled(Lines(), SHAPE, "stem")


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
