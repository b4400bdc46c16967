"""Every kind of output is transplanted: from nothing, from a few images and from many."""

from __future__ import annotations

from collections import OrderedDict
from math import prod
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import legonet
from legonet.evaluate import scores
from legonet.graph.output import OUTPUTS, Output
from legonet.outputs.boxes import BoxesOutput, Level
from legonet.outputs.embedding import EmbeddingOutput
from legonet.outputs.keypoints import _largest
from legonet.outputs.losses import at_size
from legonet.run.options import RunOptions
from tests.conftest import SHAPE, hurry
from tests.outputs.kinds import EXAMPLES

CHANNELS = 6
FOUND = BoxesOutput(kind="boxes", levels=(Level(size=(4, 4), stride=2),), objects=2)


def teacher(kind: Output, order: Tensor) -> nn.Sequential:
    """A network of one base, whose channels at the cut come in some order."""
    shape = kind.shape(SHAPE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        below, above = nn.Conv2d(3, CHANNELS, 3, padding=1), nn.Conv2d(CHANNELS, 8, 3, padding=1)
        if len(shape) == 3:
            head = [nn.Conv2d(8, shape[0], 1), nn.Upsample(size=shape[1:])]
        else:
            head = [nn.Flatten(), nn.Linear(8 * 16, prod(shape))]
            head += [nn.Unflatten(1, shape)] if len(shape) > 1 else []
    assert below.bias is not None
    with torch.no_grad():
        below.weight.copy_(below.weight[order])
        below.bias.copy_(below.bias[order])
        above.weight.copy_(above.weight[:, order])
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        low=below, relu=nn.ReLU(), cut=nn.MaxPool2d(2), high=above, relu2=nn.ReLU(), head=nn.Sequential(*head)
    )
    return nn.Sequential(layers).eval()


AUTO, CLOSED_FORM = {"name": "auto", "steps": 20, "imagined": 32}, {"name": "closed-form"}


@pytest.mark.parametrize(
    ("method", "count"), [(AUTO, 0), (AUTO, 10), (AUTO, 100), (CLOSED_FORM, 0), (CLOSED_FORM, 10)]
)
@pytest.mark.parametrize("name", OUTPUTS.names())
def test_a_path_does_as_its_teacher(
    name: str, method: dict[str, Any], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    kind = EXAMPLES[name] if name != "boxes" else FOUND
    network = legonet.Network("zoo", SHAPE)
    adapter = {"method": method}
    network.add_task("do", kind.model_dump(mode="json"), adapter=adapter)
    orders = {"cat": torch.arange(CHANNELS), "dog": torch.arange(CHANNELS).roll(2)}
    generator = torch.Generator().manual_seed(1)
    given = torch.rand(max(count, 1), *SHAPE, generator=generator)
    for category, order in orders.items():
        network.add_teacher(f"{category}-v1", teacher(kind, order), category=category, task="do", cut="cut")
    with torch.no_grad():
        answers = network.teacher("dog-v1")(given)
    labels = None if kind.places == "pixels" else answered(kind, answers)  # test_boxes.py has boxes' own
    samples = {"dog:do": (given, labels)} if count else None
    network.transplant(samples, options=RunOptions())

    images = torch.rand(40, *SHAPE, generator=generator)
    wanted, found, alone = (
        scores(model, images)
        for model in (network.teacher("dog-v1"), network.compile("dog:do"), network.unadapted("dog:do"))
    )
    if kind.places == "pixels":  # what is found, as (left, top, right, bottom, score, label)
        assert float((found - wanted).abs().mean()) < 0.05 * float((alone - wanted).abs().mean())
        return
    scale = wanted.std()
    apart, before = (float(kind.disagreement(each, wanted, scale)) for each in (found, alone))
    assert apart < 0.02 * before
    labels = answered(kind, wanted)
    measured, best = kind.measures(found, labels), kind.measures(wanted, labels)
    for measure, value in best.items():
        assert measured[measure] == pytest.approx(value, abs=0.05)


def answered(kind: Output, outputs: Tensor) -> Tensor:
    """Labels by which a teacher is right, or nearly so."""
    most = kind.largest_label()
    shape = (len(outputs), *kind.label_shape(SHAPE))
    if kind.places:
        return _largest(outputs)
    if most is None:
        return at_size(outputs, torch.empty(shape)) if kind.over_image else outputs
    if isinstance(kind, EmbeddingOutput):
        return torch.arange(len(outputs)) // 2
    outputs = at_size(outputs, torch.empty(shape)) if kind.over_image else outputs
    if outputs.shape == shape or outputs.numel() == len(outputs):
        return (outputs > 0).long().reshape(shape)
    return outputs.argmax(1).reshape(shape)
