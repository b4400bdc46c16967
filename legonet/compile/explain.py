"""Says what passes made of a network: what was merged and folded, and what that saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from legonet.compile.cost import Cost, Shape, cost_of
from legonet.compile.program import Brick, Call, Joined, Normed, Program, Scaled, Step
from legonet.graph.suggest import listed

BYTES = 4  # of a float32


@dataclass(frozen=True)
class Explanation:
    """What a compiled network is, beside the naive composition.

    Attributes:
        costs: of the naive program, called `none`, and after each pass, by the pass's name.
        lines: what each call runs, and what was folded into which layer.
    """

    costs: Mapping[str, Cost]
    lines: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {"costs": {name: asdict(cost) for name, cost in self.costs.items()}, "lines": list(self.lines)}

    def __str__(self) -> str:
        head = f"{'after pass':<16}{'calls':>7}{'layers':>8}{'operations':>13}{'weights':>12}"
        rows = [
            f"{name:<16}{cost.calls:>7}{cost.layers:>8}{_millions(cost.operations):>13}{_size(cost.weights):>12}"
            for name, cost in self.costs.items()
        ]
        return "\n".join([head, *rows, "", *self.lines])

    __repr__ = __str__


def explain(trace: Mapping[str, Program], input_shape: Shape, opaque: Mapping[str, nn.Module]) -> Explanation:
    """Explain what passes did.

    Args:
        trace: the naive program, called `none`, and the program after each pass, in order.
        input_shape: (channels, height, width).
        opaque: modules that are no chains of known layers, by label.
    """
    costs = {name: cost_of(program, input_shape, opaque) for name, program in trace.items()}
    first, last = next(iter(trace.values())), list(trace.values())[-1]
    return Explanation(costs, (*_equal_modules(first), *_calls(last), *_folded(last)))


def _equal_modules(program: Program) -> Iterator[str]:
    alike: dict[object, list[str]] = {}
    for brick in program.bricks.values():
        alike.setdefault((brick.kind, brick.content), []).append(brick.full_name)
    for names in alike.values():
        if len(names) > 1:
            yield f"{listed(names)} are equal"


def _calls(program: Program) -> Iterator[str]:
    for call in program.calls:
        bricks = [program.bricks[name] for name in call.bricks]
        layers = _span(bricks[0])
        if call.is_group:
            yield f"{_names(call.bricks)}: side by side in one call{layers}"
        elif call.is_batch:
            yield f"{call.bricks[0]}: {len(call.reads)} values as one batch{layers}"
        else:
            yield f"{call.bricks[0]}{_readers(program, call)}{layers}"


def _names(names: tuple[str, ...]) -> str:
    return listed(list(names)) if len(names) <= 6 else f"{names[0]} and {len(names) - 1} more"


def _readers(program: Program, call: Call) -> str:
    count = sum(ref in each.reads for each in program.calls for ref in call.refs)
    return f": once, read by {count} calls" if count > 1 else ""


def _span(brick: Brick) -> str:
    names = [step.name for step in brick.steps if step.name]
    if not names:
        return ""
    return f" ({names[0]})" if len(names) == 1 else f" ({names[0]} to {names[-1]})"


def _folded(program: Program) -> Iterator[str]:
    for brick in program.bricks.values():
        for step in brick.steps:
            made_of = list(_made_of(step))
            if made_of:
                yield f"{brick.full_name}: {step.name} holds {', '.join(made_of)}, in a copy of its own"


def _made_of(step: Step) -> Iterator[str]:
    waiting = [step.weights]
    while waiting:
        weights = waiting.pop()
        if isinstance(weights, Scaled):
            yield f"the re-scaling {weights.rescale}"
            waiting.append(weights.weights)
        elif isinstance(weights, Normed):
            yield f"the batch norm {weights.norm}"
            waiting.append(weights.weights)
        elif isinstance(weights, Joined):
            yield "the layer above it"
            waiting += [weights.below, weights.above]


def _millions(operations: int) -> str:
    return f"{operations / 1e6:,.2f} M"


def _size(weights: int) -> str:
    return f"{weights * BYTES / 2**10:,.0f} KiB"
