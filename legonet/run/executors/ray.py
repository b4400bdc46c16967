"""Many machines: jobs as tasks of a Ray cluster. Needs the extra `ray`.

Blobs are shipped both ways, each once, so that no machine needs to see the store; or all machines see its
folder under the same path, or reach one remote, and nothing but jobs and hashes is sent.
"""

from __future__ import annotations

import importlib
import json
import tempfile
import traceback
from pathlib import Path
from typing import Any, ClassVar, Self

import torch

from legonet.distill.fitting.fit import Samples
from legonet.errors import DistillError, LegonetError, StoreError, first_line
from legonet.remote.address import RemoteAddress
from legonet.remote.store import RemoteStore
from legonet.run.execute import FittedAdapter, execute
from legonet.run.executors.base import Executor, Listener, Outcome
from legonet.run.executors.wire import (
    error_data,
    error_of,
    job_data,
    job_of,
    result_data,
    samples_bytes,
    samples_of,
)
from legonet.run.jobs import Job, blobs_of
from legonet.run.options import RunOptions
from legonet.store.blobs import BlobStore, MemoryStore, Store

try:
    ray: Any = importlib.import_module("ray")  # an extra: checks of types must not need it
except ImportError as error:
    raise StoreError(
        "--executor ray: Ray is not installed; expected the extra `ray`; run: pip install 'legonet[ray]'"
    ) from error


LOOPBACK = "127.0.0.1"


class RayExecutor(Executor):
    """Jobs as Ray tasks.

    Args:
        workers: How many jobs at a time.
        address: Of the cluster; None: one of its own on this machine, which listens on loopback only.
        shared: Every machine sees the store's folder under the same path; else blobs are shipped.
        remote: Of the remote that every machine reads blobs from, and writes adapters to; None: none.
    """

    tells_steps: ClassVar[bool] = False

    def __init__(
        self,
        workers: int = 1,
        address: str | None = None,
        shared: bool = False,
        remote: str | None = None,
    ) -> None:
        self._place = None if remote is None else RemoteAddress.read(remote)
        self.slots, self._address, self._shared = workers, address, shared
        self._tasks: dict[Any, str] = {}
        self._shipped: dict[str, Any] = {}
        self._ended: list[Outcome] = []
        self._ours = False

    @classmethod
    def of(cls, options: RunOptions) -> Self:
        """One with so many workers, at the cluster's address."""
        return cls(options.workers, options.address, options.shared, options.remote)

    def open(
        self, store: BlobStore, device: torch.device | str = "cpu", checkpoints: Path | None = None
    ) -> Self:
        """Reach the cluster; with `cuda` each task asks for one GPU, and states are left in a shared store.

        Raises:
            StoreError: No cluster can be reached, or the store has no folder that could be shared.
        """
        if self._shared and not isinstance(store, Store):
            raise StoreError(
                "a network in memory has no folder to be shared; expected one of a graph file; save it "
                "first: net.save('graphs/NAME.yaml')"
            )
        super().open(store, device, checkpoints if self._shared else None)
        self._depot = None if self._place is None else RemoteStore(self._place)
        self._folder = str(store.folder.absolute()) if self._shared and isinstance(store, Store) else None
        self._ours = not ray.is_initialized()
        if self._ours:
            try:
                self._begin()
            except Exception as error:  # Ray raises plain ones too, such as where a machine is too slow
                raise StoreError(self._unreached(error)) from error
        gpus = 1 if str(device).startswith("cuda") else 0
        self._remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(work)
        return self

    def _unreached(self, error: Exception) -> str:
        if self._address is None:
            return (
                f"no Ray cluster can be started on this machine ({first_line(error)}); expected one within "
                "half a minute; try again when the machine has less to do, or use --workers without Ray"
            )
        return (
            f"--address {self._address}: no Ray cluster can be reached there ({error}); expected one "
            "such as ray://host:10001, or none for one on this machine"
        )

    def _begin(self) -> None:
        """Join the cluster of the address, or start one that nobody else reaches.

        Ray puts the working folder where workers look for modules, unless they work in another one: here an
        empty one, since the working folder may be a stranger's.
        """
        with tempfile.TemporaryDirectory(prefix="legonet-") as empty:
            settings: dict[str, Any] = {
                "include_dashboard": False,
                "log_to_driver": False,
                "runtime_env": {"working_dir": empty, "env_vars": {"PYTHONSAFEPATH": "1"}},
            }
            if self._address is not None:
                ray.init(address=self._address, **settings)
                return
            constants: Any = importlib.import_module("ray._private.ray_constants")
            before = constants.ENABLE_RAY_CLUSTER
            constants.ENABLE_RAY_CLUSTER = (
                False  # Ray's own switch for a cluster that listens on loopback only
            )
            try:
                ray.init(address="local", _node_ip_address=LOOPBACK, **settings)
            finally:
                constants.ENABLE_RAY_CLUSTER = before

    def submit(self, job: Job, samples: Samples | None = None) -> None:
        """Hand a job to the cluster; each blob is shipped once, if at all."""
        named = sorted(blobs_of([job])) if self._folder is None else []
        try:
            data = job_data(job)
            if self._depot is not None:
                self._send(self._depot, named)
                named = []
            for sha in named:
                if sha not in self._shipped:
                    self._shipped[sha] = ray.put(self.store.get(sha))
        except LegonetError as error:
            self._ended.append(Outcome(job.path, error=error))
            return
        except ray.exceptions.RayError as error:
            self._ended.append(Outcome(job.path, error=_lost(job.path, error), again=True))
            return
        given = None if samples is None else samples_bytes(samples)
        blobs = [self._shipped[sha] for sha in named]
        checkpoints = None if self.checkpoints is None else str(self.checkpoints.absolute())
        order = json.dumps(
            {
                "job": data,
                "device": str(self.device),
                "store": self._folder,
                "remote": None if self._place is None else self._place.url,
                "checkpoints": checkpoints,
            }
        )
        self._tasks[self._remote.remote(order, given, *blobs)] = job.path

    def _send(self, depot: RemoteStore, named: list[str]) -> None:
        for sha in named:
            if sha not in self._shipped:
                depot.objects.send(sha, [self.store.map(sha)])
                self._shipped[sha] = sha

    def wait(self, timeout: float, listen: Listener) -> list[Outcome]:
        """Wait for a task's end; the cluster tells of no steps."""
        ended, self._ended = self._ended, []
        done, _ = ray.wait(list(self._tasks), timeout=timeout) if self._tasks and not ended else ([], [])
        return ended + [self._outcome(reference, self._tasks.pop(reference)) for reference in done]

    def _outcome(self, reference: Any, path: str) -> Outcome:
        try:
            text, adapter = ray.get(reference)
        except ray.exceptions.RayError as error:
            return Outcome(path, error=_lost(path, error), again=True)
        data = json.loads(text)
        if "error" in data:
            found = error_of(data)
            return Outcome(path, error=found, again=isinstance(found, StoreError))
        shared = self._depot or (self.store if self._folder is not None else None)
        if shared is not None:
            try:
                adapter = shared.get(adapter.decode())
            except StoreError as error:
                return Outcome(path, error=error, again=True)
        return Outcome(path, FittedAdapter(**data, adapter=adapter))

    def close(self) -> None:
        """End every task, and the cluster if it was started here."""
        for reference in self._tasks:
            ray.cancel(reference, force=True)
        self._tasks.clear()
        self._shipped.clear()
        if self._ours:
            ray.shutdown()


