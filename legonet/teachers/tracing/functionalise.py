"""What writes into a tensor is replaced by what computes a new one. Needs torch.

An exported program calls what the model's code calls: `x.relu_()`, or `bias[3:6].zero_()`, which writes into
a part of another tensor by way of a view. Here each such call becomes its pure form, the result is put into
the tensors that it was a view of, and what reads any of them later reads the new ones.

Source: the functionalization pass of PyTorch, https://dev-discuss.pytorch.org/t/965.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from legonet.teachers.tracing.evaluation import UnknownCallError

aten = torch.ops.aten

# What gives its argument itself, in evaluation mode.
SAME = frozenset(
    """
    alias alpha_dropout detach dropout feature_alpha_dropout feature_dropout lift lift_fresh positive
    """.split()  # noqa: SIM905
)
# What gives its argument itself, or a copy of it.
_MAY_COPY = frozenset(["contiguous", "reshape", "flatten", "to"])


def functionalise(graph: fx.Graph) -> None:
    """Replace all calls that write into their argument, in place.

    Args:
        graph: Of an exported program; its nodes know their values' shapes.

    Raises:
        UnknownCallError: A call writes into a view of a kind that is not known.
    """
    for node in list(graph.nodes):
        if node.op == "call_function" and writes(node) and isinstance(node.args[0], fx.Node):
            _replace(graph, node)


def writes(node: fx.Node) -> bool:
    """Whether a call writes into its first argument: its name ends with `_`."""
    packet = function_name(node).split(".")[0]
    return packet.endswith("_") and not packet.endswith("__")


def function_name(node: fx.Node) -> str:
    """The name of a call's function, such as `conv2d` or `add.Tensor`."""
    if node.target is operator.getitem:
        return "getitem"
    if not isinstance(node.target, torch._ops.OpOverload):  # of Python, or of torch.func
        return getattr(node.target, "__name__", str(node.target))
    return str(node.target).removeprefix("aten.").removesuffix(".default")


def _replace(graph: fx.Graph, node: fx.Node) -> None:
    written, pure = node.args[0], _pure(node)
    assert isinstance(written, fx.Node)  # noqa: S101 - the caller has looked
    if pure is None:
        node.replace_all_uses_with(written)
        graph.erase_node(node)
        return
    order = {each: number for number, each in enumerate(graph.nodes)}
    later = {
        other: [user for user in other.users if order[user] > order[node]]
        for other in _shown(written)
        if order[other] < order[node]
    }
    with graph.inserting_before(node):
        current = {written: _result(graph, pure, node)}
        for view, base in _down(written):
            current[base] = _put(graph, node, view, base, current[view])

        def seen_again(other: fx.Node) -> fx.Node:
            """The same view of what is there now."""
            if other not in current:
                base = _viewed(other)
                assert base is not None  # noqa: S101 - the base of all views is among the current ones
                arguments = (seen_again(base), *other.args[1:])
                current[other] = _call(graph, other.target, arguments, other.kwargs, other)
            return current[other]

        if len(current) > 1 and _written_after(node, [*later, *_shown(node)], order):
            owner = list(current)[-1]  # what is written next has to reach it too
            current = {owner: current[owner]}
            seen_again(written)
        for other, users in later.items():
            for user in users:
                user.replace_input_with(other, seen_again(other))
    node.replace_all_uses_with(current[written])
    graph.erase_node(node)


def _result(graph: fx.Graph, pure: Any, node: fx.Node) -> fx.Node:
    """What a call writes, as a tensor of its own."""
    if pure is not aten.copy.default:
        return _call(graph, pure, node.args, node.kwargs, node)
    # Torch has no derivative of `copy`.
    written, source, *_ = node.args
    cast = _call(graph, aten.to.dtype, (source, node.meta["val"].dtype), {}, source)  # type: ignore[arg-type]
    cast.meta["val"] = source.meta["val"].to(node.meta["val"].dtype)  # type: ignore[union-attr]
    return _call(graph, aten.expand_as.default, (cast, written), {}, node)


def _pure(node: fx.Node) -> Any:
    """The pure form of a function that writes; None if it does nothing in evaluation mode."""
    packet, _, overload = function_name(node).partition(".")
    base = packet.removesuffix("_")
    if base in SAME:
        return None
    found = getattr(getattr(aten, base, None), overload or "default", None)
    if found is None:
        raise UnknownCallError(node, f"'{packet}' has no form that writes nowhere")
    return found


