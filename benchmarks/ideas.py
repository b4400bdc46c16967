"""The pictures of docs/method.md: one for each idea. `python -m benchmarks ideas` draws them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmarks.agreement import Judged
from benchmarks.plots import INK, PALE, figure_of, styled, svg
from legonet.distill.flops.refinement import BATCH, refinement_steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from legonet.network import Network

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#d0d7de"
CATEGORY, TASK, ADAPTER, NEITHER = "#cfe6f5", "#d5efe5", "#ffe3c7", "#ffffff"


def draw_ideas(graph: Path, agreement: Path) -> Iterator[tuple[str, bytes]]:
    """Draw all pictures.

    Args:
        graph: The animals' network, whose cat the features are of.
        agreement: What `python -m benchmarks.agreement` kept.

    Yields:
        A file's name and its bytes.
    """
    from legonet.network import Network

    yield "problem.svg", problem()
    yield "closed-form.svg", closed_form()
    yield "sources.svg", sources(*features(Network.load(graph)))
    yield "choice.svg", choice()
    yield "cost.svg", cost()
    rows = [Judged(**json.loads(line)) for line in agreement.read_text("utf-8").splitlines()]
    yield "estimate.svg", estimate(rows)


@styled
def problem() -> bytes:
    """What is to be fitted, and what it is compared with."""
    figure, (panel,) = figure_of(1, 7.2, 2.0)
    _room(panel, 7.2, 2.0)
    _box(panel, 0.1, 0.75, "images I", NEITHER, dashed=True)
    _box(panel, 1.6, 0.75, "category\nmodule f", CATEGORY)
    _box(panel, 3.6, 1.35, "task part $g_T$\nof the teacher", TASK)
    _box(panel, 3.1, 0.15, "adapter h", ADAPTER)
    _box(panel, 4.6, 0.15, "task module $g_S$\nof another one", TASK)
    for begin, end in (
        ((1.2, 1.0), (1.6, 1.0)), ((2.7, 1.1), (3.6, 1.6)), ((2.7, 0.9), (3.1, 0.4)),
        ((4.2, 0.4), (4.6, 0.4)), ((4.7, 1.6), (6.3, 1.35)), ((5.7, 0.4), (6.3, 0.65)),
    ):  # fmt: skip
        _arrow(panel, begin, end)
    panel.text(6.4, 1.3, "$y_T$", va="center", fontsize=11)
    panel.text(6.4, 0.7, "$y_S$", va="center", fontsize=11)
    panel.text(6.48, 1.0, "≈", va="center", fontsize=13, color=ORANGE)
    return svg(figure)


@styled
def closed_form() -> bytes:
    """How pseudo-gradients come down to the two sides of the adapter."""
    figure, (panel,) = figure_of(1, 7.2, 2.6)
    _room(panel, 7.2, 2.6)
    _box(panel, 2.9, 2.05, "random gradient G,\nrandom masks", NEITHER, wide=1.5)
    _box(panel, 0.9, 1.15, "pullback\nthrough $g_T$", TASK)
    _box(panel, 5.2, 1.15, "pullback\nthrough $g_S$", TASK)
    _box(panel, 3.1, 0.2, "adapter's W", ADAPTER)
    _arrow(panel, (2.9, 2.2), (1.6, 1.65))
    _arrow(panel, (4.4, 2.2), (5.7, 1.65))
    _arrow(panel, (1.4, 1.15), (1.4, 0.6))
    _arrow(panel, (5.75, 1.15), (5.75, 0.6))
    _arrow(panel, (5.2, 0.45), (4.2, 0.45))
    panel.text(1.4, 0.4, "$D'_T$", ha="center", va="center", fontsize=11)
    panel.text(5.75, 0.4, "$u_S$", ha="center", va="center", fontsize=11)
    panel.text(2.3, 0.45, "≈   $W^T u_S$", ha="center", va="center", fontsize=11, color=ORANGE)
    panel.text(0.3, 0.02, "linear in W: one Gram matrix, one factorisation, no image", fontsize=8, color=PALE)
    return svg(figure)


def features(network: Network, channel: int = 20) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Values of one channel of the cat's features, and images that some of them are of.

    Args:
        network: The animals'.
        channel: Which.

    Returns:
        Values by where they are from, real ones first, and an image (3, height, width) in [0, 1]
        of each kind.
    """
    from legonet.compile.prepare import prepared
    from legonet.data import animals
    from legonet.data.crops import crop_images, public_photos
    from legonet.data.leaves import leaves_images
    from legonet.distill.fitting.context import features_of
    from legonet.distill.synthesis.from_statistics import recoloured

    edge, shape = network.edge("cat:classify"), network.graph.input.shape
    if edge.statistics is None:
        raise ValueError("the cat's statistics are not there")
    generator = torch.Generator().manual_seed(3)
    real = animals.single_category("cat", "validation", count=400)
    leaves = leaves_images(400, shape, generator)
    photos = crop_images(400, shape, public_photos(), generator)
    images = {"a cat": real.images[real.labels == 1][2], "leaves": leaves[7], "a crop of a photo": photos[7]}
    found = [
        features_of(edge.category_module, prepared(each, network.graph.input))
        for each in (real.images, leaves)
    ]
    values = {
        "real images": found[0],
        "leaves, as they are": found[1],
        "recoloured, or drawn": recoloured(found[1], edge.statistics),
    }
    return {name: each[:, channel].flatten() for name, each in values.items()}, images


