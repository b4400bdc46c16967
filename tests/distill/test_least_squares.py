from __future__ import annotations

import copy
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import nn

from legonet.blocks.adapter import build_adapter, convolutions
from legonet.distill import least_squares
from legonet.distill.fitting.context import Edge
from legonet.distill.least_squares import Draw, NormalEquations, solve_adapter
from legonet.distill.pullback import Pullback
from legonet.distill.synthesis.sampling import draw_gradient, draw_masks
from legonet.graph.schema import Adapter
from legonet.ir.interpreter import GraphModule
from legonet.outputs.binary import BinaryOutput
from tests.distill.conftest import chain, layers_of


def solve(edge: Edge, spec: Adapter, seed: int = 0, draws: int = 256) -> tuple[GraphModule, float]:
    adapter = build_adapter(spec, edge.source, edge.target).double()
    student = Pullback(copy.deepcopy(edge.task_module).double(), edge.target)
    teacher = Pullback(copy.deepcopy(edge.teacher_module).double(), edge.source)
    generator = torch.Generator().manual_seed(seed)

    def draw(count: int) -> Draw:
        gradient = draw_gradient(count, student.output_shape, "uniform", generator, torch.float64)
        return Draw(gradient, draw_masks(count, student.relu_shapes, 0.5, generator, dtype=torch.float64))

    return adapter, solve_adapter(adapter, student, teacher, draw, draws, [0.0]).residual


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("kernel", [1, 3])
def test_it_finds_the_adapter_exactly_where_there_is_one(
    edge: Edge, kernel: Literal[1, 3], depth: int
) -> None:
    adapter, residual = solve(edge, Adapter(kernel=kernel, depth=depth))
    assert residual < 1e-9
    x = torch.rand(5, *edge.source, dtype=torch.float64)
    student = copy.deepcopy(edge.task_module).double()
    teacher = copy.deepcopy(edge.teacher_module).double()
    torch.testing.assert_close(student(adapter(x)), teacher(x), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("limit", ["BLOCK", "MEMORY"])
def test_small_blocks_and_chunks_change_nothing(
    edge: Edge, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = solve(edge, Adapter())
    monkeypatch.setattr(least_squares, limit, 5)
    parts, residual = solve(edge, Adapter())
    assert residual < 1e-9
    torch.testing.assert_close(parts.state_dict(), whole.state_dict(), rtol=1e-7, atol=1e-7)


def test_hidden_channels_may_be_more_than_the_output_has(edge: Edge) -> None:
    adapter, residual = solve(edge, Adapter(kernel=1, depth=2, hidden=7))
    assert residual < 1e-9
    assert len(convolutions(adapter)[0].weight) == 7


def test_hidden_channels_that_nothing_reads_stay_trainable(edge: Edge) -> None:
    torch.manual_seed(3)
    adapter, _ = solve(edge, Adapter(kernel=1, depth=2, hidden=7))
    x = torch.rand(16, *edge.source, dtype=torch.float64)
    second = convolutions(adapter)[1].weight.requires_grad_()
    edge.task_module.double()(adapter(x)).sum().backward()
    assert second.grad is not None
    assert second.grad[:, 4:].abs().max() > 0  # the four channels of g_S pass; the other three can learn


@pytest.mark.parametrize("hidden", [2, 4, 9])
@pytest.mark.parametrize("kernel", [1, 5])
def test_any_hidden_width_starts_from_the_closed_form(edge: Edge, kernel: Literal[1, 5], hidden: int) -> None:
    adapter, residual = solve(edge, Adapter(kernel=kernel, depth=3, hidden=hidden))
    assert residual < (1e-9 if hidden >= 4 else 0.95)
    x = torch.rand(2, *edge.source, dtype=torch.float64)
    assert adapter(x)[:, :hidden].abs().amax((0, 2, 3)).min() > 0  # the ReLUs pass


SIZES = {  # g_T's features (4, 8, 8) become g_S's by a known resampling
    "smaller": ([nn.AvgPool2d(2)], (4, 4, 4)),
    "larger": ([nn.Upsample(scale_factor=2, mode="bilinear")], (4, 16, 16)),
    "smaller and larger": (
        [nn.AdaptiveAvgPool2d((3, 8)), nn.Upsample(size=(3, 12), mode="bilinear")],
        (4, 3, 12),
    ),
}


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_exact_between_different_sizes(size: str, depth: int, kernel: Literal[1, 3]) -> None:
    resample, target = SIZES[size]
    torch.manual_seed(0)
    side = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    width = side(torch.zeros(1, *target)).shape[1]
    g = [*side, nn.Linear(width, 5), nn.ReLU(), nn.Linear(5, 1)]
    f = chain(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    edge = Edge(
        path="cat:classify",
        category_module=f,
        task_module=chain(*g),
        teacher_module=chain(*resample, *copy.deepcopy(g)),
        source=(4, 8, 8),
        target=target,
        meaning=BinaryOutput(kind="binary"),
    )
    adapter, residual = solve(edge, Adapter(kernel=kernel, depth=depth, rescale=False))
    assert residual < 1e-6
    x = torch.rand(5, *edge.source, dtype=torch.float64)
    student, teacher = (copy.deepcopy(m).double() for m in (edge.task_module, edge.teacher_module))
    torch.testing.assert_close(student(adapter(x)), teacher(x), rtol=1e-5, atol=1e-6)


def test_rescaling_is_made_up_for(edge: Edge) -> None:
    from legonet.blocks.adapter import set_beta

    plain, _ = solve(edge, Adapter(kernel=1))
    student = Pullback(copy.deepcopy(edge.task_module).double(), edge.target)
    teacher = Pullback(copy.deepcopy(edge.teacher_module).double(), edge.source)
    adapter = build_adapter(Adapter(kernel=1), edge.source, edge.target).double()
    set_beta(adapter, 4.0)
    generator = torch.Generator().manual_seed(0)

    def draw(count: int) -> Draw:
        gradient = draw_gradient(count, student.output_shape, "uniform", generator, torch.float64)
        return Draw(gradient, draw_masks(count, student.relu_shapes, 0.5, generator, dtype=torch.float64))

    solve_adapter(adapter, student, teacher, draw, 256, [0.0])
    x = torch.rand(2, *edge.source, dtype=torch.float64)
    torch.testing.assert_close(adapter(x), plain(x), rtol=1e-7, atol=1e-7)


def test_normal_equations_equal_a_dense_least_squares_solution() -> None:
    torch.manual_seed(0)
    u, wanted = torch.randn(6, 3, 5, 5).double(), torch.randn(6, 2, 5, 5).double()
    equations = NormalEquations(2, 3, 3, "cpu")
    equations.add(u[:4], wanted[:4])
    equations.add(u[4:], wanted[4:])
    weight = equations.solve(0.0)
    # The same problem written down column by column, for a general solver.
    columns = []
    for index in range(weight.numel() // 2):
        unit = torch.zeros(3, 1, 3, 3, dtype=torch.float64)
        unit.view(-1)[index] = 1
        columns.append(nn.functional.conv_transpose2d(u, unit, padding=1).reshape(-1))
    design = torch.stack(columns, 1)
    for channel in range(2):
        expected = torch.linalg.lstsq(design, wanted[:, channel].reshape(-1, 1)).solution.reshape(3, 3, 3)
        torch.testing.assert_close(weight[:, channel], expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("window", [2, 3, 4])
@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_one_value_per_window_gives_the_sums_of_all_positions(kernel: int, window: int) -> None:
    torch.manual_seed(0)
    u, wanted = torch.randn(40, 3, 4, 5).double(), torch.randn(40, 2, 4, 5).double()

    def everywhere(values: torch.Tensor) -> torch.Tensor:
        return values.repeat_interleave(window, 2).repeat_interleave(window, 3)

    windows, positions = NormalEquations(2, 3, kernel, "cpu", window), NormalEquations(2, 3, kernel, "cpu")
    windows.add(u, wanted)
    positions.add(everywhere(u), everywhere(wanted))
    torch.testing.assert_close(windows.solve(1e-3), positions.solve(1e-3), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("depth", [1, 3])
def test_modules_that_begin_with_pooling_are_solved_by_windows(
    edge: Edge, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, teacher = (
        chain(nn.MaxPool2d(2), *layers_of(module)) for module in (edge.task_module, edge.teacher_module)
    )
    size = (4, 16, 16)
    pooled = replace(edge, task_module=student, teacher_module=teacher, source=size, target=size)
    sizes = []
    add = NormalEquations.add
    monkeypatch.setattr(
        NormalEquations, "add", lambda self, u, wanted: (sizes.append(u.shape[-2:]), add(self, u, wanted))[1]
    )
    by_windows, residual = solve(pooled, Adapter(depth=depth))
    assert set(sizes) == {(8, 8)}
    assert residual < 1e-6
    monkeypatch.setattr(Pullback, "window", 1)
    by_positions, _ = solve(pooled, Adapter(depth=depth))
    assert set(sizes) == {(8, 8), (16, 16)}
    x = torch.rand(5, 4, 16, 16).double()
    torch.testing.assert_close(by_windows(x), by_positions(x), rtol=1e-4, atol=1e-4)


def test_descent_on_the_same_loss_finds_nothing_better(edge: Edge) -> None:
    """The closed form is the optimum that stochastic gradient descent approaches."""
    torch.manual_seed(5)
    teacher_module = copy.deepcopy(edge.teacher_module).double()
    with torch.no_grad():
        for parameter in teacher_module.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    student = Pullback(copy.deepcopy(edge.task_module).double(), edge.target)
    teacher = Pullback(teacher_module, edge.source)
    generator = torch.Generator().manual_seed(0)
    gradient = draw_gradient(32, student.output_shape, "uniform", generator, torch.float64)
    masks = draw_masks(32, student.relu_shapes, 0.5, generator, dtype=torch.float64)
    u, wanted = student(gradient, masks), teacher(gradient, masks)

    def loss(weight: torch.Tensor) -> torch.Tensor:
        return (nn.functional.conv_transpose2d(u, weight, padding=1) - wanted).square().sum()

    equations = NormalEquations(4, 4, 3, "cpu")
    equations.add(u, wanted)
    closed = equations.solve(0.0)
    start = torch.zeros_like(closed).requires_grad_()
    optimiser = torch.optim.LBFGS([start], max_iter=500, tolerance_grad=1e-14, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss(start)
        value.backward()
        return value

    optimiser.step(closure)
    descended = float(loss(start.detach()))
    assert float(loss(closed)) <= descended * (1 + 1e-9)
    assert descended < float(loss(closed)) * 1.01  # and descent does come near it
    assert float(loss(closed)) < 0.9 * float(wanted.square().sum())


def test_the_ridge_that_is_judged_best_is_taken(edge: Edge) -> None:
    """The judge sees the adapter of each, and what is left is the one that it preferred."""
    torch.manual_seed(0)
    adapter = build_adapter(Adapter(), edge.source, edge.target).double()
    student, teacher = (
        Pullback(copy.deepcopy(module).double(), edge.source)
        for module in (edge.task_module, edge.teacher_module)
    )
    generator, seen = torch.Generator().manual_seed(1), {}

    def draw(count: int) -> Draw:
        gradient = draw_gradient(count, student.output_shape, "uniform", generator, torch.float64)
        return Draw(gradient, draw_masks(count, student.relu_shapes, 0.5, generator, dtype=torch.float64))

    def judge() -> float:
        norm = float(adapter.tensor("conv1.weight").norm())
        seen[len(seen)] = norm
        return abs(norm - 0.5)

    solved = solve_adapter(adapter, student, teacher, draw, 64, (1e-6, 0.1, 10.0), judge)
    assert len(seen) == 3
    best = min(seen, key=lambda each: abs(seen[each] - 0.5))
    assert solved.ridge == (1e-6, 0.1, 10.0)[best]
    assert float(adapter.tensor("conv1.weight").norm()) == seen[best]
