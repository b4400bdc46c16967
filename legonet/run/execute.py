"""Does one job."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch

from legonet.data.proxies import photos_of
from legonet.distill.fitting.checkpoint import Checkpoint
from legonet.distill.fitting.context import Edge, StepCallback
from legonet.distill.fitting.count import joined
from legonet.distill.fitting.fit import Samples, fit, given_in
from legonet.distill.fitting.stitching import fit_stitched
from legonet.distill.flops.fit import fit_operations
from legonet.errors import DistillError
from legonet.graph.lock import Lock
from legonet.graph.schema import Input
from legonet.graph.subgraph import concerning
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import blob_graph, load_module, write_module
from legonet.ir.sizes import output_shape
from legonet.run.jobs import Job, blobs_of, make_job
from legonet.run.project import Project, expect_teacher
from legonet.store.blobs import BlobStore
from legonet.teachers.statistics import Statistics
from legonet.teachers.statistics_file import parse_statistics


@dataclass(frozen=True)
class FittedAdapter:
    """A fitted adapter: its bytes, and what was measured.

    Attributes:
        path: The path, `category:task`.
        adapter: The adapter as a safetensors file.
        quality: Measures of the fit by name.
        seconds: How long the fit took.
        notes: Remarks for people.
        memory: Bytes at the peak; None unless the job had a process of its own.
        operations: About how many operations the fit took; None where they cannot be counted.
    """

    path: str
    adapter: bytes = field(repr=False)
    quality: dict[str, float]
    seconds: float
    notes: list[str] = field(default_factory=list)
    memory: int | None = None
    operations: int | None = None


def execute(
    job: Job,
    store: BlobStore,
    samples: Samples | None = None,
    device: torch.device | str = "cpu",
    progress: StepCallback | None = None,
    checkpoints: Path | None = None,
) -> FittedAdapter:
    """Do one job.

    Args:
        job: What to fit.
        store: Holds the modules and statistics that the job names.
        samples: Normalised images of the category, if there are any.
        device: The device to compute on.
        progress: Called with (step, steps, loss).
        checkpoints: A folder where long descents leave their states; None: nowhere.

    Raises:
        StoreError: A module is missing or damaged.
        DistillError: The adapter cannot be fitted by its method, or memory does not suffice.
    """
    begin, edge = time.monotonic(), load_edge(job, store)
    checkpoint = None if checkpoints is None else Checkpoint(checkpoints, job.key, device)
    try:
        own = None if job.own_category_module is None else _module(store, job.own_category_module, job)
        if own is None:
            fitted = fit(edge, job.adapter, samples, device, progress, checkpoint=checkpoint)
        else:
            fitted = fit_stitched(edge, own, job.adapter, samples, device, progress, checkpoint)
    except torch.OutOfMemoryError as error:
        raise DistillError(
            f"{job.path}: fitting the adapter takes more memory than {device} has; expected less; choose "
            "another device, fewer draws or a smaller batch"
        ) from error
    data = write_module("adapter", fitted.adapter)
    notes = fitted.notes if checkpoint is None else [*fitted.notes, *checkpoint.notes]
    operations = None
    with suppress(Exception):  # no estimate is worth the loss of a fit
        same = job.teacher_module == job.task_module
        operations = fit_operations(joined(edge, own, same), job.adapter, *given_in(samples))
    seconds = time.monotonic() - begin
    return FittedAdapter(job.path, data, fitted.quality, seconds, notes, operations=operations)


def load_edge(job: Job, store: BlobStore) -> Edge:
    """The frozen modules that a job's adapter joins, and what is known of them.

    Raises:
        StoreError: A module is missing or damaged.
    """
    # Without a teacher no method but `ordinary` is planned, which never looks at it.
    named = (job.category_module, job.task_module, job.teacher_module or job.task_module)
    f, g, g_teacher = (_module(store, sha, job) for sha in named)
    return Edge(
        path=job.path,
        category_module=f,
        task_module=g,
        teacher_module=g_teacher,
        source=_output_shape(store, job.category_module, job, job.input),
        target=_output_shape(store, job.donor_module, job, job.donor_input or job.input),
        meaning=job.meaning,
        input=job.input,
        statistics=statistics_of(store, job.statistics, job.path),
        generic_statistics=statistics_of(store, job.generic_statistics, job.path),
        proxies=() if job.proxies is None else photos_of(store.get(job.proxies), job.path),
    )


def open_edge(project: Project, lock: Lock, path: str) -> Edge:
    """The frozen modules that a path's adapter joins, from its teacher's files if the store lacks them.

    Raises:
        SelectError: No such path, or no teacher for it.
    """
    teacher = expect_teacher(project.graph, path)
    found = project.plan(lock, graph=concerning(project.graph, [path]))
    job = make_job(found.graph, path, teacher, found.teachers)
    needed = blobs_of([job])
    return project.with_modules(found, needed, lambda: load_edge(job, project.store))


def _module(store: BlobStore, sha: str, job: Job) -> GraphModule:
    return load_module(store.map(sha), where=f"{job.path}: module {sha[:10]}")


def _output_shape(store: BlobStore, sha: str, job: Job, image: Input) -> tuple[int, ...]:
    return output_shape(blob_graph(store.map(sha)), image.shape, where=f"{job.path}: module {sha[:10]}")


def statistics_of(store: BlobStore, sha: str | None, where: str) -> Statistics | None:
    """Read a teacher's statistics from the store; None if it has none."""
    return None if sha is None else parse_statistics(store.get(sha), where)
