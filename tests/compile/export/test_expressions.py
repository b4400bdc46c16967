"""Each operation as Python computes the very bits that the operation does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.compile.export.expressions import expression, literal
from legonet.compile.export.wrap import wrapped
from legonet.ir.functions import function_of
from legonet.ir.graph import Operation
from legonet.ir.interpreter import bound, constant
from legonet.ops.spelling import FUNCTIONAL, METHOD, OPERATORS, SPREAD, TORCH
from legonet.ops.table import ROWS
from tests.ops.calls import CALLS as ONE_CALL
from tests.ops.calls import model

torch.manual_seed(0)
VALUES: dict[str, Any] = {
    "map": torch.rand(2, 4, 6, 6) - 0.5,
    "other": torch.rand(2, 4, 6, 6) - 0.5,
    "tokens": torch.rand(2, 5, 8) - 0.5,
    "matrix": torch.rand(5, 5),
    "vector": torch.rand(5),
    "row": torch.rand(4),
    "parts": torch.rand(2, 8).chunk(2, 1),
    "truth": torch.rand(2, 4, 6, 6) > 0.5,
    "whole": torch.arange(5),
    "filters": torch.rand(4, 4, 3, 3),
    "transposed": torch.rand(4, 3, 3, 3),
    "table": torch.rand(7, 3),
}


def ref(name: str) -> dict[str, str]:
    return {"ref": name}


MAP, TOKENS, MATRIX = ref("map"), ref("tokens"), ref("matrix")

CALLS: list[tuple[str, list[Any], dict[str, Any], str]] = [
    ("relu", [MAP], {}, "F.relu(map)"),
    ("gelu", [MAP], {"approximate": "tanh"}, 'F.gelu(map, approximate="tanh")'),
    ("leaky_relu", [MAP, 0.2], {}, "F.leaky_relu(map, 0.2)"),
    ("elu", [MAP], {}, "F.elu(map)"),
    ("elu", [MAP, 1, 2], {}, "torch.ops.aten.elu.default(map, 1, 2)"),
    ("hardtanh", [MAP, 0, 6], {}, "F.hardtanh(map, 0, 6)"),
    ("add.Tensor", [MAP, ref("other")], {}, "map + other"),
    ("add.Tensor", [MAP, ref("other")], {"alpha": 2}, "torch.ops.aten.add.Tensor(map, other, alpha=2)"),
    ("mul.Tensor", [MAP, -0.5], {}, "map * -0.5"),
    ("div.Tensor", [MAP, ref("other")], {}, "map / other"),
    (
        "div.Tensor_mode",
        [MAP, 2],
        {"rounding_mode": "floor"},
        'torch.ops.aten.div.Tensor_mode(map, 2, rounding_mode="floor")',
    ),
    ("pow.Tensor_Scalar", [MAP, 2], {}, "map ** 2"),
    ("rsub.Scalar", [MAP, 1], {}, "torch.rsub(map, 1)"),
    ("matmul", [MATRIX, MATRIX], {}, "matrix @ matrix"),
    ("gt.Scalar", [MAP, 0], {}, "map > 0"),
    ("clamp", [MAP, None, 0.25], {}, "torch.clamp(map, None, 0.25)"),
    ("getitem", [ref("parts"), 1], {}, "parts[1]"),
    ("select.int", [TOKENS, 1, 0], {}, "tokens[:, 0]"),
    ("select.int", [TOKENS, -1, 2], {}, "tokens[..., 2]"),
    ("select.int", [TOKENS, -2, 2], {}, "torch.ops.aten.select.int(tokens, -2, 2)"),
    ("slice.Tensor", [TOKENS, 1, 1, 2**63 - 1], {}, "tokens[:, 1:]"),
    ("slice.Tensor", [TOKENS, 2, 0, -1, 2], {}, "tokens[:, :, :-1:2]"),
    ("slice.Tensor", [TOKENS], {}, "tokens"),
    ("index.Tensor", [TOKENS, [None, ref("whole")]], {}, "tokens[:, whole]"),
    ("view", [MAP, [2, -1]], {}, "map.view(2, -1)"),
    ("permute", [TOKENS, [0, 2, 1]], {}, "tokens.permute(0, 2, 1)"),
    ("expand", [ref("row"), [3, -1]], {}, "row.expand(3, -1)"),
    ("transpose.int", [TOKENS, 1, 2], {}, "tokens.transpose(1, 2)"),
    ("flatten.using_ints", [MAP, 1, -1], {}, "map.flatten(1)"),
    ("unflatten.int", [TOKENS, -1, [2, 4]], {}, "tokens.unflatten(-1, [2, 4])"),
    ("mean.dim", [MAP, [2, 3], True], {}, "map.mean([2, 3], keepdim=True)"),
    ("sum.dim_IntList", [MAP, [1]], {}, "map.sum([1])"),
    ("split.Tensor", [TOKENS, 3, 2], {}, "tokens.split(3, 2)"),
    ("chunk", [TOKENS, 2, -1], {}, "tokens.chunk(2, -1)"),
    ("to.dtype", [MAP, {"dtype": "float64"}], {}, "map.to(torch.float64)"),
    (
        "masked_fill.Scalar",
        [MAP, ref("truth"), {"infinity": -1}],
        {},
        'map.masked_fill(truth, float("-inf"))',
    ),
    ("where.self", [ref("truth"), MAP, ref("other")], {}, "torch.where(truth, map, other)"),
    ("cat", [[MAP, ref("other")], 1], {}, "torch.cat([map, other], 1)"),
    (
        "einsum",
        ["bij,jk->bik", [ref("tokens"), ref("eye")]],
        {},
        'torch.einsum("bij,jk->bik", [tokens, eye])',
    ),
    ("roll", [MAP, [1, -1], [2, 3]], {}, "torch.roll(map, [1, -1], [2, 3])"),
    ("linear", [TOKENS, ref("weight"), None], {}, "F.linear(tokens, weight)"),
    ("conv2d", [MAP, ref("filters"), None, [2, 2]], {}, "F.conv2d(map, filters, None, [2, 2])"),
    (
        "conv2d.padding",
        [MAP, ref("filters"), None, [1, 1], "same"],
        {},
        'F.conv2d(map, filters, None, [1, 1], "same")',
    ),
    (
        "conv_transpose2d.input",
        [MAP, ref("transposed"), None, [2, 2], [1, 1], [1, 1], 1, [2, 2]],
        {},
        "F.conv_transpose2d(map, transposed, None, [2, 2], [1, 1], [1, 1], 1, [2, 2])",
    ),
    (
        "batch_norm",
        [MAP, ref("row"), ref("row"), ref("row"), ref("row"), False, 0.1, 1e-3, True],
        {},
        "F.batch_norm(map, row, row, row, row, False, 0.1, eps=0.001)",
    ),
    (
        "layer_norm",
        [TOKENS, [8], ref("eight"), None, 1e-6, False],
        {},
        "F.layer_norm(tokens, eight.shape, weight=eight, eps=1e-06)",
    ),
    ("layer_norm", [TOKENS, [8]], {}, "F.layer_norm(tokens, [8])"),
    ("group_norm", [MAP, 2, ref("row"), ref("row")], {}, "F.group_norm(map, 2, weight=row, bias=row)"),
    ("softmax.int", [TOKENS, -1], {}, "F.softmax(tokens, -1)"),
    (
        "max_pool2d",
        [MAP, [3, 3], [2, 2], [1, 1], [1, 1], True],
        {},
        "F.max_pool2d(map, [3, 3], [2, 2], [1, 1], [1, 1], ceil_mode=True)",
    ),
    ("max_pool2d", [MAP, [2, 2], [], [1, 1]], {}, "F.max_pool2d(map, [2, 2], [], [1, 1])"),
    (
        "avg_pool2d",
        [MAP, [2, 2], [2, 2], [1, 1], False, False],
        {},
        "F.avg_pool2d(map, [2, 2], [2, 2], [1, 1], ceil_mode=False, count_include_pad=False)",
    ),
    ("adaptive_avg_pool2d", [MAP, [1, 1]], {}, "F.adaptive_avg_pool2d(map, [1, 1])"),
    ("pad", [MAP, [1, 1, 0, 2], "reflect"], {}, 'F.pad(map, [1, 1, 0, 2], "reflect")'),
    ("pixel_shuffle", [MAP, 2], {}, "F.pixel_shuffle(map, 2)"),
    (
        "upsample_bilinear2d.vec",
        [MAP, None, False, [2.0, 2.0]],
        {},
        'F.interpolate(map, scale_factor=[2.0, 2.0], align_corners=False, mode="bilinear")',
    ),
    ("upsample_nearest2d.vec", [MAP, [9, 7], None], {}, 'F.interpolate(map, size=[9, 7], mode="nearest")'),
    (
        "_upsample_bicubic2d_aa.vec",
        [MAP, [9, 7], False, None],
        {},
        'F.interpolate(map, size=[9, 7], align_corners=False, mode="bicubic", antialias=True)',
    ),
    ("embedding", [ref("table"), ref("whole")], {}, "F.embedding(whole, table)"),
    (
        "scaled_dot_product_attention",
        [TOKENS, TOKENS, TOKENS, None, 0.0, True],
        {"scale": 0.5},
        "F.scaled_dot_product_attention(tokens, tokens, tokens, None, 0.0, is_causal=True, scale=0.5)",
    ),
    (
        "linalg_vector_norm",
        [TOKENS, 1, [-1], True],
        {},
        "torch.linalg.vector_norm(tokens, ord=1, dim=[-1], keepdim=True)",
    ),
    ("addcmul", [MAP, MAP, MAP], {"value": 2}, "torch.addcmul(map, map, map, value=2)"),
    ("prelu", [MAP, ref("row")], {}, "F.prelu(map, row)"),
    (
        "grid_sampler",
        [MAP, ref("grid"), 0, 0, False],
        {},
        "torch.ops.aten.grid_sampler.default(map, grid, 0, 0, False)",
    ),
    (
        "arange.start",
        [1, 5],
        {"dtype": {"dtype": "float32"}},
        "torch.arange(1, 5, dtype=torch.float32, device=device)",
    ),
    ("full", [[2, 3], 0.5], {}, "torch.full([2, 3], 0.5, device=device)"),
    ("dropout", [MAP, 0.5, False], {}, "map"),
]
MORE = {
    "weight": torch.rand(3, 8),
    "eye": torch.eye(8),
    "eight": torch.rand(8),
    "grid": torch.rand(2, 3, 3, 2) - 0.5,
}


def write(value: Any) -> str:
    match value:
        case {"ref": name} | {"tensor": name}:
            return name
        case {"batch": factor}:
            return f"input.shape[0] * {factor}"
        case list():
            return f"[{', '.join(map(write, value))}]"
    return literal(value)


def resolved(value: Any) -> Any:
    match value:
        case {"ref": name}:
            return (VALUES | MORE)[name]
        case list():
            return [resolved(each) for each in value]
    return constant(value)


def evaluate(text: str, values: Mapping[str, Any]) -> Any:
    """The value of an expression; tests alone run text."""
    known = {"torch": torch, "F": F, "device": torch.device("cpu"), **values}
    return eval(text, known)  # noqa: S307 - written above


@pytest.mark.parametrize(("function", "arguments", "keywords", "text"), CALLS)
def test_an_operation(function: str, arguments: list[Any], keywords: dict[str, Any], text: str) -> None:
    step = Operation("a", function, tuple(arguments), keywords)
    assert expression(step, write) == text
    if function == "dropout":
        return
    given = {name: resolved(value) for name, value in keywords.items()}
    given |= {"device": "cpu"} if ROWS[function].placed else {}
    wanted = function_of(function)(*map(resolved, arguments), **given)
    expect_equal(evaluate(text, VALUES | MORE), wanted)


def expect_equal(found: Any, wanted: Any) -> None:
    if isinstance(wanted, Tensor):
        assert found.dtype == wanted.dtype
        assert torch.equal(found, wanted)
        return
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        expect_equal(one, other)


def test_in_place() -> None:
    step = Operation("a", "relu_", (MAP,), {})
    assert expression(step, write) == "F.relu(map, inplace=True)"
    step = Operation("a", "sigmoid_", (MAP,), {})
    assert expression(step, write) == "torch.ops.aten.sigmoid_.default(map)"


NAMED = {TORCH: torch, FUNCTIONAL: F, METHOD: Tensor, SPREAD: Tensor}


@pytest.mark.parametrize("name", sorted(name for name, row in ROWS.items() if row.python))
def test_every_spelling_is_torch_s(name: str) -> None:
    python = ROWS[name].python
    assert callable(python) or python in OPERATORS or hasattr(NAMED[python], name.partition(".")[0])


@pytest.mark.parametrize("name", sorted(name for name in ONE_CALL if ROWS[name].python))
def test_every_call_is_spelt_as_it_computes(name: str) -> None:
    arguments, shape = ONE_CALL[name]
    module = model(name, arguments)
    x = torch.rand(3, *shape, dtype=torch.float64) + 0.5
    known: dict[str, Any] = {"input": x, **module.state_dict()}
    for step in module.graph.steps.values():
        text = expression(step, write)
        given = [module.resolve(each, known.__getitem__, x) for each in step.arguments]
        wanted = bound(step, "cpu")(*given, **step.keywords)
        expect_equal(evaluate(text, known), wanted)
        known[step.name] = wanted


def test_a_text_of_strangers_is_a_string() -> None:
    assert literal('"); raise SystemExit(1)  # \n') == '"\\"); raise SystemExit(1)  # \\n"'
    with pytest.raises(AssertionError):
        literal({"dtype": "float32; raise SystemExit(1)"})


def test_a_long_line_is_broken_outside_of_strings() -> None:
    line = 'x = torch.cat([f("a, (b"), other[1, 2]], 1)'
    assert wrapped(line, 100) == [line]
    assert wrapped(line, 24) == [
        "x = torch.cat(",
        "    [",
        '        f("a, (b"),',
        "        other[1, 2],",
        "    ],",
        "    1,",
        ")",
    ]
