"""Compiles paths of a network where it lives: chooses them, makes their modules ready, joins them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import nn

from legonet.blocks.device import find_device
from legonet.compile.assemble import assemble
from legonet.compile.choose import choose_paths
from legonet.compile.grouping_cache import PROCESS, GroupingCache
from legonet.compile.network import CompiledNetwork
from legonet.compile.options import PLAIN, CompileOptions, each_device
from legonet.compile.prepare import Whole
from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.graph.subgraph import concerning
from legonet.ir.modules import make_module
from legonet.run.prepare import lock_modules
from legonet.run.project import Project, expect_teacher, modules_of
from legonet.store.workspace import Workspace
from legonet.teachers.sources.source import TeacherSource

GROUPING_CACHE = "grouping.json"


def compile_paths(
    project: Project,
    lock: Lock,
    names: Sequence[str],
    categories: Iterable[str] | None,
    tasks: Iterable[str] | None,
    options: CompileOptions,
) -> CompiledNetwork:
    """Join the modules of some paths; see `legonet.network.Network.compile`.

    Args:
        project: Where the network lives. Only what the paths depend on is looked at.
        lock: What has been built.
        names: Paths and applications. They go with neither categories nor tasks.
        categories: Categories of which every built path is wanted.
        tasks: Tasks of which every built path is wanted.
        options: How the network is compiled.
    """
    devices = tuple(find_device(each) for each in each_device(options.device))
    options = replace(options, device=devices, grouping_cache=find_grouping_cache(project.workspace))
    found = project.plan(lock, graph=concerning(project.graph, names, categories, tasks))
    chosen = choose_paths(found.graph, found.plan, names, categories, tasks)
    paths = [edge.path for edge in chosen]
    adapters = {edge.path: lock.adapters[edge.path].adapter for edge in chosen if edge.action == "keep"}
    now = lock_modules(found.graph, lock, found.teachers)
    return project.with_modules(
        found,
        modules_of(now, paths),
        lambda: assemble(project.graph, now, project.store, paths, adapters, options),
    )


def find_paths(project: Project, lock: Lock, names: Sequence[str]) -> list[str]:
    """The built paths that names of paths and applications stand for; without names, all.

    Raises:
        SelectError: A name does not exist, a path is not built, or nothing is.
    """
    found = project.plan(lock, graph=concerning(project.graph, names))
    return [edge.path for edge in choose_paths(found.graph, found.plan, names)]


def compile_unadapted(project: Project, lock: Lock, path: str, device: torch.device | str) -> CompiledNetwork:
    """A path with its adapter left out; see `legonet.network.Network.unadapted`."""
    expect_teacher(project.graph, path)
    options = replace(PLAIN, device=find_device(device))
    found = project.plan(lock, graph=concerning(project.graph, [path]))
    now = lock_modules(found.graph, lock, found.teachers)
    return project.with_modules(
        found,
        modules_of(now, [path]),
        lambda: assemble(project.graph, now, project.store, [path], {path: None}, options),
    )


def compile_teacher(graph: Graph, source: TeacherSource, device: torch.device | str) -> nn.Module:
    """A teacher as it was before it was cut; see `legonet.network.Network.teacher`."""
    parts = source.parts()
    halves = [make_module(half.graph, half.tensors) for half in (parts.below, parts.above)]
    teacher = graph.teachers[source.name]
    meaning = graph.tasks[teacher.task].output
    model = Whole(graph.input_of(teacher.category), meaning, *halves)
    return model.to(find_device(device)).eval().requires_grad_(False)


def find_grouping_cache(workspace: Workspace | None) -> GroupingCache:
    """What was measured before, on this machine if there is a workspace."""
    return PROCESS if workspace is None else GroupingCache(workspace.found_out(GROUPING_CACHE))
