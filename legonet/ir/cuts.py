"""Where a graph of operations can be cut in two: at the results that alone cross there. Needs no torch.

A result is a cut point if every way from the model's input to its output leads through it: in the words of
graph theory, if it postdominates the input. What does not follow the input, such as a position embedding, is
computed on whichever side takes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from legonet.errors import TeacherError
from legonet.graph.suggest import did_you_mean, listed
from legonet.ir.graph import INPUT, ModelGraph, Operation, renamed, restricted
from legonet.ops.table import ROWS

if TYPE_CHECKING:
    from networkx import DiGraph

NOWHERE = (
    "it cannot be cut: its branches run side by side from the image to the output, so that several tensors "
    "cross everywhere; expected a place that one tensor crosses; choose another model, or one branch of it"
)


class CutError(TeacherError):
    """A model cannot be cut at the place that was named."""


def following(graph: ModelGraph) -> list[str]:
    """The steps that follow the input and lead to the output, in order.

    By hand: networkx's descendants and ancestors take the same time (16 ms for 1,500 operations), but its
    import takes 0.1 s, a third of a plan.
    """
    below: set[str] = {INPUT}
    for step in graph.steps.values():
        if not below.isdisjoint(step.references()):
            below.add(step.name)
    return [name for name in needed(graph, graph.output) if name in below]


def needed(graph: ModelGraph, output: str, stop: str = INPUT) -> list[str]:
    """The steps that a result is computed from, itself included, in order.

    Args:
        graph: The model.
        output: The result.
        stop: A result that is given: neither it nor what only it needs is counted.
    """
    found = {output} - {stop}
    for step in reversed(list(graph.steps.values())):
        if step.name in found:
            found.update(each for each in step.references() if each != stop)
    return [name for name in graph.steps if name in found]


def rectifiers(graph: ModelGraph) -> list[str]:
    """The steps between input and output that let a unit pass where it is active, in order."""
    steps = [graph.steps[name] for name in following(graph)]
    return [step.name for step in steps if ROWS[step.function].rectifies(step)]


def cut_points(graph: ModelGraph) -> list[str]:
    """The results where a model can be cut, in order; the output is not among them."""
    steps = graph.steps
    if _is_chain(graph):
        return list(steps)[:-1]
    import networkx  # not for chains: their plans take less time than its import

    flow = networkx.DiGraph((each, step.name) for step in steps.values() for each in step.references())
    if not {INPUT, graph.output} <= set(flow) or not networkx.has_path(flow, INPUT, graph.output):
        return []
    after = networkx.immediate_dominators(flow.reverse(copy=False), graph.output)
    found, name = [], after[INPUT]
    while name != graph.output:
        found.append(name)
        name = after[name]
    return [name for name in found if not _is_one_of_several(graph, flow, name)]


def _is_chain(graph: ModelGraph) -> bool:
    """Whether each step takes the one tensor that the step before it gives, and nothing else."""
    below = INPUT
    for step in graph.steps.values():
        if list(step.references()) != [below] or step.function == "getitem":
            return False
        below = step.name
    return below == graph.output


def _is_one_of_several(graph: ModelGraph, flow: DiGraph[str], name: str) -> bool:
    """Whether a result is several tensors, such as a split's, which `getitem` takes apart, or one of them."""
    return any(graph.steps[each].function == "getitem" for each in (name, *flow.successors(name)))


def crossing(graph: ModelGraph, name: str) -> list[str]:
    """The tensors that are needed above a step and computed below it or by it, in order."""
    names = following(graph)
    place = names.index(name)
    above = {reference for later in names[place + 1 :] for reference in graph.steps[later].references()}
    return [each for each in (INPUT, *names[: place + 1]) if each in above]


def find_cut(graph: ModelGraph, cut: str, *, where: str = "teacher") -> str:
    """Find the result that a cut names.

    Args:
        graph: The teacher's model.
        cut: A step's name, or a module's, such as `layer2`: what the module gives.
        where: What messages call the teacher.

    Returns:
        The step that f ends with.

    Raises:
        CutError: There is no such step or module, or several tensors cross there.
        TeacherError: The model can be cut nowhere.
    """
    known = cut_points(graph)
    if not known and len(following(graph)) > 1:
        raise TeacherError(f"{where}: {NOWHERE}")
    found = find_step(graph, cut, where=where)
    if found in known:
        return found
    if found == graph.output:
        raise CutError(
            f"{where}: cut '{cut}' is the model's output, so that no task module is left; expected one of "
            f"{listed(_called(graph, known[::-1]))}"
        )
    names = following(graph)
    if found not in names:
        raise CutError(
            f"{where}: cut '{cut}' does not lie between the input and the output; expected one of "
            f"{listed(_called(graph, known))}"
        )
    raise CutError(
        f"{where}: {crossing_in_words(graph, found, cut)}; expected a place that one tensor crosses; cut at "
        f"{nearest(graph, found)}"
    )


