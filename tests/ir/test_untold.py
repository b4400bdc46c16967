from __future__ import annotations

import pytest
import torch
import torch.fx.config
from torch import nn

from legonet.ir.untold import untold

NOTES = "do_not_emit_stack_traces"


def traces() -> list[str]:
    program = torch.export.export(nn.ReLU(), (torch.zeros(2),))
    return [each.meta["stack_trace"] for each in program.graph.nodes if each.meta.get("stack_trace")]


def test_operations_have_no_lines() -> None:
    assert traces()
    with untold():
        assert not traces()
    assert traces()


def test_the_last_that_leaves_restores_it() -> None:
    before = getattr(torch.fx.config, NOTES)
    first, second = untold(), untold()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # as another thread may, in any order
    assert getattr(torch.fx.config, NOTES)
    second.__exit__(None, None, None)
    assert getattr(torch.fx.config, NOTES) == before
    with pytest.raises(ValueError, match="on purpose"), untold():
        raise ValueError("on purpose")
    assert getattr(torch.fx.config, NOTES) == before


def test_a_torch_without_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legonet.ir.untold._UNTOLD", "no_such_setting")
    with untold():
        assert traces()
