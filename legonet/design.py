"""`Design`: what a network is to be, as it is written in code. Nothing is built here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from legonet.errors import GraphError
from legonet.graph.build import extended, new_graph
from legonet.graph.schema import Graph
from legonet.graph.select import adapter_spec, find_edge

if TYPE_CHECKING:
    from torch import Tensor, nn

    from legonet.graph.arrival import OnConflict
    from legonet.teachers.source import TeacherSource


class Design:
    """A graph and its teachers, which grow entry by entry; each entry is checked as a graph file's would be.

    Args:
        name: of the network.
        input_shape: (channels, height, width) of every image.
        mean: subtracted from each channel of an image in [0, 1].
        std: each channel is divided by it after that.

    Attributes:
        graph: what the network is.

    Raises:
        GraphError: a name or shape that a graph file could not have.
    """

    def __init__(
        self,
        name: str,
        input_shape: Sequence[int] = (3, 32, 32),
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        self.graph: Graph = new_graph(name, input_shape, mean, std)
        self._sources: dict[str, TeacherSource] = {}

    def add_category(self, name: str, label: str | None = None) -> None:
        """Add a category, with the label that people call it by; default: its name.

        Raises:
            GraphError: a name or label that a graph file could not have.
        """
        self.graph = extended(self.graph, {"categories": {name: {} if label is None else {"label": label}}})

    def add_task(
        self, name: str, output: Mapping[str, Any], adapter: Mapping[str, Any] | None = None
    ) -> None:
        """Add a task.

        Args:
            name: of the task.
            output: its meaning as in a graph file, such as `{"kind": "binary"}`.
            adapter: the adapter of each edge to it, as in a graph file.

        Raises:
            GraphError: a name, output or adapter that a graph file could not have.
        """
        entry = {"output": output} | ({} if adapter is None else {"adapter": adapter})
        self.graph = extended(self.graph, {"tasks": {name: entry}})

    def add_teacher(
        self,
        name: str,
        module: nn.Module,
        *,
        category: str,
        task: str,
        cut: str | float,
        output: str | None = None,
        images: Tensor | None = None,
        on_conflict: OnConflict = "keep",
        example_shape: tuple[int, ...] | None = None,
        copy: bool = True,
    ) -> None:
        """Add a trained model; its category and its task are added too if they are new.

        Args:
            name: of the teacher.
            module: takes normalised images of the network's input shape. It may be any feed-forward model
                that torch.export can trace, such as torchvision's resnet18.
            category: that it was trained for.
            task: that it was trained for. A new task takes its meaning from the shape of the output: one
                score is binary, a map is a mask, a vector is a vector.
            cut: the category module ends with the layer, module or operation of this name, such as `layer2`;
                or a fraction of the model's multiplications, such as 0.5.
            output: which output counts, where the model gives several, such as `out`.
            images: of its owner, (batch, channels, height, width) in [0, 1], to record statistics on, so
                that its modules can be transplanted without any.
            on_conflict: what becomes of a known category whose module is another one: `keep` it, and match
                the two at the image; `replace` it, and a teacher of the same path; or make a `variant`,
                `cat@2`.
            example_shape: of the images that the model is traced with; default: the network's.
            copy: the module's weights; without, a large one takes no memory twice, but must not change
                before the network is saved.

        Raises:
            TeacherError: the model cannot be traced or cut, or its output does not fit the task.
            DataError: images of another shape or range.
            GraphError: there is a teacher of this name, or one for this category and task.
            SelectError: `on_conflict` is none of its words.
        """
        from legonet.data.tensors import check_images
        from legonet.teachers.arrival import add_teacher
        from legonet.teachers.memory import record_bytes, with_statistics
        from legonet.teachers.new_teacher import NewTeacher

        new = NewTeacher(name, module, category, task, cut, output, example_shape, copy, on_conflict)
        graph, source = add_teacher(self.graph, self._sources, new)
        if images is not None:
            shown = self._normalise(check_images(images, new.where, graph.input.shape))
            source = with_statistics(source, record_bytes(source, shown.split(256)))
        kept = {other: each for other, each in self._sources.items() if other in graph.teachers}
        self.graph, self._sources = graph, {**kept, name: source}

    def connect(self, category: str, task: str, adapter: Mapping[str, Any] | None = None) -> None:
        """Say how a category and a task are joined; `transplant` fits it.

        Args:
            category: of the network.
            task: of the network.
            adapter: as in a graph file, such as `{"kernel": 1, "depth": 3}`.

        Raises:
            SelectError: no such category or task.
            GraphError: no such adapter, or one teacher gives both modules, so that none is needed.
        """
        adapter_spec(self.graph, category, task)  # refuses names that do not exist
        path = f"{category}:{task}"
        edge = find_edge(extended(self.graph, {"adapters": {path: {}}}), path)
        if edge.native:
            raise GraphError(
                f"{path}: the teacher {edge.teacher} gives both modules; expected a path that joins modules "
                "of two teachers; compile it as it is"
            )
        self.graph = extended(self.graph, {"adapters": {path: adapter or {}}})

    def _normalise(self, images: Tensor) -> Tensor:
        from legonet.compile.network import normalisation

        return normalisation(self.graph.input)(images)
