"""What connecting bricks needs: adapters that are built, and their ports."""

from __future__ import annotations

from collections.abc import Sequence

from legonet.bricks.modular import ModularNetwork, Part
from legonet.compile.choose import is_built, not_built
from legonet.errors import SelectError
from legonet.graph.select import givers, split_path
from legonet.graph.subgraph import concerning
from legonet.ops.shapes import show_shape
from legonet.plan.plan import PlannedEdge
from legonet.run.planning import PlannedNetwork
from legonet.run.prepare import lock_modules
from legonet.run.project import Project


def ports_of(project: Project, kind: str, name: str) -> tuple[int, ...] | None:
    """The shape that a category gives or a task takes: that at the cut of the teacher that gives its module.

    Args:
        project: Of the network where it is.
        kind: `categories` or `tasks`.
        name: Of the brick.

    Returns:
        Without the batch; None without a teacher.
    """
    teacher = getattr(givers(project.graph), kind)[name]
    return None if teacher is None else project.port_finder()(teacher).shape


def expect_built(network: ModularNetwork, paths: Sequence[str]) -> None:
    """Refuse paths that are not built.

    Raises:
        SelectError: The message names each of them: what is missing, which ports it would join, and what
            would build it.
    """
    plan = _planned(network, paths).plan
    lacking = [plan.by_path[path] for path in paths if not is_built(plan.by_path[path])]
    if lacking:
        raise SelectError("\n".join(_lacking(network, edge) for edge in lacking))


def contents(network: ModularNetwork, paths: Sequence[str]) -> dict[str, tuple[str, str | None, str]]:
    """What built paths are made of: content hashes of category module, adapter if any, and task module."""
    found, made = _planned(network, paths), {}
    lock = lock_modules(found.graph, network.lock, found.teachers)
    for path in paths:
        category, task = split_path(path)
        below, above = lock.categories[category], lock.tasks[task]
        adapter = lock.adapters[path].adapter if found.plan.by_path[path].action == "keep" else None
        made[path] = (below.built, adapter, above.built)
    return made


def expect_one_network(left: Part, right: Part) -> None:
    """Refuse parts of two networks.

    Raises:
        SelectError: They are.
    """
    if left.network is not right.network:
        raise SelectError(
            f"found parts of two networks, {left.network.graph.name} and {right.network.graph.name}; "
            "expected parts of one; add the other's teachers to it"
        )


def _planned(network: ModularNetwork, paths: Sequence[str]) -> PlannedNetwork:
    """The plan of these paths, and of what they depend on."""
    pairs = [split_path(path) for path in paths]
    part = concerning(network.graph, (), {category for category, _ in pairs}, {task for _, task in pairs})
    return network.project().plan(network.lock, graph=part)


def _lacking(network: ModularNetwork, edge: PlannedEdge) -> str:
    if edge.action != "open":
        return not_built(edge)
    category, task = split_path(edge.path)
    project = network.project()
    gives, takes = ports_of(project, "categories", category), ports_of(project, "tasks", task)
    names = f'"{category}", "{task}"'
    advice = f'net.add_teacher(…, category="{category}", task="{task}", …)'
    if gives is not None and takes is not None:
        samples = f'samples={{"{edge.path}": (images, labels)}}'
        advice += f" builds it, and so do net.connect({names}) and net.transplant({samples})"
    else:
        advice += " brings what is missing"
    return (
        f"{edge.path}: there is no adapter: {category} gives {_shown(gives)}, {task} takes {_shown(takes)}; "
        f"{edge.reason}; {advice}"
    )


def _shown(shape: tuple[int, ...] | None) -> str:
    return "nothing yet" if shape is None else show_shape(shape)
