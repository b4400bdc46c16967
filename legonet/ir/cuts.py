"""Where a graph of operations can be cut in two: at the results that alone cross there. Needs no torch.

A result is a cut point if every way from the model's input to its output leads through it: in the words of
graph theory, if it postdominates the input. What does not follow the input, such as a position embedding, is
computed on whichever side takes it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from legonet.errors import TeacherError
from legonet.graph.suggest import did_you_mean, listed
from legonet.ir.graph import INPUT, ModelGraph, Operation, renamed, restricted
from legonet.ops.call import Call
from legonet.ops.table import ROWS

if TYPE_CHECKING:
    from networkx import DiGraph

NOWHERE = (
    "it cannot be cut: its branches run side by side from the image to the output, so that several tensors "
    "cross everywhere; expected a place that one tensor crosses; choose another model, or one branch of it"
)


class CutError(TeacherError):
    """A model cannot be cut at the place that was named."""


def following(operations: ModelGraph) -> list[str]:
    """The steps that follow the input and lead to the output, in order.

    By hand: networkx's descendants and ancestors take the same time (16 ms for 1,500 operations), but its
    import takes 0.1 s, a third of a plan.
    """
    below: set[str] = {INPUT}
    for step in operations.steps.values():
        if not below.isdisjoint(step.references()):
            below.add(step.name)
    return [name for name in needed(operations, operations.output) if name in below]


def needed(operations: ModelGraph, output: str, stop: str = INPUT) -> list[str]:
    """The steps that a result is computed from, itself included, in order.

    Args:
        operations: The model.
        output: The result.
        stop: A result that is given: neither it nor what only it needs is counted.
    """
    found = {output} - {stop}
    for step in reversed(list(operations.steps.values())):
        if step.name in found:
            found.update(each for each in step.references() if each != stop)
    return [name for name in operations.steps if name in found]


def rectifiers(operations: ModelGraph) -> list[str]:
    """The steps between input and output that let a unit pass where it is active, in order."""
    return [name for name in following(operations) if _rectifies(operations.steps[name])]


def _rectifies(step: Operation) -> bool:
    rectifies = ROWS[step.function].rectifies
    return rectifies is not None and rectifies(
        Call(step.name, step.function, rectifies, step.arguments, step.keywords)
    )


def cut_points(operations: ModelGraph) -> list[str]:
    """The results where a model can be cut, in order; the output is not among them."""
    steps = operations.steps
    if _is_chain(operations):
        return list(steps)[:-1]
    import networkx  # not for chains: their plans take less time than its import

    flow = networkx.DiGraph((each, step.name) for step in steps.values() for each in step.references())
    if not {INPUT, operations.output} <= set(flow) or not networkx.has_path(flow, INPUT, operations.output):
        return []
    after = networkx.immediate_dominators(flow.reverse(copy=False), operations.output)
    found, name = [], after[INPUT]
    while name != operations.output:
        found.append(name)
        name = after[name]
    return [name for name in found if not _is_one_of_several(operations, flow, name)]


def _is_chain(operations: ModelGraph) -> bool:
    """Whether each step takes the one tensor that the step before it gives, and nothing else."""
    below = INPUT
    for step in operations.steps.values():
        if list(step.references()) != [below] or step.function == "getitem":
            return False
        below = step.name
    return below == operations.output


def _is_one_of_several(operations: ModelGraph, flow: DiGraph[str], name: str) -> bool:
    """Whether a result is several tensors, such as a split's, which `getitem` takes apart, or one of them."""
    return any(operations.steps[each].function == "getitem" for each in (name, *flow.successors(name)))


def crossing(operations: ModelGraph, name: str) -> list[str]:
    """The tensors that are needed above a step and computed below it or by it, in order."""
    names = following(operations)
    place = names.index(name)
    above = {reference for later in names[place + 1 :] for reference in operations.steps[later].references()}
    return [each for each in (INPUT, *names[: place + 1]) if each in above]