def _call(graph: fx.Graph, target: Any, arguments: Any, keywords: Any, like: fx.Node) -> fx.Node:
    """A new call in the place of another, of the same shape."""
    made = graph.create_node("call_function", target, tuple(arguments), dict(keywords))
    made.meta = dict(like.meta)
    return made


def _viewed(node: fx.Node) -> fx.Node | None:
    """What a node is a view of, if it may be one."""
    if node.op != "call_function" or not node.args or not isinstance(node.args[0], fx.Node):
        return None
    name = function_name(node).split(".")[0]
    returns = getattr(getattr(node.target, "_schema", None), "returns", ())
    aliases = any(each.alias_info is not None and not each.alias_info.is_write for each in returns)
    if node.target is operator.getitem or name in SAME or (aliases and name not in _MAY_COPY):
        return node.args[0]
    return node.args[0] if name in _MAY_COPY and _same_memory(node, node.args[0]) else None


def _down(node: fx.Node) -> list[tuple[fx.Node, fx.Node]]:
    """The views that lead from a node down to the tensor that owns the memory, each with its base."""
    steps = []
    while (base := _viewed(node)) is not None:
        steps.append((node, base))
        node = base
    return steps


def _shown(node: fx.Node) -> list[fx.Node]:
    """All nodes that may show the same memory, bases before their views."""
    steps = _down(node)
    found = [steps[-1][1] if steps else node]
    for each in found:
        found += [user for user in each.users if _viewed(user) is each]
    return found


def _written_after(node: fx.Node, shown: list[fx.Node], order: dict[fx.Node, int]) -> bool:
    """Whether a call behind a node writes into one of those that show the same memory."""
    return any(
        order.get(user, -1) > order[node] and writes(user) and user.args[0] is each
        for each in shown
        for user in each.users
        if user.op == "call_function"
    )


def _put(graph: fx.Graph, node: fx.Node, view: fx.Node, base: fx.Node, value: fx.Node) -> fx.Node:
    """The base with a value in the place of its view."""
    name = function_name(view).split(".")[0]
    if name in SAME or name in ("contiguous", "to"):
        return value
    if name not in _INVERSE:
        raise UnknownCallError(node, f"writes into what '{name}' shows of another tensor")
    target, arguments = _INVERSE[name](view, base, value)
    return _call(graph, target, arguments, {}, base)


def _same_memory(view: fx.Node, base: fx.Node) -> bool:
    """Whether a call that may copy gives a view: where nothing has to be moved."""
    return base.meta["val"].dtype == view.meta["val"].dtype and base.meta["val"].is_contiguous()


def _given(view: fx.Node) -> list[Any]:
    """A view's arguments after its first, with their defaults."""
    schema: Any = view.target._schema  # type: ignore[union-attr]
    others = schema.arguments[len(view.args) :]
    return [*view.args[1:], *[view.kwargs.get(each.name, each.default_value) for each in others]]


def _reshaped(view: fx.Node, base: fx.Node, value: fx.Node) -> tuple[Any, list[Any]]:
    # The only size that is not known is the batch's.
    return aten.reshape.default, [
        value,
        [size if isinstance(size, int) else -1 for size in base.meta["val"].shape],
    ]


def _permuted(view: fx.Node, base: fx.Node, value: fx.Node) -> tuple[Any, list[Any]]:
    (axes,) = _given(view)
    places = [axis % len(axes) for axis in axes]
    return aten.permute.default, [value, [places.index(axis) for axis in range(len(axes))]]


# What puts a value into the base of a view, by the view's function.
_INVERSE: dict[str, Callable[[fx.Node, fx.Node, fx.Node], tuple[Any, list[Any]]]] = {
    "slice": lambda view, base, value: (aten.slice_scatter.default, [base, value, *_given(view)]),
    "select": lambda view, base, value: (aten.select_scatter.default, [base, value, *_given(view)]),
    "transpose": lambda view, base, value: (aten.transpose.int, [value, *_given(view)]),
    "permute": _permuted,
    **dict.fromkeys(("view", "reshape", "flatten", "squeeze", "unsqueeze", "unflatten"), _reshaped),
}
