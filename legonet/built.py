"""`BuiltNetwork`: paths that have been built are compiled, run and measured; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from legonet.drawn import DrawnNetwork
from legonet.progress import open_bars

if TYPE_CHECKING:
    import torch
    from torch import nn

    from legonet.bricks.application import Application
    from legonet.bricks.bricks import Bricks
    from legonet.compile.network import CompiledNetwork
    from legonet.compile.options import Device
    from legonet.compile.predict import Predictions
    from legonet.data.photos import Images
    from legonet.distill.fitting.context import Edge
    from legonet.evaluate import Evaluation, LabelledImages


class BuiltNetwork(DrawnNetwork):
    """A network whose built paths are joined, run and measured.

    `legonet.network.Network` adds what builds it, and keeps it in files.
    """

    def compile(
        self,
        *names: str,
        categories: Iterable[str] | None = None,
        tasks: Iterable[str] | None = None,
        device: Device | Sequence[Device] = "cpu",
        passes: str | Iterable[str] = "all",
        separate_inputs: bool = False,
        memory_format: str = "auto",
        dtype: str | torch.dtype = "float32",
        grouping: str = "measured",
        torch_compile: bool | str = False,
        cuda_graphs: bool = False,
    ) -> CompiledNetwork:
        """Join the modules of some paths to one nn.Module: images in [0, 1] in, outputs out.

        Args:
            names: Paths such as `cat:classify`, or applications of the graph; default: every built path.
            categories: The categories whose built paths are joined, instead of names.
            tasks: The tasks whose built paths are joined; with categories, the paths that have one of each.
            device: The device of the module. Over several, categories are spread; images and tasks are on
                the first.
            passes: The passes that rewrite it to less work: `all`; `none`, which gives the naive
                composition; `exact`, those that keep every bit; `training`, those that leave adapters to be
                trained; or names out of `legonet.compile.passes.PASSES`.
            separate_inputs: Whether it takes a dict of images by category.
            memory_format: `contiguous`, `channels-last`, or `auto`, which is channels last on a CPU.
            dtype: `float32`; `bfloat16`, also of the weights; or `float16`, by autocast. Outputs are float32
                in any case.
            grouping: Whether modules run side by side where that was `measured` to be faster, once for each
                shape on a machine, or by a fixed `rule`.
            torch_compile: Whether it runs through torch.compile, in the default mode or the one that is
                named; call `warm_up` before it matters.
            cuda_graphs: Whether each shape of images is recorded once on a CUDA device, and replayed.

        Returns:
            A frozen module with weights of its own, in evaluation mode. It gives a tensor for one path, and
            a dict by path for several.

        Raises:
            SelectError: There is no such path, its adapter is not fitted, or an option has no such value.
        """
        from legonet.compile.open import compile_paths
        from legonet.compile.options import CompileOptions

        options = CompileOptions(
            passes, separate_inputs, device, memory_format, dtype, grouping, torch_compile, cuda_graphs
        )
        return compile_paths(self.project(), self.lock, names, categories, tasks, options)

    def __getitem__(self, names: str | tuple[str, ...]) -> Bricks | Application:
        """Give categories, tasks, paths or applications by name; `net["cat"] >> net["classify"]` joins them.

        Args:
            names: One name or several of one kind.

        Returns:
            Bricks for categories or tasks, an application for paths or applications.

        Raises:
            SelectError: There is no such name, or a path is not built.
        """
        from legonet.bricks.bricks import find_bricks

        return find_bricks(self, names)

    def unadapted(self, path: str, device: torch.device | str = "cpu") -> CompiledNetwork:
        """Compile a path with its adapter left out, to compare with.

        Args:
            path: The path, such as `cat:classify`.
            device: The device of the module.

        Returns:
            A frozen module, as of `compile`.

        Raises:
            SelectError: There is no such path, no teacher for it, or the two modules differ in shape.
        """
        from legonet.compile.open import compile_unadapted

        return compile_unadapted(self.project(), self.lock, path, device)

    def predict(
        self,
        images: Images,
        paths: str | Iterable[str] | None = None,
        *,
        device: Device = "cpu",
        batch: int = 32,
        progress: Literal["auto"] | None = "auto",
    ) -> Predictions:
        """Run images through paths of the network, and say what each path sees on them.

        Args:
            images: A file, a folder, a PIL image, an array or tensor of one image or of several, or an
                iterable of these. They are resized and normalised here. Arrays are (height, width,
                channels), tensors (channels, height, width), of bytes or of numbers in [0, 1].
            paths: Paths such as `cat:classify`, or applications of the graph, one or several; default: every
                built path.
            device: The device to compute on, such as `cuda`.
            batch: How many images are computed together.
            progress: `auto` shows how far it is: bars on a terminal and in a notebook, lines elsewhere; None
                shows nothing.

        Returns:
            A prediction for each image: what each path says of it, as a `Score`, `Mask` or `Numbers`. It
            prints as a table, and draws itself. An image of a folder that cannot be read is passed over with
            a `LegonetWarning`.

        Raises:
            SelectError: There is no such path, or its adapter is not fitted.
            DataError: There is no image, or one that was named cannot be used.
        """
        names = (paths,) if isinstance(paths, str) else tuple(paths or ())
        return self.compile(*names, device=device).predict(images, batch=batch, progress=progress)

    def evaluate(
        self,
        data: LabelledImages,
        paths: str | Iterable[str] | None = None,
        *,
        device: torch.device | str = "cpu",
        progress: Literal["auto"] | None = "auto",
    ) -> Evaluation:
        """Measure paths, their teachers, and the same paths without adapters on labelled images.

        For binary tasks also: how often each path says yes to images of every category.

        Args:
            data: Labelled images by path, as for `transplant`; or `"animals"`, the composed animals' test
                images; or a folder with one folder of images per category; or a source of images.
            paths: Paths or applications, one or several; default: those that images are given for, else all
                built paths.
                Paths whose output is a vector are passed over.
            device: Where to compute.
            progress: `auto` shows how far it is; None shows nothing.

        Returns:
            Rows of figures; printed, a table.

        Raises:
            SelectError: No such path, one that is not built, or none that can be measured.
            DataError: Images or labels are missing or do not fit.
        """
        from legonet.evaluate import evaluate

        names = (paths,) if isinstance(paths, str) else paths
        with open_bars(progress) as bars:
            return evaluate(self.project(), self.lock, data, names, device, bars)

    def edge(self, path: str) -> Edge:
        """Give the frozen modules that a path's adapter joins, for experiments with methods.

        Args:
            path: The path, such as `cat:classify`.

        Returns:
            Category module, task module and the teacher's own task part, with their shapes.

        Raises:
            SelectError: There is no such path, or no teacher for it.
        """
        from legonet.run.execute import open_edge

        return open_edge(self.project(), self.lock, path)

    def teacher(self, name: str, device: torch.device | str = "cpu") -> nn.Module:
        """Give a teacher as it was before it was cut: images in [0, 1] in, its output out.

        Args:
            name: The teacher's name.
            device: The device of the module.

        Returns:
            A frozen module, in evaluation mode.

        Raises:
            SelectError: There is no such teacher.
        """
        from legonet.compile.open import compile_teacher
        from legonet.run.project import find_source

        return compile_teacher(self.graph, find_source(self.graph, self._sources, name), device)