def crossing_in_words(graph: ModelGraph, place: str, called: str) -> str:
    """What crosses at a place, as the first part of a sentence."""
    tensors = crossing(graph, place)
    return f"{len(tensors)} tensors cross at '{called}': {listed(_called(graph, tensors))}"


def find_step(graph: ModelGraph, cut: str, *, where: str = "teacher") -> str:
    """The step that a name means, whether the model can be cut there or not.

    Raises:
        CutError: There is no such step or module, or it is computed several times.
    """
    if cut in graph.steps:
        return cut
    inside = [step for step in graph.steps.values() if _inside(step, cut)]
    calls = [step.name for step in inside if step.module == cut]
    if (
        len(calls) > 1
        and len({graph.steps[name].function for name in calls}) == 1
        and len(inside) == len(calls)
    ):
        raise CutError(
            f"{where}: cut '{cut}' is computed {len(calls)} times, as {listed(calls, ' and ')}; expected "
            "one place; name one of them"
        )
    if inside and cut:
        return inside[-1].name
    known = cut_points(graph)
    names = {*known, *(prefix for name in known for prefix in _prefixes(graph.steps[name].module))}
    raise CutError(
        f"{where}: cut '{cut}' is neither a module nor an operation that its output follows; expected one of "
        f"{listed(_called(graph, known))}.{did_you_mean(cut, sorted(names))}"
    )


def means_any(graph: ModelGraph, cut: str) -> bool:
    """Whether a name is one of a model's layers, operations or modules."""
    return cut in graph.steps or any(_inside(step, cut) for step in graph.steps.values())


def _inside(step: Operation, module: str) -> bool:
    return step.module == module or step.module.startswith(module + ".")


def _prefixes(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: length + 1]) for length in range(len(parts))] if module else []


def nearest(graph: ModelGraph, found: str) -> str:
    """The places next to one that a single tensor crosses."""
    names, known = following(graph), set(cut_points(graph))
    place = names.index(found)
    below = [name for name in names[:place] if name in known][-1:]
    above = [name for name in names[place + 1 :] if name in known][:1]
    shown = [f"'{name}' below" for name in _called(graph, below)]
    return " or ".join([*shown, *(f"'{name}' above" for name in _called(graph, above))])


def names_of(graph: ModelGraph, places: Sequence[str]) -> dict[str, list[str]]:
    """For each result every name that means it: the modules that end with it, outermost first; its own."""
    ends: dict[str, str] = {}
    for name in following(graph):
        for module in _prefixes(graph.steps[name].module):
            ends[module] = name
    names: dict[str, list[str]] = {place: [] for place in places}
    for module in sorted(ends, key=lambda name: name.count(".")):
        if ends[module] in names and _means(graph, module, ends[module]):
            names[ends[module]].append(module)
    return {place: list(dict.fromkeys([*found, place])) for place, found in names.items()}


def _called(graph: ModelGraph, places: Sequence[str]) -> list[str]:
    """Results by the names that people know them by."""
    return [names[0] for names in names_of(graph, places).values()]


def _means(graph: ModelGraph, name: str, place: str) -> bool:
    try:
        return find_step(graph, name) == place
    except CutError:  # a module that is computed several times
        return False


def split_at(graph: ModelGraph, place: str) -> tuple[ModelGraph, ModelGraph]:
    """Cut a model in two at a result that is known to be a cut point, or at its output or input.

    The upper part of a model that is cut at its output has no operations, and gives its input.
    """
    if place == graph.output:
        return graph, restricted(graph, {}, INPUT)
    f = {name: graph.steps[name] for name in needed(graph, place)}
    above = needed(graph, graph.output, stop=place)
    g = {name: renamed(graph.steps[name], place, INPUT) for name in above}
    return restricted(graph, f, place), restricted(graph, g, graph.output)
