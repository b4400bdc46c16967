"""Operations as Python expressions: `F.relu(x)`, `x.view(batch, 64)`, `x + y`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from legonet.compile.export.calls import NOTHING, Given, given
from legonet.compile.export.spellings import FUNCTIONAL, METHODS, OPERATORS, SPREAD, TORCH
from legonet.ir.graph import DTYPES, Operation
from legonet.ops.creation import PLACED

Write = Callable[[Any], str]
"""Writes an argument as it stands in a graph."""

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
    if packet not in OPERATORS or form == "Tensor_mode" or len(values) != 2 or arguments.keywords:
        return None
    return f"{write(values[0])} {OPERATORS[packet]} {write(values[1])}"


def _function(step: Operation, arguments: Given, write: Write) -> str:
    packet, _, form = step.function.partition(".")
    values = [*arguments.positional.values()]
    keywords = [f"{name}={write(value)}" for name, value in arguments.keywords.items()]
    if step.function in PLACED:
        keywords.append("device=device")
    if step.function in METHODS:
        first, *others = values
        if packet in SPREAD and len(others) == 1 and isinstance(others[0], list | tuple):
            others = list(others[0])
        written = _positional(list(map(write, others)), arguments)
        return f"{write(first)}.{packet}({', '.join([*written, *keywords])})"
    written = _positional(list(map(write, values)), arguments)
    if step.function in FUNCTIONAL:
        name = f"F.{packet}"
    elif step.function.removesuffix("_") in FUNCTIONAL:
        name = f"F.{packet.removesuffix('_')}"
        keywords.append("inplace=True")
    elif step.function in TORCH:
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
    if axis < -1:
        return None
    before = "..., " if axis < 0 else ":, " * axis
    data = write(arguments["self"])
    return data if index == ":" else f"{data}[{before}{index}]"


def _index(arguments: Given, write: Write) -> str:
    index = ", ".join(":" if each is None else write(each) for each in arguments["indices"])
    return f"{write(arguments['self'])}[{index}]"


def _pow(arguments: Given, write: Write) -> str:
    return f"{write(arguments['self'])} ** {write(arguments['exponent'])}"


def _batch_norm(arguments: Given, write: Write) -> str:
    order = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum")
    values = [write(arguments.get(name)) for name in order]
    return f"F.batch_norm({', '.join(values)}, eps={write(arguments['eps'])})"


def _norm(name: str, size: str) -> Callable[[Given, Write], str]:
    def write_norm(arguments: Given, write: Write) -> str:
        has_weight = size == "normalized_shape" and arguments.get("weight") is not None
        shape = f"{write(arguments['weight'])}.shape" if has_weight else write(arguments[size])
        values = [write(arguments["input"]), shape]
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


def _vector_norm(arguments: Given, write: Write) -> str:
    (_, data), *others = [*arguments.positional.items(), *arguments.keywords.items()]
    options = [f"{name}={write(value)}" for name, value in others]
    return f"torch.linalg.vector_norm({', '.join([write(data), *options])})"


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
    "index.Tensor": _index,
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
    "linalg_vector_norm": _vector_norm,
}
"""Operations that Python writes otherwise; None: not these arguments."""