@styled
def sources(values: Mapping[str, Tensor], images: Mapping[str, Tensor]) -> bytes:
    """What images are taken from, and how the values of one channel are distributed.

    Args:
        values: By where they are from, real ones first.
        images: By source.
    """
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(7.2, 2.2), layout="constrained")
    grid = figure.subplot_mosaic([[*images, "curves"]], width_ratios=[1] * len(images) + [2.6])
    for name, image in images.items():
        grid[name].imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")
        grid[name].set_axis_off()
        grid[name].set_title(name, fontsize=8)
    panel = grid["curves"]
    highest = max(float(each.quantile(0.995)) for each in values.values())
    at = ((torch.arange(40) + 0.5) * highest / 40).tolist()
    (name, real), *others = values.items()
    panel.fill_between(at, _counts(real, highest), color=GREY, label=name, linewidth=0)
    for (name, each), line, colour in zip(others, (":", "-"), (ORANGE, BLUE), strict=True):
        panel.plot(at, _counts(each, highest), color=colour, linestyle=line, linewidth=1.3, label=name)
    panel.set_yscale("log")
    panel.set_yticks([])
    panel.set_yticks([], minor=True)
    panel.spines["left"].set_visible(False)
    panel.set_xlabel("values of one channel; how many, on a log scale", fontsize=8)
    panel.legend(fontsize=7)
    return svg(figure)


def _counts(values: Tensor, highest: float) -> list[float]:
    return (torch.histc(values, 40, 0, highest) / len(values)).tolist()


@styled
def choice() -> bytes:
    """What `auto` does."""
    figure, (panel,) = figure_of(1, 7.2, 2.5)
    _room(panel, 7.2, 2.5)
    _box(panel, 0.05, 1.5, "features of\nfour sources", NEITHER, wide=1.2)
    _box(panel, 0.05, 0.2, "a fifth is\nheld out", NEITHER, wide=1.2, dashed=True)
    _box(panel, 1.75, 1.5, "closed forms,\nthe identity", ADAPTER, wide=1.3)
    _box(panel, 3.55, 1.5, "refine by\noutputs", ADAPTER, wide=1.2)
    _box(panel, 5.75, 1.5, "keep the\nbest", ADAPTER, wide=1.2)
    _box(panel, 5.75, 0.2, "estimate on\nfresh features", NEITHER, wide=1.2, dashed=True)
    for begin, end in (
        ((1.25, 1.75), (1.75, 1.75)), ((3.05, 1.75), (3.55, 1.75)), ((4.75, 1.75), (5.75, 1.75)),
        ((0.65, 1.5), (0.65, 0.72)), ((6.35, 1.5), (6.35, 0.72)),
    ):  # fmt: skip
        _arrow(panel, begin, end)
    for across, up in (
        ([1.25, 2.4, 2.4], [0.45, 0.45, 1.45]),
        ([2.4, 4.15, 4.15], [0.45, 0.45, 1.45]),
        ([4.15, 5.4, 5.4, 5.75], [0.45, 0.45, 1.62, 1.62]),
    ):
        panel.plot(across, up, color=PALE, linewidth=0.8, linestyle="--")
    panel.text(1.4, 0.52, "judged on these", fontsize=7, color=PALE)
    panel.annotate(
        "", (3.7, 2.02), (4.6, 2.02),
        arrowprops={"arrowstyle": "->", "color": ORANGE, "connectionstyle": "arc3,rad=0.5", "linewidth": 1},
    )  # fmt: skip
    panel.text(4.15, 2.45, "worse? a third of the rate", fontsize=7, color=ORANGE, ha="center", va="top")
    return svg(figure)


