"""Operations as Python expressions: `F.relu(x)`, `x.view(batch, 64)`, `x + y`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from legonet.compile.export.calls import NOTHING, Given, given
from legonet.ir.graph import DTYPES, Operation
from legonet.ops.creation import PLACED

Write = Callable[[Any], str]
"""Writes an argument as it stands in a graph."""

_OPERATORS = {
    "add": "+",
    "sub": "-",
    "subtract": "-",
    "mul": "*",
    "multiply": "*",
    "div": "/",
    "divide": "/",
    "true_divide": "/",
    "matmul": "@",
    "eq": "==",
    "ne": "!=",
    "ge": ">=",
    "gt": ">",
    "le": "<=",
    "lt": "<",
    "bitwise_and": "&",
    "bitwise_or": "|",
}

_FUNCTIONAL = frozenset(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d avg_pool1d avg_pool2d avg_pool3d celu conv1d conv1d.padding conv2d
    conv2d.padding conv3d conv_transpose1d conv_transpose2d.input conv_transpose3d.input gelu glu hardsigmoid
    hardswish hardtanh leaky_relu linear max_pool1d max_pool2d max_pool3d mish pad pixel_shuffle
    pixel_unshuffle prelu relu relu6 scaled_dot_product_attention selu silu softplus
    """.split()
)
"""Functions of torch.nn.functional that take what ATen's take, in the same order."""

_TORCH = frozenset(
    """
    abs addmm arange arange.start arange.start_step baddbmm bilinear bmm cat channel_shuffle clamp clamp_max
    clamp_min concat cos cumsum dot einsum erf exp flip floor full full_like gather index_select linspace log
    log1p logical_and logical_not logical_or maximum minimum mm mv neg ones ones_like outer
    reciprocal roll round rsqrt rsub.Scalar scalar_tensor sigmoid sign sin sqrt square stack tanh tril triu
    where.ScalarOther where.ScalarSelf where.self zeros zeros_like
    """.split()
)
"""Functions of torch likewise."""

_METHODS = frozenset(
    """
    amax amin chunk clone contiguous expand expand_as flatten.using_ints masked_fill.Scalar masked_fill.Tensor
    mean mean.dim movedim.int movedim.intlist narrow permute repeat reshape split.Tensor split_with_sizes
    squeeze squeeze.dim squeeze.dims sum sum.dim_IntList swapaxes swapdims t tile to.dtype transpose.int
    type_as unbind.int unflatten.int unsqueeze view view_as
    """.split()
)
"""Methods of a tensor likewise."""

_SPREAD = frozenset(["expand", "permute", "repeat", "reshape", "tile", "view"])
"""Methods whose list people write as arguments."""

_LAST = 2**63 - 1  # the end of a slice without one


def expression(step: Operation, write: Write) -> str:
    """The expression that computes an operation.

    Args:
        step: The operation.
        write: Writes its arguments.

    Raises:
        ExportError: It is not in legonet's table, or its arguments are not its own.
    """
    arguments, base = given(step), step.function.removesuffix("_")
    if base in NOTHING:
        return write(arguments["self"])
    special = _SPECIAL.get(base)
    found = special(arguments, write) if special is not None else None
    return found or _operator(step, arguments, write) or _function(step, arguments, write)


def literal(value: Any) -> str:
    """An argument that is no tensor, no result and no list."""
    match value:
        case {"dtype": str(name)} if name in DTYPES:
            return f"torch.{name}"
        case {"infinity": int(sign)}:
            return f'float("{"-" if sign < 0 else ""}inf")'
        case str():
            return json.dumps(value)
        case None | bool() | int() | float():
            return repr(value)
    raise AssertionError(f"{value!r} is no argument of a graph")


def _operator(step: Operation, arguments: Given, write: Write) -> str | None:
    packet, _, form = step.function.partition(".")
    values = list(arguments.positional.values())
    if packet not in _OPERATORS or form == "Tensor_mode" or len(values) != 2 or arguments.keywords:
        return None
    return f"{write(values[0])} {_OPERATORS[packet]} {write(values[1])}"


def _function(step: Operation, arguments: Given, write: Write) -> str:
    packet, _, form = step.function.partition(".")
    values = [*arguments.positional.values()]
    keywords = [f"{name}={write(value)}" for name, value in arguments.keywords.items()]
    if step.function in PLACED:
        keywords.append("device=device")
    if step.function in _METHODS:
        first, *others = values
        if packet in _SPREAD and len(others) == 1 and isinstance(others[0], list | tuple):
            others = list(others[0])
        written = _positional(list(map(write, others)), arguments)
        return f"{write(first)}.{packet}({', '.join([*written, *keywords])})"
    written = _positional(list(map(write, values)), arguments)
    if step.function in _FUNCTIONAL:
        name = f"F.{packet}"
    elif step.function.removesuffix("_") in _FUNCTIONAL:
        name = f"F.{packet.removesuffix('_')}"
        keywords.append("inplace=True")
    elif step.function in _TORCH:
        name = f"torch.{packet}"
    else:
        name = f"torch.ops.aten.{packet}.{form or 'default'}"
        written = [write(each) for each in values]
    return f"{name}({', '.join([*written, *keywords])})"


