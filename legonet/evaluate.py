"""How well a network's teachers and paths do on labelled images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from legonet.compile.open import compile_paths, compile_teacher, compile_unadapted, find_paths
from legonet.compile.options import CompileOptions
from legonet.data.source import Source, open_source
from legonet.errors import DataError, SelectError
from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.graph.select import image_names, meaning_of, split_path
from legonet.notebook import escape, page, table, title
from legonet.progress import Bars
from legonet.run.project import Project
from legonet.run.samples import GivenSamples, read_given
from legonet.tables import columns

BATCH = 256

LabelledImages = Source | str | Path | Mapping[str, GivenSamples]


@dataclass(frozen=True)
class Measurement:
    """One measure of one path on labelled images.

    Attributes:
        path: `category:task`.
        images: How many.
        measure: Its name, as the kind of output calls it: `error` for scores, `pixel accuracy` and `IoU` for
            masks, which are fractions in [0, 1]; `RMSE` for vectors, in the labels' unit.
        teacher: The figure of the path's teacher; None without one.
        unadapted: The figure of the category module joined to the task module with no adapter; None where
            their shapes differ.
        transplanted: The figure of the path.
        fraction: Whether figures are fractions, which are shown in percent.
    """

    path: str
    images: int
    measure: str
    teacher: float | None
    unadapted: float | None
    transplanted: float
    fraction: bool = True


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The figures of some paths on labelled images; printed, it is a table.

    Attributes:
        rows: One measurement for each path and measure, in the order of the paths.
        says_yes: For tasks whose score says whether an image shows the category, by task, path and category:
            the fraction of the category's images that the path takes for its own.
        confusion: For tasks of several classes, by path, right class and found one: how many images.
        unmeasured: The kinds of output, by path, of the paths that were passed over: images by category say
            nothing of them.
    """

    rows: tuple[Measurement, ...]
    says_yes: Mapping[str, Mapping[str, Mapping[str, float]]]
    confusion: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    unmeasured: Mapping[str, str] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """Return the evaluation as plain data, as `legonet evaluate --json` prints it."""
        rows = [{key: each for key, each in asdict(row).items() if key != "fraction"} for row in self.rows]
        return {
            "rows": rows,
            "says yes": self.says_yes,
            "confusion": self.confusion,
            "unmeasured": self.unmeasured,
        }

    def __repr__(self) -> str:
        heads, *rows = self._rows()
        lines = columns([heads, *rows], right=(2, 3, 4, 5))
        for task, grid in self._grids():
            lines += ["", task, *columns(grid, right=range(1, len(grid[0])))]
        if self.unmeasured:
            lines += ["", *self._passed_over()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        heads, *rows = self._rows()
        grids = [
            title(task) + table(grid[0], grid[1:], range(1, len(grid[0]))) for task, grid in self._grids()
        ]
        said = "".join(f"<p>{escape(line)}</p>" for line in self._passed_over())
        return page(table(heads, rows, (2, 3, 4, 5)), *grids, said)

    def _rows(self) -> list[tuple[str, ...]]:
        cells = [("path", "measure", "teacher", "no adapter", "transplanted", "images")]
        for row in self.rows:
            show = _percent if row.fraction else _number
            teacher, unadapted, path = map(show, (row.teacher, row.unadapted, row.transplanted))
            cells.append((row.path, row.measure, teacher, unadapted, path, str(row.images)))
        return cells

    def _grids(self) -> Iterator[tuple[str, list[list[str]]]]:
        """What stands above each table of confusions, and the table."""
        for task, confused in self.says_yes.items():
            categories = list(next(iter(confused.values())))
            grid = [["", *categories]]
            grid += [[path, *map(_percent, values.values())] for path, values in confused.items()]
            yield f"{task}: how often each path (row) says yes to images of a category (column)", grid
        for path, counts in self.confusion.items():
            names = list(counts)
            grid = [["", *names], *([name, *map(str, counts[name].values())] for name in names)]
            yield f"{path}: images by right class (row) and found one (column)", grid

    def _passed_over(self) -> list[str]:
        """A line for each path that could not be measured."""
        return [f"{path}: {_unmeasured(kind)}" for path, kind in self.unmeasured.items()]


def evaluate(
    project: Project,
    lock: Lock,
    data: LabelledImages,
    names: Iterable[str] | None = None,
    device: torch.device | str = "cpu",
    bars: Bars | None = None,
) -> Evaluation:
    """Compare paths with their teachers and with no adapter; see `legonet.network.Network.evaluate`.

    Args:
        project: Where the network lives.
        lock: What has been built.
        data: Labelled images, or where they come from.
        names: Paths and applications; default: all that have images.
        device: Where to compute.
        bars: Told how far it is.
    """
    bars = bars or Bars()
    paths, unmeasured = _measured(project, lock, data, names)
    labelled = _reader(project.graph, data, paths)
    taught = {f"{each.category}:{each.task}": name for name, each in project.graph.teachers.items()}

    def joined(path: str) -> nn.Module:
        return compile_paths(project, lock, [path], None, None, CompileOptions(device=device))

    rows: list[Measurement] = []
    confusion: dict[str, dict[str, dict[str, int]]] = {}
    deciding: dict[str, list[str]] = {}  # paths by task
    shown: dict[str, dict[str, Tensor]] = {}  # by task and category, the images that show the category
    own: dict[str, float] = {}  # by path, the fraction of its own category's that it takes for its own
    for done, path in enumerate(paths):
        bars.show("", "measuring paths", total=len(paths), done=done, state=path)
        category, task = split_path(path)
        (images, labels), meaning = labelled(path), meaning_of(project.graph, path)
        models = {"transplanted": joined(path)}
        with suppress(SelectError):
            models["unadapted"] = compile_unadapted(project, lock, path, device)
        if path in taught:
            models["teacher"] = compile_teacher(project.graph, project.sources[taught[path]], device)
        outputs = {name: scores(model, images) for name, model in models.items()}
        found = {name: meaning.measures(output, labels) for name, output in outputs.items()}
        counts = meaning.confusion(outputs["transplanted"], labels)
        if counts is not None:
            names_of = meaning.channels(_label(project.graph, category))
            confusion[path] = {
                name: dict(zip(names_of, row, strict=True))
                for name, row in zip(names_of, counts.tolist(), strict=True)
            }
        for measure in found["transplanted"]:
            values = {name: figures[measure] for name, figures in found.items()}
            figures = {"teacher": None, "unadapted": None, **values}
            rows.append(Measurement(path, len(images), measure, **figures, fraction=meaning.fractions))
        if meaning.annotation() == "category":
            deciding.setdefault(task, []).append(path)
            if bool((labels == 1).any()):
                shown.setdefault(task, {})[category] = images[labels == 1]
                own[path] = _taken(outputs["transplanted"][labels == 1])
    says_yes = {
        task: {path: _says_yes(joined, path, shown.get(task, {}), own) for path in chosen}
        for task, chosen in deciding.items()
    }
    return Evaluation(tuple(rows), says_yes, confusion, unmeasured)


def scores(model: nn.Module, images: Tensor) -> Tensor:
    """The model's output for images (batch, channels, height, width), computed in batches."""
    device = next((each.device for each in model.parameters()), torch.device("cpu"))
    with torch.no_grad():
        return torch.cat([model(batch.to(device)).cpu() for batch in images.split(BATCH)])


def _says_yes(
    joined: Callable[[str], nn.Module], path: str, shown: Mapping[str, Tensor], own: Mapping[str, float]
) -> dict[str, float]:
    """The fraction of each category's images that a path takes for its own; of its own one's it is known."""
    category = split_path(path)[0]
    if shown.keys() <= {category}:
        return {category: own[path]} if shown else {}
    model = joined(path)
    return {
        name: own[path] if name == category else _taken(scores(model, images))
        for name, images in shown.items()
    }


def _taken(outputs: Tensor) -> float:
    """The fraction of images that a path takes for its category's."""
    return float((outputs > 0).float().mean())


def _measured(
    project: Project, lock: Lock, data: LabelledImages, names: Iterable[str] | None
) -> tuple[list[str], dict[str, str]]:
    """The built paths that are asked for and can be measured, and the kinds of those that cannot.

    Raises:
        SelectError: No such path, it is not built, or one that is named, or all, cannot be measured.
    """
    wanted = list(names or ()) or (list(data) if isinstance(data, Mapping) else [])
    chosen = find_paths(project, lock, wanted)
    if isinstance(data, Mapping):
        return chosen, {}
    meanings = {path: project.graph.tasks[split_path(path)[1]].output for path in chosen}
    unmeasured = {path: each.kind for path, each in meanings.items() if each.annotation() is None}
    paths = [path for path in chosen if path not in unmeasured]
    refused = [path for path in unmeasured if path in wanted or not paths]
    if refused:
        rest = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise SelectError(
            f"{project.graph.name}: {refused[0]}{rest}: {_unmeasured(unmeasured[refused[0]])}; expected a "
            "task whose labels are categories, masks or classes; leave the path out, or measure it in "
            "Python: "
            f'evaluate({{"{refused[0]}": (images, labels)}})'
        )
    return paths, unmeasured


def _unmeasured(kind: str) -> str:
    return f"not measured: images by category say nothing of an output of kind '{kind}'"


def _reader(
    graph: Graph, data: LabelledImages, paths: Sequence[str]
) -> Callable[[str], tuple[Tensor, Tensor]]:
    """Gives the images of a path and their labels, which may be read only then."""
    if isinstance(data, Mapping):
        return _given(graph, data, paths).__getitem__

    def read(path: str) -> tuple[Tensor, Tensor]:
        category, _ = split_path(path)
        source = data if isinstance(data, Source) else open_source(str(data), graph.input_of(category))
        shown = source.called(image_names(graph, category))
        images, labels = source.labelled(shown, meaning_of(graph, path), _label(graph, category))
        assert labels is not None  # noqa: S101 - other paths are left out before
        return images, labels

    return read


def _given(
    graph: Graph, data: Mapping[str, GivenSamples], paths: Sequence[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    """The images and labels of each path.

    Raises:
        DataError: A path has none, or they do not fit.
    """
    given = {}
    for path, (images, labels) in read_given(graph, data).items():
        if labels is None:
            raise DataError(
                f"samples['{path}']: no labels; expected (images, labels); give a label per image"
            )
        given[path] = images, labels
    for path in paths:
        if path not in given:
            raise DataError(f"samples: no images of {path}; expected some for each path; add them")
    return given


def _label(graph: Graph, category: str) -> str:
    """What people call a category."""
    return graph.categories[category].label or category


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