@styled
def cost() -> bytes:
    """How many steps a refinement has, over what one feature of one step takes."""
    figure, (panel,) = figure_of(1, 5.6, 2.6)
    steps = [10 ** (7 + index / 20) for index in range(81)]
    panel.plot(steps, [refinement_steps(int(each), None, 0) for each in steps], color=BLUE, label="one base")
    panel.plot(
        steps, [refinement_steps(int(each), None, 0, 3) for each in steps],
        color=ORANGE, linestyle="--", label="strangers",
    )  # fmt: skip
    panel.set_xscale("log")
    panel.set_ylim(0, None)
    panel.set_xlabel(f"operations of one feature in one step of {BATCH}")
    panel.set_ylabel("steps")
    panel.tick_params(which="minor", size=0)
    panel.grid(color=GREY, linewidth=0.5)
    panel.legend()
    return svg(figure)


@styled
def estimate(rows: Sequence[Judged]) -> bytes:
    """What was expected of each fit, with its interval, over what test images showed.

    Args:
        rows: As `python -m benchmarks.agreement` keeps them.
    """
    figure, (panel,) = figure_of(1, 4.4, 4.0)
    for holds, colour, name in ((True, BLUE, "holds"), (False, ORANGE, "does not")):
        chosen = [each for each in rows if each.held == holds]
        middle = [each.expected[0] for each in chosen]
        panel.errorbar(
            [each.test for each in chosen],
            middle,
            yerr=[
                [value - each.expected[1] for value, each in zip(middle, chosen, strict=True)],
                [each.expected[2] - value for value, each in zip(middle, chosen, strict=True)],
            ],
            linestyle="",
            marker=".",
            markersize=4,
            elinewidth=0.5,
            color=colour,
            label=f"{name}: {len(chosen)}",
        )
    low = min(min(each.expected[1], each.test) for each in rows)
    panel.plot([low, 1], [low, 1], color=PALE, linewidth=0.8)
    panel.set_xlabel("agreement on test images")
    panel.set_ylabel("expected, with its 90 % interval")
    panel.grid(color=GREY, linewidth=0.5)
    panel.set_axisbelow(True)
    panel.legend(loc="lower right")
    return svg(figure)


def _room(panel: Axes, width: float, height: float) -> None:
    panel.set_xlim(0, width)
    panel.set_ylim(0, height)
    panel.set_aspect("equal")
    panel.set_axis_off()


def _box(
    panel: Axes, left: float, bottom: float, text: str, colour: str, wide: float = 1.1, dashed: bool = False
) -> None:
    from matplotlib.patches import FancyBboxPatch

    panel.add_patch(
        FancyBboxPatch(
            (left + 0.06, bottom + 0.06), wide - 0.12, 0.38,
            boxstyle="round,pad=0.06", facecolor=colour, edgecolor=PALE, linestyle="--" if dashed else "-",
        )
    )  # fmt: skip
    panel.text(left + wide / 2, bottom + 0.25, text, ha="center", va="center", fontsize=8, color=INK)


def _arrow(panel: Axes, begin: tuple[float, float], end: tuple[float, float]) -> None:
    panel.annotate("", end, begin, arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 1})
