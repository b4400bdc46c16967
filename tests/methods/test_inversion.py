from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from legonet.data.leaves import leaves_images
from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import fit
from legonet.errors import DistillError
from legonet.graph.schema import Adapter, Input
from legonet.methods.inversion import Inversion
from legonet.teachers.statistics import record

SPEC = Adapter(method=Inversion(name="inversion", images=64, steps=150, learning_rate=1e-2))


def known(edge: Edge) -> Edge:
    found = record(
        edge.category_module,
        edge.teacher_module,
        [leaves_images(100, (3, 16, 16), torch.Generator().manual_seed(4))],
        10**5,
    )
    return dataclasses.replace(edge, statistics=found, input=Input(shape=(3, 16, 16)))


def test_student_and_teacher_agree_on_real_images_that_were_never_seen(lively_edge: Edge) -> None:
    edge = lively_edge
    fitted = fit(known(edge), SPEC)
    x = edge.category_module(leaves_images(200, (3, 16, 16), torch.Generator().manual_seed(9)))
    wanted = edge.teacher_module(x)
    found = nn.Sequential(fitted.adapter, edge.task_module)(x)
    assert (found - wanted).abs().mean() < 0.6 * wanted.std()
    assert torch.corrcoef(torch.stack([found[:, 0], wanted[:, 0]]))[0, 1] > 0.7


def test_without_statistics_it_says_so(edge: Edge) -> None:
    short = Adapter(method=Inversion(name="inversion", images=8, steps=2))
    fitted = fit(dataclasses.replace(edge, input=Input(shape=(3, 16, 16))), short)
    assert any("stay as they were drawn" in note for note in fitted.notes)


def test_it_needs_to_know_what_an_image_is(edge: Edge) -> None:
    with pytest.raises(DistillError, match="does not know the images that f takes"):
        fit(dataclasses.replace(edge, input=None), SPEC)
