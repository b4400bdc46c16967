"""`Design`: what a network is to be, as it is written in code. Nothing is built here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from legonet.graph.editing.build import extended, new_graph, read_input
from legonet.graph.editing.connection import connection
from legonet.graph.schema import Graph
from legonet.graph.select import split_path

if TYPE_CHECKING:
    from torch import Tensor, nn

    from legonet.data.photos import Images
    from legonet.graph.editing.on_conflict import OnConflict
    from legonet.teachers.sources.source import TeacherSource


class Design:
    """A graph and its teachers, which grow entry by entry; each entry is checked as a graph file's would be.

    Args:
        name: The network's name.
        input_shape: The shape of images, (channels, height, width), of categories that name no other.
        mean: One number per channel, which is subtracted from an image in [0, 1]; default: none is.
        std: One number per channel, by which the image is divided after that; default: it is not.
        resize: How a photo of another size becomes an image: `fit`, `crop`, `pad` or `squash`.
        interpolation: How photos are resized: `bilinear`, `bicubic` or `nearest`.

    Attributes:
        graph: What the network is.

    Raises:
        GraphError: The name or the shape is one that a graph file could not have.
    """

    def __init__(
        self,
        name: str,
        input_shape: Sequence[int] = (3, 32, 32),
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        resize: str = "fit",
        interpolation: str = "bilinear",
    ) -> None:
        self.graph: Graph = new_graph(name, input_shape, mean, std, resize, interpolation)
        self._sources: dict[str, TeacherSource] = {}

    def add_category(
        self, name: str, label: str | None = None, image: Mapping[str, Any] | None = None
    ) -> None:
        """Add a category.

        Args:
            name: The category's name in paths.
            label: What people call it; default: its name.
            image: The images that its module and its teachers see, as `input` in a graph file, such as
                `{"shape": [3, 224, 224], "resize": "crop"}`; default: the network's.

        Raises:
            GraphError: The name, label or input is one that a graph file could not have.
        """
        entry = {key: each for key, each in (("label", label), ("input", image)) if each is not None}
        self.graph = extended(self.graph, {"categories": {name: entry}})

    def add_task(
        self, name: str, output: Mapping[str, Any], adapter: Mapping[str, Any] | None = None
    ) -> None:
        """Add a task.

        Args:
            name: The task's name in paths.
            output: The meaning of its output as in a graph file, such as `{"kind": "binary"}`.
            adapter: The adapter of each edge to it as in a graph file, such as `{"kernel": 3}`.

        Raises:
            GraphError: The name, output or adapter is one that a graph file could not have.
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
        labels: Sequence[str] | None = None,
        images: Images | None = None,
        on_conflict: OnConflict = "keep",
        example_shape: tuple[int, ...] | None = None,
        copy: bool = True,
        image: Mapping[str, Any] | None = None,
        licence: str | None = None,
        source: str | None = None,
        source_sha256: str | None = None,
    ) -> tuple[str, ...]:
        """Add a trained model; its category and its task are added too if they are new.

        Args:
            name: The teacher's name.
            module: The model; it takes normalised images of the network's input shape. Any feed-forward model
                will do that torch.export can trace, such as torchvision's resnet18.
            category: The category that it was trained for.
            task: The task that it was trained for. A new task takes its meaning from the shape of the output:
                one number is a binary score, maps of the image's size are a mask, several numbers a vector.
            cut: The layer, module or operation that the category module ends with, such as `layer2`; or a
                fraction of the model's multiplications, such as 0.5.
            output: Which output counts, where the model gives several, such as `out`; and last steps that it
                lacks, such as `out | mean 2 3`: permute, flatten, mean, select, resize.
            labels: What the output's values are called, for a new task: of a score the labels of a negative
                and a positive one, such as `["healthy", "sick"]`; of a mask one for each map; of a vector the
                numbers' names. `{category}` stands for the category's own label. For a known task they have
                to be its labels.
            images: Images of the teacher's owner, to record statistics on, so that its modules can be
                transplanted without any: a tensor (batch, channels, height, width) in [0, 1], or whatever
                `Network.predict` takes, such as a folder.
            on_conflict: What becomes of a known category whose module is another one: `keep` it, and match
                the two at the image; `replace` it, and a teacher of the same path; or make a `variant`,
                `cat@2`.
            example_shape: The shape of the images that the model is traced with; default: the network's.
            copy: Whether the module's weights are copied. Without, a large model takes its memory only
                once, but it must not change before the network is saved.
            image: The images that the model takes, as `input` in a graph file, if not the category's or the
                network's; a new category takes them over.
            licence: The licence of its weights, such as `MIT`; it is shown wherever the teacher's modules go.
            source: Where it comes from: an address, or words.
            source_sha256: The sha256 of the file that its weights were fetched as.

        Returns:
            What its owner should know of how it was taken in, as sentences without a full stop, such as that
            its weights were converted to float32; mostly none.

        Raises:
            TeacherError: The model cannot be traced or cut, or its output does not fit the task.
            DataError: The images have another shape or range.
            GraphError: There is a teacher of this name, or one for this category and task; or the labels do
                not fit the output, or are not those of the task.
            SelectError: `on_conflict` is none of `keep`, `replace` and `variant`.
        """
        from legonet.compile.prepare import prepared
        from legonet.data.tensors import check_images
        from legonet.teachers.arrival import add_teacher
        from legonet.teachers.new_teacher import NewTeacher
        from legonet.teachers.recording import record_bytes, with_statistics

        own = None if image is None else read_input(self.graph, image)
        words = None if labels is None else tuple(labels)
        new = NewTeacher(
            name,
            module,
            category,
            task,
            cut,
            output,
            example_shape,
            copy,
            on_conflict,
            own,
            words,
            licence,
            source,
            source_sha256,
        )
        graph, taken = add_teacher(self.graph, self._sources, new)
        if images is not None:
            sees = graph.input_of(graph.teachers[name].category)
            shown = prepared(check_images(images, new.where, sees), sees)
            taken = with_statistics(taken, record_bytes(taken, shown.split(256)))
        kept = {other: each for other, each in self._sources.items() if other in graph.teachers}
        self.graph, self._sources = graph, {**kept, name: taken}
        return taken.notes

    def connect(
        self,
        category: str,
        task: str,
        adapter: Mapping[str, Any] | None = None,
        *,
        method: str | Mapping[str, Any] | None = None,
        kernel: int | None = None,
        depth: int | None = None,
        seed: int | None = None,
    ) -> None:
        """Connect a category and a task by an adapter, which `transplant` fits.

        Args:
            category: The category's name.
            task: The task's name.
            adapter: The adapter as in a graph file, such as `{"kernel": 1, "activation": "none"}`; default:
                the task's, or with any of the following arguments the task's but for these.
            method: How it is fitted: the name of a method, such as `closed-form`, `back-distillation`,
                `jacobian`, `distillation`, `ordinary` or `auto`; or its settings, such as
                `{"name": "closed-form", "draws": 64}`.
            kernel: The height and width of each convolution: 1, 3, 5, 7, 9 or 11.
            depth: How many convolutions there are, from 1 to 64.
            seed: The seed of all that is random in the fit.

        Raises:
            SelectError: There is no such category or task.
            GraphError: There is no such adapter, or one teacher gives both modules, so that none is needed.
        """
        given = {"method": method, "kernel": kernel, "depth": depth, "seed": seed}
        given = {key: value for key, value in given.items() if value is not None}
        path = f"{category}:{task}"
        entry = connection(self.graph, path, adapter, given)
        self.graph = extended(self.graph, {"adapters": {path: entry}})

    def _prepare(self, path: str, photos: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Photos as a path's category module takes them, and their labels with them."""
        from legonet.compile.prepare import prepared, prepared_labels

        category, task = split_path(path)
        image, meaning = self.graph.input_of(category), self.graph.tasks[task].output
        known = None if labels is None else prepared_labels(labels, meaning, photos, image)
        return prepared(photos, image), known