def _positional(written: list[str], arguments: Given) -> list[str]:
    """Arguments by position; from the first truth value on with their names, so that these say something."""
    names = list(arguments.positional)
    truths = [name for name, value in arguments.positional.items() if type(value) is bool]
    if not truths:
        return written
    named = names[names.index(truths[0]) :]
    keep = len(written) - len(named)
    return [*written[:keep], *(f"{name}={each}" for name, each in zip(named, written[keep:], strict=True))]


def _item(arguments: Given, write: Write) -> str:
    return f"{write(arguments['self'])}[{write(arguments['index'])}]"


def _select(arguments: Given, write: Write) -> str | None:
    axis = arguments["dim"]
    return _indexed(arguments, axis, write(arguments["index"]), write)


def _slice(arguments: Given, write: Write) -> str | None:
    start, end, step = (arguments.get(name) for name in ("start", "end", "step"))
    ends = "" if start in (None, 0) else write(start), "" if end in (None, _LAST) else write(end)
    index = ":".join([*ends, *([] if step in (None, 1) else [write(step)])])
    return _indexed(arguments, arguments.get("dim", 0), index, write)


def _indexed(arguments: Given, axis: int, index: str, write: Write) -> str | None:
    if axis < 0:
        before = f"..., {index}" if axis == -1 else None
    else:
        before = ", ".join([*[":"] * axis, index])
    return f"{write(arguments['self'])}[{before}]" if before is not None else None


def _pow(arguments: Given, write: Write) -> str:
    return f"{write(arguments['self'])} ** {write(arguments['exponent'])}"


def _batch_norm(arguments: Given, write: Write) -> str:
    order = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum")
    values = [write(arguments.get(name)) for name in order]
    return f"F.batch_norm({', '.join(values)}, eps={write(arguments['eps'])})"


def _norm(name: str, size: str) -> Callable[[Given, Write], str]:
    def write_norm(arguments: Given, write: Write) -> str:
        values = [write(arguments["input"]), write(arguments[size])]
        values += [
            f"{each}={write(arguments[each])}"
            for each in ("weight", "bias", "eps")
            if arguments.get(each) is not None
        ]
        return f"F.{name}({', '.join(values)})"

    return write_norm


def _softmax(name: str) -> Callable[[Given, Write], str]:
    def write_softmax(arguments: Given, write: Write) -> str:
        kind = arguments.get("dtype")
        more = "" if kind is None else f", dtype={write(kind)}"
        return f"F.{name}({write(arguments['self'])}, {write(arguments['dim'])}{more})"

    return write_softmax


def _interpolate(mode: str, **more: str) -> Callable[[Given, Write], str]:
    def write_interpolate(arguments: Given, write: Write) -> str:
        options = {"size": "output_size", "scale_factor": "scale_factors", "align_corners": "align_corners"}
        values = [
            f"{option}={write(arguments[name])}"
            for option, name in options.items()
            if arguments.get(name) is not None
        ]
        values += [f'mode="{mode}"', *(f"{key}={value}" for key, value in more.items())]
        return f"F.interpolate({write(arguments['input'])}, {', '.join(values)})"

    return write_interpolate


def _elu(arguments: Given, write: Write) -> str | None:
    values = list(arguments.positional.values())
    return f"F.elu({', '.join(map(write, values))})" if len(values) <= 2 else None


def _embedding(arguments: Given, write: Write) -> str | None:
    if len(arguments.positional) > 2 or arguments.keywords:
        return None
    return f"F.embedding({write(arguments['indices'])}, {write(arguments['weight'])})"


_SPECIAL: dict[str, Callable[[Given, Write], str | None]] = {
    "getitem": _item,
    "select.int": _select,
    "slice.Tensor": _slice,
    "pow.Tensor_Scalar": _pow,
    "pow.Tensor_Tensor": _pow,
    "batch_norm": _batch_norm,
    "layer_norm": _norm("layer_norm", "normalized_shape"),
    "group_norm": _norm("group_norm", "num_groups"),
    "softmax.int": _softmax("softmax"),
    "log_softmax.int": _softmax("log_softmax"),
    "upsample_nearest2d.vec": _interpolate("nearest"),
    "upsample_bilinear2d.vec": _interpolate("bilinear"),
    "upsample_bicubic2d.vec": _interpolate("bicubic"),
    "_upsample_bilinear2d_aa.vec": _interpolate("bilinear", antialias="True"),
    "_upsample_bicubic2d_aa.vec": _interpolate("bicubic", antialias="True"),
    "elu": _elu,
    "embedding": _embedding,
}
"""Operations that Python writes otherwise; None: not these arguments."""


def wrapped(line: str, room: int) -> list[str]:
    """Break a line that is too long at its widest brackets, one argument to a line."""
    if len(line) <= room:
        return [line]
    tokens = re.findall(r'"(?:[^"\\]|\\.)*"|.', line)
    widest, found, opened = 0, None, []
    for place, token in enumerate(tokens):
        if token in ("(", "[", "{"):
            opened.append(place)
        elif token in (")", "]", "}") and (begin := opened.pop()) is not None and place - begin > widest:
            widest, found = place - begin, (begin, place)
    if found is None:
        return [line]
    begin, end = found
    parts, depth = [""], 0
    for token in tokens[begin + 1 : end]:
        depth += (token in ("(", "[", "{")) - (token in (")", "]", "}"))
        if token == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += token
    inner = [f"    {each}" for part in parts for each in wrapped(f"{part.strip()},", room - 4)]
    return ["".join(tokens[: begin + 1]), *inner, "".join(tokens[end:])]
