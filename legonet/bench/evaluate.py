"""How well teachers and paths do on labelled images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from legonet.data.source import Source
from legonet.errors import SelectError
from legonet.graph.select import split_path
from legonet.network import Network

BATCH = 256


@dataclass(frozen=True)
class Row:
    """One path on its category's images. All figures are fractions in [0, 1].

    Attributes:
        path: `category:task`.
        images: how many.
        measure: `error`, or for masks `pixel accuracy` or `IoU`.
        teacher: of the path's teacher; None without one.
        unadapted: of the category module joined to the task module with no adapter; None where their
            shapes differ.
        transplanted: of the path.
    """

    path: str
    images: int
    measure: str
    teacher: float | None
    unadapted: float | None
    transplanted: float


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


def evaluate(
    network: Network, paths: Sequence[str], source: Source, device: torch.device | str = "cpu"
) -> list[Row]:
    """Compare each path with its teacher and with no adapter.

    Args:
        network: whose paths are built.
        paths: of tasks with a binary or mask output.
        source: of labelled images.
        device: where to compute.
    """
    taught = {f"{each.category}:{each.task}": name for name, each in network.graph.teachers.items()}
    rows = []
    for path in paths:
        category, task = split_path(path)
        mask = network.graph.tasks[task].output.kind == "mask"
        images, labels = source.samples(category, mask=mask)
        models: dict[str, nn.Module] = {"transplanted": network.compile(path, device=device)}
        with suppress(SelectError):
            models["unadapted"] = network.unadapted(path, device)
        if path in taught:
            models["teacher"] = network.teacher(taught[path], device)
        found = {name: measures(scores(model, images), labels) for name, model in models.items()}
        for measure in found["transplanted"]:
            values = {name: figures[measure] for name, figures in found.items()}
            rows.append(Row(path, len(images), measure, **{"teacher": None, "unadapted": None, **values}))
    return rows


def confusion(
    network: Network, paths: Sequence[str], source: Source, device: torch.device | str = "cpu"
) -> Mapping[str, Mapping[str, float]]:
    """How often each path says yes to images that show each category.

    Args:
        network: whose paths are built.
        paths: of one task with a binary output.
        source: of labelled images.
        device: where to compute.

    Returns:
        By path, by category: the fraction of that category's images that the path takes for its own.
    """
    shown = {}
    for category in dict.fromkeys(split_path(path)[0] for path in paths):
        images, labels = source.samples(category)
        shown[category] = images[labels == 1]
    table = {}
    for path in paths:
        model = network.compile(path, device=device)
        table[path] = {
            name: float((scores(model, images) > 0).float().mean()) for name, images in shown.items()
        }
    return table
