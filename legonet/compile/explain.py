"""Says what passes made of a network: what was merged and folded, and what that saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from legonet.compile.cost import ProgramCost, Shapes, cost_of
from legonet.compile.options import Running
from legonet.compile.program import Brick, Call, Computed, Program, Weight
from legonet.graph.suggest import listed
from legonet.notebook import page, table, text


@dataclass(frozen=True)
class Explanation:
    """A compiled network beside the naive composition; `print` shows it as a table and a list.

    Attributes:
        costs: What the naive program costs, called `none`, and what it costs after each pass, by the pass's
            name.
        bytes: How many bytes a weight takes.
        lines: What each call runs, what was folded into which layer, and where it runs.
    """

    costs: Mapping[str, ProgramCost]
    bytes: int
    lines: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """Give it as plain data, as `legonet compile --json` prints it."""
        return {"costs": {name: asdict(cost) for name, cost in self.costs.items()}, "lines": list(self.lines)}

    def __str__(self) -> str:
        head = f"{'after pass':<16}{'calls':>7}{'layers':>8}{'operations':>13}{'weights':>12}"
        rows = [
            f"{name:<16}{cost.calls:>7}{cost.layers:>8}{_millions(cost.operations):>13}"
            f"{_size(cost.weights * self.bytes):>12}"
            for name, cost in self.costs.items()
        ]
        return "\n".join([head, *rows, "", *self.lines])

    __repr__ = __str__

    def table(self) -> str:
        """Give what it costs after each pass, and the list, as a part of a page."""
        rows = [
            (name, cost.calls, cost.layers, _millions(cost.operations), _size(cost.weights * self.bytes))
            for name, cost in self.costs.items()
        ]
        heads = ("after pass", "calls", "layers", "operations", "weights")
        return table(heads, rows, (1, 2, 3, 4)) + text("\n".join(self.lines))

    def _repr_html_(self) -> str:
        return page(self.table())


def explain(trace: Mapping[str, Program], input_shape: Shapes, running: Running) -> Explanation:
    """Explain what passes did.

    Args:
        trace: The naive program, called `none`, and the program after each pass, in order.
        input_shape: The shape of the images.
        running: Where and how the last program runs.
    """
    costs = {name: cost_of(program, input_shape) for name, program in trace.items()}
    first, last = next(iter(trace.values())), list(trace.values())[-1]
    lines = (*_equal_modules(first), *_calls(last), *_folded(last), *_runs(last, running))
    return Explanation(costs, running.weights_dtype.itemsize, lines)


def _runs(program: Program, running: Running) -> Iterator[str]:
    if len(running.devices) > 1:
        for number, device in enumerate(running.devices):
            names = [name for name, brick in program.bricks.items() if brick.device == number]
            yield f"on {device}: {listed(names) or 'nothing'}"
    yield f"it runs {running}"
    if running.compile_mode is not None or running.cuda_graphs:
        yield (
            "the first call of each shape of images prepares it, which may take minutes; call warm_up with "
            "the sizes of batches that will come"
        )


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
            made_of = dict.fromkeys(each for name in step.tensors() for each in _made_of(brick.weights[name]))
            if made_of:
                yield f"{brick.full_name}: {step.name} holds {', '.join(made_of)}, in a copy of its own"


def _made_of(weight: Weight | None) -> Iterator[str]:
    if not isinstance(weight, Computed):
        return
    if weight.how == "scaled":
        yield f"the re-scaling {_owner(weight.parts[1])}"
    elif weight.how in ("normed", "normed-inputs"):
        yield f"the batch norm {_owner(weight.parts[2])}"
    elif weight.how == "joined":
        yield "the layer above it"
    for part in weight.parts:
        yield from _made_of(part)


def _owner(weight: Weight | None) -> str:
    """The layer that a stored tensor belongs to."""
    return str(weight).rpartition(".")[0]


def _millions(operations: int) -> str:
    return f"{operations / 1e6:,.2f} M"


def _size(count: int) -> str:
    return f"{count / 2**10:,.0f} KiB"
