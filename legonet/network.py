"""`Network`: a transplant network in code, over its graph, its lock and its store."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from legonet.built import BuiltNetwork
from legonet.errors import LegonetWarning, StoreError
from legonet.graph.gc_pause import paused
from legonet.graph.load import LoadedGraph, load_graph
from legonet.graph.lock import Lock, lock_path, read_lock, write_lock
from legonet.plan.plan import Plan
from legonet.progress import open_bars
from legonet.remote.origin import fill_from_remote
from legonet.store.workspace import Workspace

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from legonet.run.executors.base import Executor
    from legonet.run.finetune import Tuned, Tuning
    from legonet.run.options import RunOptions
    from legonet.run.runner import Progress, Run
    from legonet.run.samples import GivenSamples
    from legonet.sharing.push import Local
    from legonet.sharing.results import Pushed


class Network(BuiltNetwork):
    """A transplant network: category modules, task modules, and the adapters between them.

    A new network is in memory, with nothing on disk until `save`; `legonet.load` opens that of a graph file.

    Args:
        name: The network's name.
        input_shape: The shape of images, (channels, height, width), of categories that name no other.
        mean: One number per channel, which is subtracted from an image in [0, 1]; default: none is.
        std: One number per channel, by which the image is divided after that; default: it is not.
        resize: How a photo of another size becomes an image: `fit`, `crop`, `pad` or `squash`.
        interpolation: How photos are resized: `bilinear`, `bicubic` or `nearest`.

    Attributes:
        graph: What the network is.
        lock: What has been built.
        store: The bytes of modules and adapters.
        path: The graph file; None for a network in memory.

    Raises:
        GraphError: The name or the shape is one that a graph file could not have.
    """

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Network:
        """Open the network of a graph file: the graph, its lock file, and the workspace's store.

        Args:
            path: The graph file, such as `graphs/animals.yaml`.

        Returns:
            The network.

        Raises:
            GraphError: The file has problems; the message lists all of them.
        """
        network = cls.__new__(cls)  # what a new network is, is not checked for one that has a file
        with paused():
            network._open(load_graph(Path(path)), Path(path))
        return network

    def _open(self, loaded: LoadedGraph, path: Path) -> None:
        from legonet.teachers.sources.file import FileTeacher

        workspace = Workspace.find(path)
        workspace.own(lock_path(path))
        fill_from_remote(workspace, loaded.graph.name)
        self.graph, self.path, self._workspace, self._planned = loaded.graph, path, workspace, None
        self.lock, self.store, self._base = read_lock(lock_path(path)), workspace.store, loaded.graph
        folder = path.absolute().parent
        self._sources = {
            name: FileTeacher(name, teacher, folder, workspace)
            for name, teacher in loaded.graph.teachers.items()
        }

    def save(self, path: str | Path) -> Path:
        """Write the graph file, the lock file, blocks and teachers' weights; from then on it lives there.

        What other commands have added to the network's own graph file since it was read is kept.

        Args:
            path: The graph file, such as `graphs/animals.yaml`.

        Returns:
            The graph file's path.

        Raises:
            LegonetError: The graph has problems, a file of something else is in the way, or another command
                has changed the same entries meanwhile.
        """
        from legonet.teachers.save import save_network

        file, workspace = Path(path), Workspace.find(path)
        ours = self.path is not None and self.path.resolve() == file.resolve()
        workspace.own(lock_path(file))
        with workspace.writing():
            base = self._base if ours else None
            save_network(self.graph, self.lock, self.store, self._sources, file, base)
            if not ours:  # its own was written when something was built, and a run may be at work on it
                write_lock(lock_path(file), self.lock)
            self._open(load_graph(file), file)
        return file

    def push(
        self,
        url: str | None = None,
        *,
        paths: str | Iterable[str] | None = None,
        progress: Literal["auto"] | None = "auto",
    ) -> Pushed:
        """Send the network to a remote: what it lacks, and nothing twice.

        What others have pushed meanwhile is joined with what is here, entry by entry.

        Args:
            url: The address of the remote: a folder, `s3://…`, `gs://…`, `hf://…` or `ssh://…`; default: the
                one that the graph file names, if you have allowed it, or the only one that you have.
            paths: The paths or applications whose bytes are sent; default: all.
            progress: `auto` shows how far it is; None shows nothing.

        Returns:
            How much was sent, and how much was there.

        Raises:
            StoreError: The network has no file, or changes that are not saved; or the remote cannot be
                reached or written.
            GraphError: An entry was changed here and in the remote, each in its own way.
        """
        from legonet.sharing.local import read_local
        from legonet.sharing.push import push

        if self.path is not None and self.graph != self._base:
            raise StoreError(
                f"{self.path}: the network was changed since it was read; expected it as its file says, "
                f"which is what travels; save it first: net.save({str(self.path)!r})"
            )

        def read() -> Local:
            if self.path is not None:
                self._open(load_graph(self.path), self.path)
            return read_local(self)

        with open_bars(progress) as bars:
            return push(read, url, _names(paths), bars)

    @classmethod
    def pull(
        cls,
        url: str,
        folder: str | PathLike[str] = ".",
        *,
        paths: str | Iterable[str] | None = None,
        progress: Literal["auto"] | None = "auto",
    ) -> Network:
        """Bring a network from a remote; everything is verified by its hash when it arrives.

        What was done here since the last pull is joined with what the remote holds, entry by entry. Bytes
        that are not fetched now are fetched when they are read.

        Args:
            url: The address of the remote; or a graph file that was pulled before.
            folder: A workspace, or a folder that becomes one.
            paths: The paths or applications whose bytes are fetched now; default: all.
            progress: `auto` shows how far it is; None shows nothing.

        Returns:
            The network.

        Raises:
            StoreError: Nothing was pushed there, it cannot be reached, or its bytes are wrong.
            GraphError: An entry was changed here and in the remote, each in its own way.
        """
        from legonet.sharing.pull import pull

        with open_bars(progress) as bars:
            return cls.load(pull(str(url), Path(folder), _names(paths), bars).graph)

    def verify(self) -> tuple[str, ...]:
        """Read all that has been built; damaged modules are set aside, so that the plan builds them again.

        Returns:
            A message for each damaged module.

        Raises:
            StoreError: The store cannot be read.
        """
        from legonet.run.prepare import set_aside
        from legonet.store.gc import named

        return set_aside(named(self._read_lock()), self.store)

    def transplant(
        self,
        samples: Mapping[str, GivenSamples] | None = None,
        *,
        device: torch.device | str = "cpu",
        progress: Callable[[Progress], None] | Literal["auto"] | None = "auto",
        options: RunOptions | None = None,
        accept: Callable[[Plan], None] | None = None,
        executor: Executor | None = None,
    ) -> Run:
        """Fit what the plan lists; what is fitted already is kept, byte for byte.

        Args:
            samples: By path, (images, labels) or a dataset of such pairs; labels may be None. Images are a
                tensor (batch, channels, height, width) in [0, 1], or whatever `predict` takes, such as a
                folder. A path without an entry is fitted without an image.
            device: The device to compute on.
            progress: `auto` shows what is done and how long it still takes: bars on a terminal and in a
                notebook, lines on standard error elsewhere. None shows nothing. A function is called with a
                `legonet.Progress` at each step of each job.
            options: Which jobs are done, in which order, where, and within which limits, such as
                `legonet.RunOptions(only=["cat:*"], workers=2)`; default: all of them, one after the other,
                in this process.
            accept: A function that is called with the plan before anything is done; what it raises ends the
                run.
            executor: What does the jobs, instead of the one that the options name.

        Returns:
            The adapters that were fitted, and what became of all other paths. A `LegonetWarning` tells of a
            job that failed while the run went on, of samples that are not used, and of what was damaged.

        Raises:
            LegonetError: An adapter cannot be fitted; those that were fitted before it are kept.
        """
        from legonet.run.display import RunDisplay
        from legonet.run.options import RunOptions
        from legonet.run.transplant import transplant

        told = progress if callable(progress) else None
        with open_bars(None if callable(progress) else progress) as bars:
            result = transplant(
                self.project(),
                self._read_lock,
                self._save_lock,
                samples,
                self._prepare,
                device,
                options or RunOptions(),
                told or (None if bars.silent else RunDisplay(bars)),
                accept,
                executor,
            )
        for each in result.warnings:
            warnings.warn(each, LegonetWarning, stacklevel=2)
        return result

    def finetune(
        self,
        tuning: Tuning,
        samples: Mapping[str, GivenSamples] | None = None,
        *,
        device: torch.device | str = "cpu",
        progress: Callable[[int, int, float], None] | Literal["auto"] | None = "auto",
    ) -> Tuned:
        """Fine-tune a task module for all its categories, or a category module for all its tasks.

        It is done on a copy, which is kept only if no path that uses it gets worse on its held-out images.

        Args:
            tuning: Which module, how, and by how much a path may get worse.
            samples: Images by path, as for `transplant`; of a path without any, images are synthesised from
                its teacher.
            device: The device to compute on.
            progress: `auto` shows how far it is, None shows nothing; a function is called with (step, steps,
                loss).

        Returns:
            How good each path was before and after, and whether the module was kept.

        Raises:
            LegonetError: There is no such task or category, or a path of it is not built.
        """
        from legonet.run.finetune import tune_at

        project, load, save = self.project(), self._read_lock, self._save_lock
        with open_bars(None if callable(progress) else progress) as bars:

            def show(step: int, steps: int, loss: float, *_: object) -> None:
                if callable(progress):
                    progress(step, steps, loss)
                    return
                doing = f"fine-tuning {tuning.task or tuning.category}"
                bars.show("", doing, total=steps, done=step, state=f"loss {loss:.3g}")

            return tune_at(project, load, save, samples, self._prepare, tuning, device, show)

    def _save_lock(self, lock: Lock) -> None:
        self.lock = lock
        if self.path is not None:
            workspace = Workspace.find(self.path)
            with workspace.writing():
                write_lock(workspace.own(lock_path(self.path)), lock)

    def record(self, name: str, images: Callable[[str], Tensor]) -> tuple[Path, int]:
        """Record a teacher's statistics beside its weights, so that its modules need no image later.

        Args:
            name: The teacher's name.
            images: A function that gives the owner's images of a category, (batch, channels, height, width)
                in [0, 1]: such as the network will meet, some that show the category and some that do not.

        Returns:
            The statistics file, and the number of images.

        Raises:
            SelectError: There is no such teacher, or the network has no file.
        """
        from legonet.compile.prepare import prepared
        from legonet.run.project import find_source
        from legonet.teachers.recording import record_file

        source = find_source(self.graph, self._sources, name)
        category = self.graph.teachers[name].category
        image = self.graph.input_of(category)
        return record_file(source, lambda: prepared(images(category), image))


def _names(given: str | Iterable[str] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())
