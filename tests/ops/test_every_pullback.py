"""Every pullback alone, in float64: exact where it says so, else its derivative at the nominal point."""

from __future__ import annotations

import pytest
import torch

from legonet.distill.pullback import Pullback
from legonet.ops.pullbacks import transposed_at_one
from legonet.ops.table import ROWS
from tests.ops.calls import (
    CALLED,
    EXACT,
    MAP,
    NOTHING,
    SIZES,
    SMOOTH,
    SURROGATES,
    Arguments,
    Surrogate,
    X,
    model,
    words,
)

MASKED = words("celu relu6 softplus")
# By their surrogates, in models that are traced: test_pullbacks.py.
ELSEWHERE = words(
    """
    adaptive_max_pool2d amax clamp clamp_min einsum elu gelu group_norm gru.input gru_cell hardswish hardtanh
    instance_norm layer_norm leaky_relu linalg_vector_norm lstm.input lstm_cell max.dim max_pool2d maximum
    mish dropout feature_dropout identity pow.Tensor_Scalar prelu relu rms_norm rnn_relu.input rnn_relu_cell
    rnn_tanh.input rnn_tanh_cell rrelu scaled_dot_product_attention selu silu
    threshold
    """
)


def pulled(
    function: str, arguments: Arguments, shape: tuple[int, ...], at: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the rule gives, and what autograd gives at this point."""
    module = model(function, arguments)
    pull = Pullback(module, shape)
    point = at.expand(3, *shape).clone().requires_grad_()
    output = module(point)
    gradient = torch.randn(output.shape, dtype=torch.float64)
    (expected,) = torch.autograd.grad(output, point, gradient, allow_unused=True, materialize_grads=True)
    return pull(gradient), expected


@pytest.mark.parametrize("name", [*EXACT, *CALLED])
def test_it_is_the_exact_transpose(name: str) -> None:
    torch.manual_seed(0)
    arguments, shape = (EXACT | CALLED)[name]
    found, expected = pulled(name, arguments, shape, torch.randn(3, *shape, dtype=torch.float64))
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    assert expected.abs().max() > 0


@pytest.mark.parametrize("name", SMOOTH)
def test_it_is_the_derivative_at_the_nominal_point(name: str) -> None:
    torch.manual_seed(0)
    point = torch.full((1, *MAP), float(ROWS[name].pull is transposed_at_one), dtype=torch.float64)
    found, expected = pulled(name, SMOOTH[name], MAP, point)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    assert found.isfinite().all()


@pytest.mark.parametrize("name", NOTHING)
def test_what_follows_no_value_pulls_nothing(name: str) -> None:
    module = model(name, NOTHING[name])
    pull = Pullback(module, MAP)
    assert not pull(torch.ones(3, *pull.output_shape, dtype=torch.float64)).any()


def by_autograd(surrogate: Surrogate, gradient: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    point = torch.randn(3, *shape, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(surrogate(point), point, gradient)
    return expected


@pytest.mark.parametrize("name", SURROGATES)
def test_it_is_that_of_its_surrogate(name: str) -> None:
    torch.manual_seed(0)
    arguments, shape, surrogate = SURROGATES[name]
    pull = Pullback(model(name, arguments), shape)
    gradient = torch.randn(3, *pull.output_shape, dtype=torch.float64)
    torch.testing.assert_close(
        pull(gradient), by_autograd(surrogate, gradient, shape), rtol=1e-11, atol=1e-11
    )


@pytest.mark.parametrize("name", SIZES)
def test_a_size_is_one(name: str) -> None:
    gradient = torch.randn(3, *MAP, dtype=torch.float64)
    for operation in ("mul.Tensor", "div.Tensor"):
        pull = Pullback(model(operation, [X, SIZES[name]]), MAP)
        torch.testing.assert_close(pull(gradient), gradient)


@pytest.mark.parametrize("name", sorted(MASKED))
def test_it_is_a_mask(name: str) -> None:
    pull, gradient = Pullback(model(name, [X]), MAP), torch.randn(3, *MAP, dtype=torch.float64)
    mask = (torch.rand(3, *MAP) < 0.5).double()
    assert torch.equal(pull(gradient, [mask]), gradient * mask)
    assert torch.equal(pull(gradient), gradient)


def test_every_pullback_is_held_against_something() -> None:
    tables = (EXACT, CALLED, SMOOTH, NOTHING, SURROGATES, SIZES)
    tested = [*(table.keys() for table in tables), MASKED, ELSEWHERE]
    pulled = {name for name, row in ROWS.items() if row.pull is not None}
    assert set().union(*tested) == pulled
    assert sum(map(len, tested)) == len(pulled)
