"""An adapter's last linear layer and the task module's first become one, where no activation stands between.

The joined layer is the adapter's: the task module above it stays shared. Two convolutions are joined where
that is exact up to the border, and is no more work:

- the upper one is 1x1 without padding: (A * x) then B is (B A) * x, of the lower one's kernel;
- the lower one is 1x1, and the upper one pads nothing, or pads with zeros what has no offset below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from legonet.compile.program import (
    Brick,
    Call,
    Computed,
    Program,
    Ref,
    Weight,
    fresh,
    fresh_name,
    rewired,
    split_brick,
)
from legonet.compile.rewrite import only_user, own_bias, own_weight, rebuilt, ref_of, tensor_of
from legonet.ir.graph import INPUT, Operation, Shape, TensorSpec


def join(program: Program) -> Program:
    """Join each adapter's last layer with the first of the task module above it, where that pays."""
    tried: set[str] = set()
    while (found := _next(program, tried)) is not None:
        tried.add(found[0].name)
        program = _join(program, *found)
    return program


@dataclass(frozen=True)
class Linear:
    """A convolution or a fully connected layer, as far as joining depends on it.

    Attributes:
        step: The operation.
        shape: The shape of its weight.
        bias: Whether it has one.
        stride: Height and width; of a fully connected layer 1.
        padding: The padding in height and width; of a fully connected layer 0.
    """

    step: Operation
    shape: Shape
    bias: bool
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] = (0, 0)

    @property
    def is_pointwise(self) -> bool:
        """Whether each position is computed from itself alone."""
        return self.shape[2:] == (1, 1) and self.padding == (0, 0)

    @property
    def work(self) -> int:
        """Multiplications for each position."""
        return prod(self.shape)


def linear_of(brick: Brick, name: str | None) -> Linear | None:
    """An operation as a layer that can be joined; None if it is none."""
    step = brick.graph.steps.get(name or "")
    if (
        step is None
        or step.function not in ("conv2d", "linear")
        or list(step.references()) != [ref_of(step.arguments[0])]
    ):
        return None
    weight, bias = tensor_of(step.arguments[1]), tensor_of(step.argument(2, None, "bias"))
    if weight is None:
        return None
    shape = brick.graph.tensors[weight].shape
    if bias is not None and brick.graph.tensors[bias].shape != shape[:1]:
        return None
    if step.function == "linear":
        return Linear(step, shape, bias is not None)
    if step.argument(6, 1, "groups") != 1 or set(step.pair(5, 1, "dilation")) != {1}:
        return None
    pairs = step.pair(3, 1, "stride"), step.pair(4, 0, "padding")
    return Linear(step, shape, bias is not None, *pairs)


def joined(below: Linear, above: Linear) -> Operation | None:
    """The operation that computes both, without its tensors; None if there is none, or if it is more work."""
    if below.step.function != above.step.function:
        return None
    if below.step.function == "linear":
        whole, work = below.step, below.shape[1] * above.shape[0]
    elif above.is_pointwise:
        stride = [a * b for a, b in zip(below.stride, above.stride, strict=True)]
        whole = _convolution(below.step, stride, below.padding)
        work = above.shape[0] * prod(below.shape[1:])
    elif below.is_pointwise and below.stride == (1, 1) and (above.padding == (0, 0) or not below.bias):
        whole = _convolution(below.step, above.stride, above.padding)
        work = above.shape[0] * below.shape[1] * prod(above.shape[2:])
    else:
        return None
    return whole if work <= below.work + above.work else None


def _convolution(step: Operation, stride: object, padding: object) -> Operation:
    arguments = (*step.arguments[:3], list(stride), list(padding), [1, 1], 1)  # type: ignore[call-overload]
    return replace(step, arguments=arguments, keywords={})


def _next(program: Program, tried: set[str]) -> tuple[Call, Call, Operation] | None:
    for call in program.calls:
        if call.name in tried or len(call.reads) > 1 or program.bricks[call.bricks[0]].kind != "adapters":
            continue
        readers = [each for each in program.calls if call.refs[0] in each.reads]
        alone = sum(each.bricks == call.bricks for each in program.calls) == 1
        if len(readers) != 1 or len(readers[0].reads) > 1 or not alone:
            continue
        if call.refs[0] in program.outputs.values():
            continue
        adapter, task = (program.bricks[each.bricks[0]] for each in (call, readers[0]))
        first = only_user(task.graph, INPUT)
        below, above = linear_of(adapter, adapter.graph.output), linear_of(task, first and first.name)
        whole = joined(below, above) if below and above else None
        if whole is not None:
            return call, readers[0], whole
    return None


def _join(program: Program, lower: Call, upper: Call, whole: Operation) -> Program:
    """Let the adapter's last operation do what the task module's first one does, in all its calls."""
    task = program.bricks[upper.bricks[0]]
    first, step = upper, only_user(task.graph, INPUT)
    assert step is not None  # noqa: S101 - looked at by _next
    if step.name != task.graph.output:
        name = fresh_name(program, task.kind, f"{task.name}-first")
        program = split_brick(program, task.full_name, step.name, (task.kind, name))
        first = next(call for call in program.calls if call.reads == lower.refs)
    adapter = program.bricks[lower.bricks[0]]
    changed = _with_both(adapter, program.bricks[first.bricks[0]], whole)
    bricks = {**program.bricks, adapter.full_name: changed}
    calls = [call for call in program.calls if call.name != first.name]
    moved: dict[Ref, Ref] = {first.refs[0]: lower.refs[0]}
    return rewired(replace(program, bricks=bricks), calls, moved)


def _with_both(adapter: Brick, task: Brick, whole: Operation) -> Brick:
    below, above = adapter.graph.steps[adapter.graph.output], task.steps[0]
    kernels = [str(tensor_of(each.arguments[1])) for each in (below, above)]
    biases = [tensor_of(each.argument(2, None, "bias")) for each in (below, above)]
    lower, upper = adapter.weights[kernels[0]], task.weights[kernels[1]]
    kernel = own_weight(adapter, below, adapter.weights)
    weights: dict[str, Weight] = {**adapter.weights, kernel: Computed("joined", (lower, upper))}
    specs = [brick.graph.tensors[name] for brick, name in ((adapter, kernels[0]), (task, kernels[1]))]
    outputs, window = specs[1].shape[0], _window(specs[0].shape, specs[1].shape)
    more = {kernel: TensorSpec((outputs, specs[0].shape[1], *window))}
    bias = None
    if any(biases):
        bias = own_bias(adapter, below, weights)
        offsets = (
            None if biases[0] is None else adapter.weights[biases[0]],
            upper,
            None if biases[1] is None else task.weights[biases[1]],
        )
        weights[bias] = Computed("joined-bias", offsets)
        more[bias] = TensorSpec((outputs,))
    arguments = list(whole.arguments)
    arguments[1:3] = [{"tensor": kernel}, None if bias is None else {"tensor": bias}]
    name = fresh(f"{below.name}+{above.name}", adapter.graph.steps, "_")
    step = replace(whole, name=name, arguments=tuple(arguments), keywords={})
    steps = {**adapter.graph.steps}
    del steps[below.name]
    steps[name] = step
    return adapter.with_graph(rebuilt(adapter.graph, steps, name, more), weights)


def _window(lower: Shape, upper: Shape) -> Shape:
    """Of two convolutions of which one is 1x1; nothing for fully connected layers."""
    return lower[2:] if upper[2:] == (1, 1) else upper[2:]
