"""How fast this machine fits: steps of a descent through the modules of a plan's largest job. Needs torch."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import torch
from torch import Tensor

from legonet.blocks.adapter import build_adapter_of
from legonet.blocks.adapter_layers import adapter_chains
from legonet.distill.fitting.context import frozen
from legonet.distill.fitting.precision import in_sixteen_bits
from legonet.distill.flops.refinement import BATCH, is_large
from legonet.distill.flops.work import Work
from legonet.distill.gradients import passing
from legonet.errors import LegonetError
from legonet.graph.lock import Lock
from legonet.ir.sizes import size_of
from legonet.run.execute import load_edge
from legonet.run.jobs import blobs_of, make_jobs
from legonet.run.prepare import store_blobs
from legonet.run.project import Project
from legonet.store.blobs import MemoryStore

SECONDS = 1.0
WARM_UP = 2  # steps in which memory is got and kernels are chosen
FRESH = 8  # steps on the same images: a fit computes features, and what the teacher answers, once for many


class Measured(NamedTuple):
    """What was measured.

    Attributes:
        operations: How many operations were done.
        seconds: In which they were.
        begin: Seconds until the first of them: modules are cut, read and made ready.
    """

    operations: int
    seconds: float
    begin: float


def measure(project: Project, lock: Lock, seconds: float = SECONDS) -> Measured:
    """Do steps for a while as fits do: outputs are matched, and now and then images go through f.

    Their operations are counted by the formulas of the estimate that the pace is for, not by torch's counter.

    Args:
        project: Its plan's largest job says which modules; nothing of it is changed, and nothing is kept.
        lock: What has been built.
        seconds: For how long, at least; one step is done in any case.

    Returns:
        What was done in how long.

    Raises:
        LegonetError: There is no job, or its modules cannot be had.
    """
    found = project.plan(lock)
    costs = {edge.path: edge.cost for edge in found.plan.jobs if edge.cost is not None}
    sizes = {path: cost.operations for path, cost in costs.items() if cost.operations}
    if not sizes:
        raise LegonetError(
            f"{project.graph.name}: found no adapter to fit whose operations can be counted; expected one; "
            "connect a path first"
        )
    largest = max(sizes, key=sizes.__getitem__)
    (job,) = (job for job in make_jobs(found.graph, found.plan, found.teachers) if job.path == largest)
    started, store = time.monotonic(), MemoryStore()
    store_blobs(blobs_of([job]), project.sources, found.teachers, store)
    edge = load_edge(job, store)
    f, student, teacher = (
        frozen(each, "cpu") for each in (edge.category_module, edge.task_module, edge.teacher_module)
    )
    own = f if job.own_category_module is None else None  # else the teacher takes features of another module
    adapter = build_adapter_of(job.adapter, edge.given, edge.taken, edge.path).requires_grad_()
    images = torch.randn(BATCH, *job.input.shape)
    chains = tuple(
        zip(adapter_chains(job.adapter, edge.given, edge.taken, edge.path), edge.given, strict=True)
    )
    work = Work(
        size_of(f.graph, job.input.shape),
        size_of(student.graph, edge.target),
        size_of(teacher.graph, edge.source),
        chains,
    )

    def look() -> tuple[Tensor, Tensor | None]:
        with torch.no_grad():
            features = f(images)
            return features, None if own is None else teacher(features)

    def path(features: Tensor) -> Tensor:
        return student(adapter(features))

    def step(features: Tensor, wanted: Tensor | None) -> None:
        output = taken(features)
        loss = output.square() if wanted is None else (output - wanted).square()
        with passing():
            loss.mean().backward()

    seen, steps, operations = look(), 0, 0
    taken = in_sixteen_bits(path, seen[0], math.inf) if is_large(work.step) else path
    for _ in range(WARM_UP):
        step(*seen)
    before, begin = time.monotonic() - started, time.monotonic()
    while not steps or time.monotonic() - begin < seconds:
        step(*seen)
        steps, operations = steps + 1, operations + BATCH * work.step
        if steps % FRESH == 0:
            seen, operations = look(), operations + BATCH * (work.f + (0 if own is None else work.teacher))
    return Measured(operations, time.monotonic() - begin, before)
