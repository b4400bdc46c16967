from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import Samples, fit
from legonet.distill.fitting.losses import value_and_jacobian
from legonet.errors import DistillError
from legonet.graph.method import Method
from legonet.graph.schema import Adapter
from legonet.methods.distillation import Distillation
from legonet.methods.jacobian import Jacobian
from legonet.methods.ordinary import Ordinary
from legonet.outputs.binary import BinaryOutput
from legonet.outputs.mask import MaskOutput
from legonet.outputs.vector import VectorOutput
from tests.distill.conftest import chain

METHODS: list[Method] = [
    Ordinary(name="ordinary", steps=200, learning_rate=1e-2),
    Distillation(name="distillation", steps=200, learning_rate=1e-2),
    Jacobian(name="jacobian", steps=100, learning_rate=1e-2),
]


def adapter(method: Method | str) -> Adapter:
    return Adapter(kernel=1, activation="none", rescale=False, method=method)  # type: ignore[arg-type]


def samples(count: int = 60) -> Samples:
    """Dark and bright images, and labels that say which."""
    labels = torch.arange(count) % 2
    noise = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    return Samples(noise * (0.2 + 0.8 * labels.view(-1, 1, 1, 1)), labels)


def distance(edge: Edge, fitted: nn.Module, images: torch.Tensor) -> float:
    with torch.no_grad():
        x = edge.category_module(images)
        wanted = edge.teacher_module(x)
        return float((edge.task_module(fitted(x)) - wanted).abs().mean() / wanted.std())


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_the_loss_falls(edge: Edge, method: Method) -> None:
    losses: list[float] = []
    fitted = fit(edge, adapter(method), samples(), progress=lambda step, steps, loss, *_: losses.append(loss))
    assert sum(losses[-10:]) < 0.98 * sum(losses[:10])
    assert fitted.quality["loss"] < sum(losses[:10]) / 10
    assert not any(parameter.requires_grad for parameter in fitted.adapter.parameters())


def test_jacobian_matching_approaches_the_teacher_from_few_images(edge: Edge) -> None:
    given = Samples(samples(10).images)
    start = fit(edge, adapter(Jacobian(name="jacobian", steps=1)), given)
    fitted = fit(edge, adapter(Jacobian(name="jacobian", steps=400, learning_rate=1e-2)), given)
    assert distance(edge, fitted.adapter, samples().images) < 0.5 * distance(
        edge, start.adapter, samples().images
    )


def test_jacobian_matching_needs_no_common_architecture(edge: Edge) -> None:
    torch.manual_seed(0)
    other = chain(nn.Flatten(), nn.Linear(4 * 8 * 8, 1))
    strange = dataclasses.replace(edge, teacher_module=other)
    given = Samples(samples().images)
    start = fit(strange, adapter(Jacobian(name="jacobian", steps=1)), given)
    fitted = fit(strange, adapter(Jacobian(name="jacobian", steps=300, learning_rate=2e-2)), given)
    images = samples().images
    assert distance(strange, fitted.adapter, images) < 0.7 * distance(strange, start.adapter, images)


def test_gradients_without_a_weight_are_left_out(edge: Edge) -> None:
    x, student = torch.randn(6, 4, 8, 8), copy.deepcopy(edge.task_module).requires_grad_()
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    found = value_and_jacobian(student, edge.teacher_module, x, 2.0, 0.0, generator)
    assert torch.equal(generator.get_state(), before)
    wanted = value_and_jacobian(student, edge.teacher_module, x, 2.0, 1e-9, generator)
    for pair in zip(found, wanted, strict=True):
        torch.testing.assert_close(*pair)
    assert found[0].requires_grad


@pytest.mark.parametrize("name", ["ordinary", "distillation", "jacobian"])
def test_without_samples_it_says_so(edge: Edge, name: str) -> None:
    with pytest.raises(DistillError, match=f"cat:classify: method {name} got no samples"):
        fit(edge, adapter(name))


def test_ordinary_needs_labels(edge: Edge) -> None:
    with pytest.raises(DistillError, match="method ordinary got samples without labels"):
        fit(edge, adapter("ordinary"), Samples(samples().images))


@pytest.mark.parametrize("name", ["distillation", "jacobian"])
def test_labels_are_used_unless_switched_off(edge: Edge, name: str) -> None:
    base = next(method for method in METHODS if method.name == name).model_copy(update={"steps": 3})
    given = samples()
    with_labels = fit(edge, adapter(base), given).adapter.state_dict()["conv1.weight"]
    off = base.model_copy(update={"task_loss": False})
    without = fit(edge, adapter(off), given).adapter.state_dict()["conv1.weight"]
    unlabelled = fit(edge, adapter(base), Samples(given.images)).adapter.state_dict()["conv1.weight"]
    assert not torch.equal(with_labels, without)
    assert torch.equal(without, unlabelled)


def test_soft_loss_of_scores_is_the_divergence_of_two_label_distributions() -> None:
    student, teacher = torch.randn(5, 1).double(), torch.randn(5, 1).double()
    binary = BinaryOutput(kind="binary")
    found = binary.soft_loss(student, teacher, 3.0)
    p, q = (teacher / 3).sigmoid(), (student / 3).sigmoid()
    expected = (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean() * 9
    torch.testing.assert_close(found, expected)
    assert float(binary.soft_loss(teacher, teacher, 3.0)) == pytest.approx(0, abs=1e-12)


def test_soft_loss_of_maps_is_the_divergence_at_each_pixel() -> None:
    student, teacher = torch.randn(2, 3, 4, 4).double(), torch.randn(2, 3, 4, 4).double()
    mask = MaskOutput(kind="mask", labels=("a", "b", "c"))
    p, q = F.softmax(teacher / 2, 1), F.softmax(student / 2, 1)
    expected = (p * (p / q).log()).sum(1).mean() * 4
    torch.testing.assert_close(mask.soft_loss(student, teacher, 2.0), expected)


def test_soft_loss_of_vectors_is_their_squared_distance() -> None:
    vector = VectorOutput(kind="vector", names=("x", "y"))
    assert float(vector.soft_loss(torch.tensor([[3.0, 0.0]]), torch.zeros(1, 2), 4.0)) == 4.5


class Attending(nn.Module):
    """A task module with attention, which torch fuses where it can."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        tokens = features.flatten(2).transpose(1, 2)
        return self.head(F.scaled_dot_product_attention(tokens, tokens, tokens).mean(1))


def test_real_gradients_through_attention() -> None:
    """Fused attention has no second derivative."""
    torch.manual_seed(0)
    student, teacher = nn.Sequential(nn.Conv2d(4, 4, 1), Attending()), Attending()
    x, generator = torch.rand(3, 4, 2, 2), torch.Generator().manual_seed(0)
    value, _, _ = value_and_jacobian(student, teacher, x, torch.ones(1), 1.0, generator)
    value.backward()
    assert all(each.grad is not None and each.grad.any() for each in student[0].parameters())
