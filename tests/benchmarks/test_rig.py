from __future__ import annotations

import pytest
import torch

from benchmarks.experiments import EXPERIMENTS, TEACHER, UNADAPTED, Trial
from benchmarks.rig import Rig
from legonet.errors import SelectError
from legonet.graph.schema import Adapter

CLOSED = {"kernel": 3, "method": {"name": "closed-form", "draws": 32, "matching": 0}}
FEW = {"kernel": 3, "method": {"name": "ordinary", "steps": 3}}


def trial(spec: dict, category: str = "cat", images: int | None = 0, **more: object) -> Trial:
    complete = Adapter.model_validate(spec).model_dump(mode="json")
    return Trial("2", "one 3x3", "x", category, 0, images, spec=complete, **more)  # type: ignore[arg-type]


def test_references_are_the_teacher_and_the_plain_connection(rig: Rig) -> None:
    edge = rig.network.edge("cat:classify")
    images, labels = rig.pictures.held_out("cat", False, "validation")
    features = edge.category_module((images - 0.5) / 0.25)
    for method, module in ((TEACHER, edge.teacher_module), (UNADAPTED, edge.task_module)):
        wrong = (module(features)[:, 0] > 0).long() != labels
        found = rig.run(Trial("2", "", method, "cat"))
        assert found.measures == {"error": pytest.approx(100 * float(wrong.float().mean()), abs=1e-3)}
        assert found.seconds is None


def test_a_fit_gives_the_same_row_twice(rig: Rig) -> None:
    first, second = (rig.run(trial(FEW, images=10)) for _ in range(2))
    assert (first.key, first.measures, first.quality) == (second.key, second.measures, second.quality)
    assert first.seconds is not None
    assert set(first.quality) == {"loss"}


def test_in_its_own_net_the_closed_form_gives_back_the_teacher(rig: Rig) -> None:
    taught = rig.run(Trial("1", "", TEACHER, "dog"))
    assert rig.run(trial(CLOSED, "dog")).measures == taught.measures


def test_samples_are_the_first_images_of_the_seed(rig: Rig) -> None:
    images, labels = rig.pictures.train("cat", False, 0)
    given = rig.samples(trial(FEW, images=10))
    assert given is not None
    assert given.labels is not None
    assert torch.equal(given.images, (images[:10] - 0.5) / 0.25)
    assert torch.equal(given.labels, labels[:10])
    whole = rig.samples(trial(FEW, images=None))
    assert whole is not None
    assert len(whole.images) == len(images)
    assert rig.samples(trial(FEW)) is None


def test_the_control_changes_f_and_its_statistics_and_nothing_else(rig: Rig) -> None:
    true, control = rig.edge(trial(CLOSED)), rig.edge(trial(CLOSED, random_f=True))
    weight = "conv1_1.weight"
    assert not torch.equal(
        true.category_module.state_dict()[weight], control.category_module.state_dict()[weight]
    )
    assert control.teacher_module is true.teacher_module
    assert control.task_module is true.task_module
    assert true.statistics is not None
    assert control.statistics is not None
    assert not torch.equal(true.statistics.mean, control.statistics.mean)
    again = rig.edge(trial(CLOSED, random_f=True))
    assert torch.equal(
        control.category_module.state_dict()[weight], again.category_module.state_dict()[weight]
    )


def test_an_experiment_without_its_task_is_refused(rig: Rig) -> None:
    assert rig.offers(EXPERIMENTS["2"])
    assert not rig.offers(EXPERIMENTS["3"])
    with pytest.raises(SelectError, match="zoo: no task of kind mask; experiment 3 wants one"):
        rig.run(Trial("3", "", TEACHER, "cat"))