def _lost(path: str, error: Exception) -> DistillError:
    return DistillError(
        f"{path}: its worker was lost ({type(error).__name__}); expected a result; look at Ray's log"
    )


def work(order: str, samples: bytes | None, *blobs: bytes) -> tuple[str, bytes]:
    """Do one job on a machine of the cluster.

    Args:
        order: The job, the device, and the folder or the remote of the store if it is shared, as JSON.
        samples: As a safetensors file.
        blobs: That the job names, if they are shipped.

    Returns:
        The result as JSON, or the error; and the adapter's bytes, or its hash in the shared store.
    """
    try:
        said = json.loads(order)
        store = _store(said["store"], said["remote"])
        for blob in blobs:
            store.put(blob)
        given = None if samples is None else samples_of(samples)
        checkpoints = None if said["checkpoints"] is None else Path(said["checkpoints"])
        result = execute(job_of(said["job"]), store, given, said["device"], None, checkpoints)
        shipped = said["store"] is None and said["remote"] is None
        adapter = result.adapter if shipped else store.put(result.adapter).encode()
        return result_data(result), adapter
    except Exception as error:
        return json.dumps(error_data(error, traceback.format_exc())), b""


def _store(folder: str | None, remote: str | None) -> BlobStore:
    """Where a task finds the modules that its job names."""
    if remote is not None:
        return RemoteStore(RemoteAddress.read(remote))
    return MemoryStore() if folder is None else Store(folder)
