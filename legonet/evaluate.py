"""How well a network's teachers and paths do on labelled images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from legonet.compile.open import compile_paths, compile_teacher, compile_unadapted, find_paths
from legonet.compile.options import Options
from legonet.data.source import Source, open_source
from legonet.errors import DataError, SelectError
from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.graph.select import split_path
from legonet.run.samples import GivenSamples, read_given
from legonet.run.site import Site
from legonet.tables import columns

BATCH = 256
MEASURED = ("binary", "mask")  # outputs that a label can be held against

LabelledImages = Source | str | Path | Mapping[str, GivenSamples]


@dataclass(frozen=True)
class Measurement:
    """One measure of one path on labelled images. All figures are fractions in [0, 1].

    Attributes:
        path: `category:task`.
        images: How many.
        measure: `error`, or for masks `pixel accuracy` or `IoU`.
        teacher: The figure of the path's teacher; None without one.
        unadapted: The figure of the category module joined to the task module with no adapter; None where
            their shapes differ.
        transplanted: The figure of the path.
    """

    path: str
    images: int
    measure: str
    teacher: float | None
    unadapted: float | None
    transplanted: float


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The figures of some paths on labelled images; printed, it is a table.

    Attributes:
        rows: One measurement for each path and measure, in the order of the paths.
        says_yes: For tasks with a binary output, by task, path and category: the fraction of the category's
            images that the path takes for its own.
    """

    rows: tuple[Measurement, ...]
    says_yes: Mapping[str, Mapping[str, Mapping[str, float]]]

    def data(self) -> dict[str, Any]:
        """Return the evaluation as plain data, as `legonet evaluate --json` prints it."""
        return {"rows": [asdict(row) for row in self.rows], "says yes": self.says_yes}

    def __repr__(self) -> str:
        cells = [("path", "measure", "teacher", "no adapter", "transplanted", "images")]
        for row in self.rows:
            teacher, unadapted, path = map(_percent, (row.teacher, row.unadapted, row.transplanted))
            cells.append((row.path, row.measure, teacher, unadapted, path, str(row.images)))
        lines = columns(cells, right=(2, 3, 4, 5))
        for task, confused in self.says_yes.items():
            categories = list(next(iter(confused.values())))
            grid = [["", *categories]]
            grid += [[path, *map(_percent, values.values())] for path, values in confused.items()]
            lines += ["", f"{task}: how often each path (row) says yes to images of a category (column)"]
            lines += columns(grid, right=range(1, len(categories) + 1))
        return "\n".join(lines)


def evaluate(
    site: Site,
    lock: Lock,
    data: LabelledImages,
    names: Iterable[str] | None = None,
    device: torch.device | str = "cpu",
) -> Evaluation:
    """Compare paths with their teachers and with no adapter; see `legonet.network.Network.evaluate`.

    Args:
        site: Where the network lives.
        lock: What has been built.
        data: Labelled images, or where they come from.
        names: Paths and applications; default: all that have images.
        device: Where to compute.
    """
    paths = _measured(site, lock, data, names)
    labelled = _reader(site.graph, data, paths)
    taught = {f"{each.category}:{each.task}": name for name, each in site.graph.teachers.items()}

    def joined(path: str) -> nn.Module:
        return compile_paths(site, lock, [path], None, None, Options(device=device))

    rows: list[Measurement] = []
    binary: dict[str, list[str]] = {}  # paths by task
    shown: dict[str, dict[str, Tensor]] = {}  # by task and category, the images that show the category
    for path in paths:
        category, task = split_path(path)
        images, labels = labelled(path)
        models = {"transplanted": joined(path)}
        with suppress(SelectError):
            models["unadapted"] = compile_unadapted(site, lock, path, device)
        if path in taught:
            models["teacher"] = compile_teacher(site.graph, site.sources[taught[path]], device)
        found = {name: measures(scores(model, images), labels) for name, model in models.items()}
        for measure in found["transplanted"]:
            values = {name: figures[measure] for name, figures in found.items()}
            rows.append(
                Measurement(path, len(images), measure, **{"teacher": None, "unadapted": None, **values})
            )
        if site.graph.tasks[task].output.kind == "binary":
            binary.setdefault(task, []).append(path)
            if bool((labels == 1).any()):
                shown.setdefault(task, {})[category] = images[labels == 1]
    says_yes = {
        task: {path: _says_yes(joined(path), shown.get(task, {})) for path in chosen}
        for task, chosen in binary.items()
    }
    return Evaluation(tuple(rows), says_yes)


def scores(model: nn.Module, images: Tensor) -> Tensor:
    """The model's output for images (batch, channels, height, width), computed in batches."""
    device = next((each.device for each in model.parameters()), torch.device("cpu"))
    with torch.no_grad():
        return torch.cat([model(batch.to(device)).cpu() for batch in images.split(BATCH)])


def measures(output: Tensor, labels: Tensor) -> dict[str, float]:
    """What an output is worth.

    Args:
        output: scores (batch, 1), or maps (batch, labels, height, width).
        labels: (batch,), or masks (batch, height, width), of 0 and 1.

    Returns:
        For scores the error; for maps the pixel accuracy and the intersection over union of label 1.
    """
    if output.ndim == 2:
        return {"error": float(((output[:, 0] > 0).long() != labels).float().mean())}
    found = output.argmax(1) if output.shape[1] > 1 else (output[:, 0] > 0).long()
    union = ((found == 1) | (labels == 1)).sum().clamp_min(1)
    return {
        "pixel accuracy": float((found == labels).float().mean()),
        "IoU": float(((found == 1) & (labels == 1)).sum() / union),
    }


def _says_yes(model: nn.Module, shown: Mapping[str, Tensor]) -> dict[str, float]:
    """The fraction of each category's images that a path takes for its own."""
    return {name: float((scores(model, images) > 0).float().mean()) for name, images in shown.items()}


def _measured(site: Site, lock: Lock, data: LabelledImages, names: Iterable[str] | None) -> list[str]:
    """The built paths that are asked for and whose output can be measured.

    Raises:
        SelectError: no such path, one that is not built, or none that can be measured.
    """
    wanted = list(names or ()) or (list(data) if isinstance(data, Mapping) else [])
    chosen = find_paths(site, lock, wanted)
    paths = [each for each in chosen if site.graph.tasks[split_path(each)[1]].output.kind in MEASURED]
    if not paths:
        raise SelectError(
            f"{site.graph.name}: none of the paths has an output that is measured; expected a task with a "
            f"{' or '.join(MEASURED)} output; name another path"
        )
    return paths


def _reader(
    graph: Graph, data: LabelledImages, paths: Sequence[str]
) -> Callable[[str], tuple[Tensor, Tensor]]:
    """Gives the images of a path and their labels, which may be read only then."""
    if isinstance(data, Mapping):
        return _given(graph, data, paths).__getitem__
    source = data if isinstance(data, Source) else open_source(str(data), graph.input.shape)

    def read(path: str) -> tuple[Tensor, Tensor]:
        category, task = split_path(path)
        return source.samples(category, mask=graph.tasks[task].output.kind == "mask")

    return read


def _given(
    graph: Graph, data: Mapping[str, GivenSamples], paths: Sequence[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    """The images and labels of each path.

    Raises:
        DataError: a path has none, or they do not fit.
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


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
