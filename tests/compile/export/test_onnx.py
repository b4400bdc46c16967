"""What torch's ONNX exporter has no words for is spelled out, or refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from legonet.compile.export import export
from legonet.errors import ExportError
from tests.compile.export.models import compiled

SHAPE = (1, 4, 12)

pytestmark = pytest.mark.usefixtures("exports_once")


class Attends(nn.Module):
    """Attention between columns, in windows: (batch, windows, heads, columns, numbers) or fewer axes.

    Args:
        axes: How many of them: attention of one head has no axis of heads.
        masked: Whether columns look back only.
    """

    def __init__(self, axes: int, masked: bool) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(1, 6, (4, 1)), nn.Linear(6, 2)
        self.axes, self.masked = axes, masked

    def forward(self, x: Tensor) -> Tensor:
        columns = self.stem(x).squeeze(2).transpose(1, 2)  # (batch, 12, 6)
        if self.axes == 5:
            columns = columns.unflatten(1, (4, 3)).unflatten(3, (2, 3)).transpose(2, 3)
        mask = torch.ones(columns.shape[-2], columns.shape[-2]).tril().log() if self.masked else None
        found = F.scaled_dot_product_attention(columns, columns * 2, columns + 1, attn_mask=mask)
        if self.axes == 5:
            found = found.transpose(2, 3).flatten(3).flatten(1, 2)
        return self.head(found.mean(1))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("axes", [3, 5])
def test_attention_of_any_number_of_axes(axes: int, masked: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = export(compiled(Attends(axes, masked), SHAPE, "stem"), tmp_path / "app.onnx")
    assert made.difference < 1e-6


def test_what_the_exporter_cannot_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise torch.onnx.errors.OnnxExporterError("Failed\n\x1b[96mlong advice") from ValueError("no bessel")

    network = compiled(Attends(3, False), SHAPE, "stem")
    monkeypatch.setattr(torch.onnx, "export", refuse)
    with pytest.raises(ExportError, match=r"^app\.onnx: .* as ONNX \(no bessel\); .* choose a \.pt2"):
        export(network, tmp_path / "app.onnx")
    assert not list(tmp_path.iterdir())
