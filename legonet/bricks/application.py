"""Some paths of a network as a value, which is compiled, drawn and named. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from legonet.bricks.built import contents, expect_one_network
from legonet.bricks.modular import ModularNetwork
from legonet.errors import GraphError, SelectError
from legonet.graph.editing.build import extended
from legonet.graph.select import split_path
from legonet.graph.subgraph import concerning
from legonet.graph.suggest import listed

if TYPE_CHECKING:
    import torch

    from legonet.compile.network import CompiledNetwork
    from legonet.compile.options import Device
    from legonet.compile.predict import Predictions
    from legonet.data.photos import Images
    from legonet.render.view import View


@dataclass(frozen=True, eq=False)
class Application:
    """Some paths of a network, as a value: equal to another one of the same paths, in whatever order.

    Those of two networks, such as of two versions of one, are compared by what their paths are made of, too:
    they are equal if their modules and adapters are, bit for bit.

    Attributes:
        network: The network that they are paths of.
        paths: Their names, each once.
        chosen: The same as a set.
    """

    network: ModularNetwork = field(repr=False)
    paths: tuple[str, ...]
    chosen: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Keep each path once."""
        object.__setattr__(self, "paths", tuple(dict.fromkeys(self.paths)))
        object.__setattr__(self, "chosen", frozenset(self.paths))

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __contains__(self, path: object) -> bool:
        return path in self.chosen

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Application):
            return NotImplemented
        left, right = self._compared(other)
        return left == right

    def __hash__(self) -> int:
        return hash(self.chosen)

    def _compared(self, other: Application) -> tuple[frozenset[object], frozenset[object]]:
        """Both as sets: of paths, or where there are two networks of paths and what they are made of."""
        if self.network is other.network:
            return frozenset(self.chosen), frozenset(other.chosen)
        left, right = (frozenset(contents(each.network, each.paths).items()) for each in (self, other))
        return left, right

    def __or__(self, other: Application) -> Application:
        """Give all paths of both."""
        if not isinstance(other, Application):
            return NotImplemented
        expect_one_network(self, other)
        return Application(self.network, (*self.paths, *other.paths))

    def __and__(self, other: Application) -> Application:
        """Give the paths that both have."""
        if not isinstance(other, Application):
            return NotImplemented
        return Application(self.network, tuple(path for path in self.paths if path in other.chosen))

    def __sub__(self, other: Application) -> Application:
        """Give the paths that the other one does not have."""
        if not isinstance(other, Application):
            return NotImplemented
        return Application(self.network, tuple(path for path in self.paths if path not in other.chosen))

    def __le__(self, other: Application) -> bool:
        """Whether the other one has all these paths."""
        left, right = self._compared(other)
        return left <= right

    def __lt__(self, other: Application) -> bool:
        """Whether the other one has all these paths, and more."""
        left, right = self._compared(other)
        return left < right

    def __rshift__(self, other: object) -> Application:
        """Refuse a third brick: a path ends with its task.

        Raises:
            SelectError: Always; the message says how several tasks are connected.
        """
        raise SelectError(
            f"({listed(self.paths)}) >> …: found an application on the left, which ends with its tasks; "
            'expected categories; for several tasks write such as net["cat"] >> net["classify", "segment"]'
        )

    def compile(
        self,
        *,
        device: Device | Sequence[Device] = "cpu",
        passes: str | Iterable[str] = "all",
        separate_inputs: bool = False,
        memory_format: str = "auto",
        dtype: str | torch.dtype = "float32",
        grouping: str = "measured",
        torch_compile: bool | str = False,
        cuda_graphs: bool = False,
    ) -> CompiledNetwork:
        """Join the paths to one nn.Module: images in [0, 1] in, outputs out; as `Network.compile` does.

        Args:
            device: The device of the module; over several, categories are spread.
            passes: The passes that rewrite it to less work: `all`, `none`, `exact`, `training`, or names.
            separate_inputs: Whether it takes a dict of images by category.
            memory_format: `contiguous`, `channels-last`, or `auto`, which is channels last on a CPU.
            dtype: `float32`; `bfloat16`, also of the weights; or `float16`, by autocast.
            grouping: Whether modules run side by side where that was `measured` to be faster, or by a fixed
                `rule`.
            torch_compile: Whether it runs through torch.compile, in the default mode or in a named one.
            cuda_graphs: Whether each shape of images is recorded once on a CUDA device, and replayed.

        Returns:
            A frozen module with weights of its own, in evaluation mode.

        Raises:
            SelectError: There is no path, or an option has no such value.
        """
        return self.network.compile(
            *self._expect_paths(),
            device=device,
            passes=passes,
            separate_inputs=separate_inputs,
            memory_format=memory_format,
            dtype=dtype,
            grouping=grouping,
            torch_compile=torch_compile,
            cuda_graphs=cuda_graphs,
        )

    def predict(
        self,
        images: Images,
        *,
        device: Device = "cpu",
        batch: int = 32,
        progress: Literal["auto"] | None = "auto",
    ) -> Predictions:
        """Say what is on images; see `Network.predict`.

        Args:
            images: A file, a folder, a PIL image, an array or tensor, or an iterable of these.
            device: The device to compute on, such as `cuda`.
            batch: How many images are computed together.
            progress: `auto` shows how far it is; None shows nothing.

        Returns:
            A prediction for each image.

        Raises:
            SelectError: There is no path.
            DataError: There is no image, or one that was named cannot be used.
        """
        return self.compile(device=device).predict(images, batch=batch, progress=progress)

    def save_as(self, name: str) -> None:
        """Keep the paths as a named application of the network, and of its graph file if it has one.

        Args:
            name: The application's name.

        Raises:
            GraphError: The name is one that a graph file could not have, or it is taken.
            SelectError: There is no path.
        """
        save_application(self.network, name, self._expect_paths())

    def render(self, path: str | Path) -> Path:
        """Draw these paths and nothing else; the file's suffix names the format.

        Args:
            path: The picture's file.

        Returns:
            The picture's path.

        Raises:
            RenderError: There is no such format, or the file cannot be written.
            SelectError: There is no path.
        """
        from legonet.render import render

        return render(self._view(), path)

    def _repr_html_(self) -> str:
        from legonet.notebook import page, title
        from legonet.render.shown import drawn, paths_table

        if not self.paths:
            return page(title("Application", "no path"))
        view = self._view()
        said = "1 path" if len(self.paths) == 1 else f"{len(self.paths):,} paths"
        return page(
            title("Application", f"{said} of {self.network.graph.name}"), drawn(view), paths_table(view)
        )

    def _view(self) -> View:
        from legonet.render.view import make_view

        network = self.network
        graph = concerning(network.graph, self._expect_paths())
        edges = [edge for edge in network.project().plan(network.lock, graph=graph).plan if edge.path in self]
        pairs = [split_path(each) for each in self.paths]
        kept = {
            "categories": {name: each for name, each in graph.categories.items() if name in dict(pairs)},
            "tasks": {
                name: each for name, each in graph.tasks.items() if name in {task for _, task in pairs}
            },
            "teachers": {
                name: each
                for name, each in graph.teachers.items()
                if f"{each.category}:{each.task}" in self.chosen
            },
            "applications": {},
        }
        return make_view(graph.model_copy(update=kept), network.lock, edges)

    def _expect_paths(self) -> tuple[str, ...]:
        if not self.paths:
            raise SelectError(
                "application: found no path; expected at least one; connect a category to a task"
            )
        return self.paths


def save_application(network: ModularNetwork, name: str, paths: Iterable[str]) -> None:
    """Add a named application to a network, and to its graph file if it has one.

    Raises:
        GraphError: A name that a graph file could not have, or one of another application.
    """
    from legonet.graph.editing.operations import Add
    from legonet.store.graph_file import edit_file

    entry = {"applications": {name: list(paths)}}
    before = network.graph.applications.get(name)
    if before is not None:
        if set(before) == set(entry["applications"][name]):
            return
        raise GraphError(
            f"{network.graph.name}: applications.{name}: is there already, with {listed(list(before))}; "
            "expected a new name; choose another one"
        )
    for kind in ("categories", "tasks"):
        if name in getattr(network.graph, kind):
            raise GraphError(
                f"{network.graph.name}: applications.{name}: found a name that is among the {kind}, so that "
                f"net[{name!r}] is that brick; expected another one; choose one"
            )
    graph = extended(network.graph, entry)
    if network.path is not None:
        edit_file(network.path, Add(section="applications", name=name, entry=entry["applications"][name]))
    network.graph = graph