def find_cut(operations: ModelGraph, cut: str, *, where: str = "teacher") -> str:
    """Find the result that a cut names.

    Args:
        operations: The teacher's model.
        cut: A step's name, or a module's, such as `layer2`: what the module gives.
        where: What messages call the teacher.

    Returns:
        The step that f ends with.

    Raises:
        CutError: There is no such step or module, or several tensors cross there.
        TeacherError: The model can be cut nowhere.
    """
    known = cut_points(operations)
    if not known and len(following(operations)) > 1:
        raise TeacherError(f"{where}: {NOWHERE}")
    found = find_step(operations, cut, where=where)
    if found in known:
        return found
    if found == operations.output:
        raise CutError(
            f"{where}: cut '{cut}' is the model's output, so that no task module is left; expected one of "
            f"{listed(_called(operations, known[::-1]))}"
        )
    names = following(operations)
    if found not in names:
        raise CutError(
            f"{where}: cut '{cut}' does not lie between the input and the output; expected one of "
            f"{listed(_called(operations, known))}"
        )
    tensors = crossing(operations, found)
    raise CutError(
        f"{where}: {len(tensors)} tensors cross at '{cut}': {listed(_called(operations, tensors))}; expected "
        f"a place that one tensor crosses; cut at {_nearest(operations, known, found)}"
    )


def find_step(operations: ModelGraph, cut: str, *, where: str = "teacher") -> str:
    """The step that a name means, whether the model can be cut there or not.

    Raises:
        CutError: There is no such step or module, or it is computed several times.
    """
    if cut in operations.steps:
        return cut
    inside = [step for step in operations.steps.values() if _inside(step, cut)]
    calls = [step.name for step in inside if step.module == cut]
    if (
        len(calls) > 1
        and len({operations.steps[name].function for name in calls}) == 1
        and len(inside) == len(calls)
    ):
        raise CutError(
            f"{where}: cut '{cut}' is computed {len(calls)} times, as {listed(calls, ' and ')}; expected "
            "one place; name one of them"
        )
    if inside and cut:
        return inside[-1].name
    known = cut_points(operations)
    names = {*known, *(prefix for name in known for prefix in _prefixes(operations.steps[name].module))}
    raise CutError(
        f"{where}: cut '{cut}' is no module and no operation that its output follows; expected one of "
        f"{listed(_called(operations, known))}.{did_you_mean(cut, sorted(names))}"
    )


def means_any(graph: ModelGraph, cut: str) -> bool:
    """Whether a name is one of a model's layers, operations or modules."""
    return cut in graph.steps or any(_inside(step, cut) for step in graph.steps.values())


def _inside(step: Operation, module: str) -> bool:
    return step.module == module or step.module.startswith(module + ".")


def _prefixes(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: length + 1]) for length in range(len(parts))] if module else []


def _nearest(operations: ModelGraph, known: Collection[str], found: str) -> str:
    names = following(operations)
    place = names.index(found)
    below = [name for name in names[:place] if name in known][-1:]
    above = [name for name in names[place + 1 :] if name in known][:1]
    shown = [f"'{name}' below" for name in _called(operations, below)]
    return " or ".join([*shown, *(f"'{name}' above" for name in _called(operations, above))])


def names_of(operations: ModelGraph, places: Sequence[str]) -> dict[str, list[str]]:
    """For each result every name that means it: the modules that end with it, outermost first; its own."""
    ends: dict[str, str] = {}
    for name in following(operations):
        for module in _prefixes(operations.steps[name].module):
            ends[module] = name
    names: dict[str, list[str]] = {place: [] for place in places}
    for module in sorted(ends, key=lambda name: name.count(".")):
        if ends[module] in names and _means(operations, module, ends[module]):
            names[ends[module]].append(module)
    return {place: list(dict.fromkeys([*found, place])) for place, found in names.items()}


def _called(operations: ModelGraph, places: Sequence[str]) -> list[str]:
    """Results by the names that people know them by."""
    return [names[0] for names in names_of(operations, places).values()]


def _means(operations: ModelGraph, name: str, place: str) -> bool:
    try:
        return find_step(operations, name) == place
    except CutError:  # a module that is computed several times
        return False


def split_at(operations: ModelGraph, place: str) -> tuple[ModelGraph, ModelGraph]:
    """Cut a model in two at a result that is known to be a cut point, or at its output or input.

    The upper part of a model that is cut at its output has no operations, and gives its input.
    """
    if place == operations.output:
        return operations, restricted(operations, {}, INPUT)
    f = {name: operations.steps[name] for name in needed(operations, place)}
    above = needed(operations, operations.output, stop=place)
    g = {name: renamed(operations.steps[name], place, INPUT) for name in above}
    return restricted(operations, f, place), restricted(operations, g, operations.output)
