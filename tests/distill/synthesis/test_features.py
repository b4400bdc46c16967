from __future__ import annotations

import copy
import dataclasses

import torch

from legonet.distill.fitting.context import Edge
from legonet.distill.synthesis.features import synthesise_features
from legonet.graph.schema import Input
from legonet.teachers.statistics import record


def known(edge: Edge, statistics: bool = True, images: bool = True) -> Edge:
    found = record(edge.category_module, edge.teacher_module, [torch.rand(100, 3, 16, 16)], 10**5)
    return dataclasses.replace(
        edge,
        statistics=found if statistics else None,
        input=Input(shape=(3, 16, 16)) if images else None,
    )


def test_the_more_is_known_the_more_is_made(edge: Edge) -> None:
    for statistics, images, count in ((True, True, 40), (True, False, 20), (False, True, 20)):
        features = synthesise_features(known(edge, statistics, images), 40)
        assert features is not None
        assert features.shape == (count, 4, 8, 8)
        assert features.min() >= 0
    assert synthesise_features(known(edge, False, False), 40) is None


def test_seeds(edge: Edge) -> None:
    edge = known(edge)
    first, again, other = (
        synthesise_features(edge, 20, 1),
        synthesise_features(edge, 20, 1),
        synthesise_features(edge, 20, 2),
    )
    assert first is not None
    assert again is not None
    assert other is not None
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_modules_stay_as_they_are(edge: Edge) -> None:
    edge = known(edge)
    before = copy.deepcopy([edge.category_module.state_dict(), edge.teacher_module.state_dict()])
    synthesise_features(edge, 20)
    after = [edge.category_module.state_dict(), edge.teacher_module.state_dict()]
    assert all(torch.equal(a[name], b[name]) for a, b in zip(before, after, strict=True) for name in a)
