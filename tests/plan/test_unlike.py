"""A plan does not promise a fit that compares ReLU by ReLU what cannot be compared so."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import legonet


def model(widths: tuple[int, ...], tokens: bool = False) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    given = 64
    for width in widths:
        layers += [nn.Linear(given, width), nn.ReLU()]
        given = width
    if tokens:  # an operation that arithmetic does not know, so that shapes are found on the meta device
        layers.append(nn.Hardtanh())
    return nn.Sequential(*layers, nn.Linear(given, 1)).eval()


def network(first: nn.Module, second: nn.Module, method: str) -> legonet.Network:
    net = legonet.Network("zoo", (3, 8, 8))
    net.add_task("classify", {"kind": "binary"}, {"kernel": 1, "method": method})
    for category, each in (("dog", first), ("cat", second)):
        net.add_teacher(f"{category}-v1", each, category=category, task="classify", cut="2")
    return net


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize(
    ("widths", "apart"), [((6, 6), "1 and 2 ReLUs"), ((7,), "ReLUs of other shapes"), ((6,), None)]
)
def test_relus_that_differ(widths: tuple[int, ...], apart: str | None, tokens: bool) -> None:
    torch.manual_seed(0)
    method: dict[str, Any] = {"name": "back-distillation", "steps": 1}
    net = network(model((6,), tokens), model(widths, tokens), "back-distillation")
    _, cat = net.plan()
    if apart is None:
        assert cat.action == "add"
        return
    assert (cat.action, cat.cost) == ("open", None)
    assert cat.reason == (
        "back-distillation compares the task modules of dog-v1 and cat-v1 ReLU by ReLU, and they differ "
        f"({apart}); choose the method auto"
    )
    run = net.transplant(progress=None)
    assert (run.open, run.failed, run.results) == (("cat:classify",), {}, ())
    net.connect("cat", "classify", method="closed-form")
    assert net.plan().by_path["cat:classify"].action == "add"
    net.connect("cat", "classify", method=method)
    assert net.plan().by_path["cat:classify"].action == "open"


def test_a_fit_that_the_plan_promises_can_be_done() -> None:
    torch.manual_seed(0)
    net = network(model((6,)), model((6,)), "back-distillation")
    net.connect("cat", "classify", method={"name": "back-distillation", "steps": 1})
    assert [each.path for each in net.transplant(progress=None).results] == ["cat:classify"]
