"""Where a graph of operations can be cut in two: at the results that alone cross there. Needs no torch.

A result is a cut point if every way from the model's input to its output leads through it: an articulation
point of the graph. In the order of computing that is the case where nothing before it that follows the input
is taken by anything after it. What does not follow the input, such as a position embedding, is computed on
whichever side takes it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from legonet.errors import TeacherError
from legonet.graph.suggest import did_you_mean, listed
from legonet.ir.graph import INPUT, ModelGraph, Operation, renamed, restricted
from legonet.ops.call import Call
from legonet.ops.table import ROWS

NOWHERE = (
    "it cannot be cut: its branches run side by side from the image to the output, so that several tensors "
    "cross everywhere; expected a place that one tensor crosses; choose another model, or one branch of it"
)


def following(operations: ModelGraph) -> list[str]:
    """The steps that follow the input and lead to the output, in order."""
    below: set[str] = {INPUT}
    for step in operations.steps.values():
        if not below.isdisjoint(step.references()):
            below.add(step.name)
    above = {operations.output}
    for step in reversed(list(operations.steps.values())):
        if step.name in above:
            above.update(step.references())
    return [name for name in operations.steps if name in below and name in above]


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
    names = following(operations)
    index = {name: number for number, name in enumerate(names)}
    last = _last_uses(operations, names, index)
    found, reached = [], last.get(INPUT, -1)
    for number, name in enumerate(names[:-1]):
        if reached <= number and operations.steps[name].function != "getitem":
            found.append(name)
        reached = max(reached, last[name])
    return [name for name in found if not _gives_several(operations, name)]


def _last_uses(operations: ModelGraph, names: Sequence[str], index: dict[str, int]) -> dict[str, int]:
    last: dict[str, int] = {}
    for name in names:
        for reference in operations.steps[name].references():
            last[reference] = index[name]
    return last


def _gives_several(operations: ModelGraph, name: str) -> bool:
    """A result of several tensors, such as a split's, is taken apart by `getitem`."""
    users = [step for step in operations.steps.values() if name in step.references()]
    return any(step.function == "getitem" for step in users)


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
        TeacherError: There is no such step or module, or several tensors cross there.
    """
    known = cut_points(operations)
    if not known and len(following(operations)) > 1:
        raise TeacherError(f"{where}: {NOWHERE}")
    found = find_step(operations, cut, where=where)
    if found in known:
        return found
    if found == operations.output:
        raise TeacherError(
            f"{where}: cut '{cut}' is the model's output, so that no task module is left; expected one of "
            f"{listed(_called(operations, known[::-1]))}"
        )
    names = following(operations)
    if found not in names:
        raise TeacherError(
            f"{where}: cut '{cut}' does not lie between the input and the output; expected one of "
            f"{listed(_called(operations, known))}"
        )
    tensors = crossing(operations, found)
    raise TeacherError(
        f"{where}: {len(tensors)} tensors cross at '{cut}': {listed(_called(operations, tensors))}; expected "
        f"a place that one tensor crosses; cut at {_nearest(operations, known, found)}"
    )


def find_step(operations: ModelGraph, cut: str, *, where: str = "teacher") -> str:
    """The step that a name means, whether the model can be cut there or not.

    Raises:
        TeacherError: There is no such step or module, or it is computed several times.
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
        raise TeacherError(
            f"{where}: cut '{cut}' is computed {len(calls)} times, as {listed(calls, ' and ')}; expected "
            "one place; name one of them"
        )
    if inside and cut:
        return inside[-1].name
    known = cut_points(operations)
    names = {*known, *(prefix for name in known for prefix in _prefixes(operations.steps[name].module))}
    raise TeacherError(
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
    except TeacherError:  # a module that is computed several times
        return False


def split(operations: ModelGraph, cut: str, *, where: str = "teacher") -> tuple[ModelGraph, ModelGraph]:
    """Cut a model in two; nothing is computed twice but what does not follow the input.

    Args:
        operations: The teacher's model.
        cut: The step or module that f ends with.
        where: What messages call the teacher.

    Returns:
        f and g_T; g_T's input is f's output.

    Raises:
        TeacherError: It cannot be cut there.
    """
    return split_at(operations, find_cut(operations, cut, where=where))


def split_at(operations: ModelGraph, place: str) -> tuple[ModelGraph, ModelGraph]:
    """Cut a model in two at a result that is known to be a cut point, or at its output or input.

    The upper part of a model that is cut at its output has no operations, and gives its input.
    """
    if place == operations.output:
        return operations, restricted(operations, {}, INPUT)
    below = _needed(operations, place, stop=INPUT)
    above = _needed(operations, operations.output, stop=place)
    g = {name: renamed(operations.steps[name], place, INPUT) for name in operations.steps if name in above}
    f = {name: operations.steps[name] for name in operations.steps if name in below}
    return restricted(operations, f, place), restricted(operations, g, operations.output)


def _needed(operations: ModelGraph, output: str, stop: str) -> set[str]:
    """The steps that a result is computed from, itself included, but for `stop` and what only that needs."""
    needed = {output}
    for step in reversed(list(operations.steps.values())):
        if step.name in needed:
            needed.update(each for each in step.references() if each != stop)
    return needed - {INPUT}
