"""The benchmarks' plots, as SVG files: the same figures give the same bytes. Needs the extra `bench`."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from benchmarks.experiments import (
    ALL,
    BEST,
    COUNTS,
    EXPERIMENTS,
    NOTHING,
    TEACHER,
    UNADAPTED,
    Count,
)
from benchmarks.rows import Summary
from legonet.errors import RenderError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing
    from numpy.typing import NDArray

    from benchmarks.speed import TimedFit

Given = ParamSpec("Given")
INK, PALE = "#1f2328", "#8c959f"
# Okabe and Ito's colours, which colour-blind people tell apart.
COLOURS = {
    BEST: "#0072b2",
    "inversion": "#56b4e9",
    "closed-form": "#009e73",
    "closed form alone": "#009e73",
    "back-distillation": "#d55e00",
    "jacobian": "#cc79a7",
    "distillation": "#e69f00",
    "ordinary": "#6e7781",
}
MARKERS = {"closed form alone": "D", "closed-form": "s", "inversion": "^", BEST: "o"}
STYLE: Any = {
    "svg.hashsalt": "legonet",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.minor.size": 0,
    "figure.facecolor": "white",
    "legend.frameon": False,
}
PERCENT = (0.2, 0.5, 1, 2, 5, 10, 20, 50)


def styled(draw: Callable[Given, bytes]) -> Callable[Given, bytes]:
    """Draw in the style of all plots, and leave matplotlib's settings as they were."""

    @wraps(draw)
    def styled(*args: Given.args, **kwargs: Given.kwargs) -> bytes:
        try:
            from matplotlib import rc_context
        except ImportError as error:
            raise RenderError(
                "plots: matplotlib is not there; expected the extra `bench`; run pip install 'legonet[bench]'"
            ) from error
        with rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


@styled
def plot_errors(summaries: Sequence[Summary], experiment: str) -> bytes:
    """Error over the number of images, one panel for each adapter, one line for each method.

    Args:
        summaries: of a run.
        experiment: its name.
    """
    adapters = list(EXPERIMENTS[experiment].adapters)
    figure, panels = figure_of(len(adapters), width=4.4, height=3.6, share=True)
    mine = [each for each in summaries if each.experiment == experiment]
    for panel, adapter in zip(panels, adapters, strict=True):
        panel.set_title(adapter)
        _reference_lines(panel, mine)
        for method in dict.fromkeys(each.method for each in mine if each.adapter == adapter):
            _curve(panel, [each for each in mine if (each.adapter, each.method) == (adapter, method)])
        _count_axis(panel)
        _percent_axis(panel)
    kind = "pixel error" if EXPERIMENTS[experiment].task == "mask" else "error"
    panels[0].set_ylabel(f"{kind}, % (log scale)")
    figure.supxlabel("labelled images of the category", fontsize=9)
    entries = {label: line for panel in panels for line, label in _legend(panel)}
    rows = -(-len(entries) // 5)
    figure.legend(
        list(entries.values()), list(entries), loc="outside upper center", ncols=-(-len(entries) // rows)
    )
    return svg(figure)


def _legend(panel: Axes) -> list[tuple[Any, str]]:
    return list(zip(*panel.get_legend_handles_labels(), strict=True))


def _curve(panel: Axes, points: Sequence[Summary]) -> None:
    colour = COLOURS.get(points[0].method, INK)
    for random_f in (False, True):
        chosen = sorted((each for each in points if each.random_f == random_f), key=_place)
        if not chosen:
            continue
        at = [_place(each) for each in chosen]
        panel.errorbar(
            at,
            [max(each.mean, PERCENT[0]) for each in chosen],
            yerr=[each.spread or 0.0 for each in chosen],
            label=points[0].method + (", f of random weights" if random_f else ""),
            color=colour,
            marker="x" if random_f else MARKERS.get(points[0].method, "."),
            linestyle=":" if random_f else "-",
            linewidth=2.0 if points[0].method == BEST else 1.2,
            markersize=5,
            elinewidth=0.8,
            capsize=2,
            zorder=3 if points[0].method == BEST else 2,
        )


def _reference_lines(panel: Axes, summaries: Sequence[Summary]) -> None:
    for method, style in ((TEACHER, "--"), (UNADAPTED, "-."), (NOTHING, (0, (1, 2)))):
        for each in summaries:
            if each.method == method:
                panel.axhline(
                    max(each.mean, PERCENT[0]),
                    color=PALE,
                    linewidth=1,
                    linestyle=style,
                    label=method,
                    zorder=1,
                )


def _place(summary: Summary) -> int:
    return len(COUNTS) if summary.images is ALL else COUNTS.index(summary.images)


def _count_axis(panel: Axes) -> None:
    counts: tuple[Count, ...] = (*COUNTS, ALL)
    panel.set_xticks(range(len(counts)), ["all" if count is ALL else str(count) for count in counts])
    panel.set_xlim(-0.3, len(counts) - 0.7)


def _percent_axis(panel: Axes) -> None:
    panel.set_yscale("log")
    low, high = panel.get_ylim()
    ticks = [tick for tick in PERCENT if 0.8 * low <= tick <= 1.25 * high]
    panel.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    panel.set_yticks([], minor=True)
    panel.grid(axis="y", color="#d0d7de", linewidth=0.5)
    panel.set_axisbelow(True)


@styled
def plot_components(points: Mapping[str, NDArray[Any]], labels: NDArray[Any], category: str) -> bytes:
    """The paper's Figure 4: principal components of the last hidden features, one panel for each method.

    Args:
        points: by method, (images, 2).
        labels: (images,) of 0 and 1.
        category: what a label of 1 shows.

    Source: arXiv:1804.10272, figure 4.
    """
    figure, panels = figure_of(len(points), width=2.1, height=2.5)
    for panel, (method, places) in zip(panels, points.items(), strict=True):
        panel.set_title(method, fontsize=9)
        for label, colour, name in ((0, "#d55e00", "other"), (1, "#0072b2", category)):
            shown = places[labels == label]
            panel.scatter(shown[:, 0], shown[:, 1], s=6, color=colour, alpha=0.6, linewidths=0, label=name)
        panel.set_xticks([])
        panel.set_yticks([])
    panels[0].set_ylabel("second component")
    figure.supxlabel("first component", fontsize=9)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=2, markerscale=2)
    return svg(figure)


@styled
def plot_costs(costs: Sequence[TimedFit], rates: Mapping[str, float]) -> bytes:
    """Seconds of the closed form over its operations, beside what matrix products reach.

    Args:
        costs: as `python -m benchmarks speed` found them.
        rates: of the machine, operations per second by name.
    """
    figure, (panel,) = figure_of(1, width=5.6, height=4.0)
    varied = {"draws": ("#0072b2", "o"), "channels": ("#d55e00", "s")}
    for name, (colour, marker) in varied.items():
        chosen = sorted((each for each in costs if each.varied == name), key=lambda each: each.operations)
        panel.plot(
            [each.operations for each in chosen],
            [each.seconds for each in chosen],
            color=colour,
            marker=marker,
            markersize=4,
            label=f"more {name}",
        )
        for each in chosen:
            count = each.draws if name == "draws" else each.channels
            panel.annotate(
                str(count),
                (each.operations, each.seconds),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=colour,
            )
    ends = [min(each.operations for each in costs), max(each.operations for each in costs)]
    for (name, rate), style in zip(rates.items(), ("--", ":"), strict=True):
        label = f"{name}: {rate / 1e9:.0f} GFLOP/s"
        panel.plot(ends, [end / rate for end in ends], color=PALE, linestyle=style, linewidth=1, label=label)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel("floating-point operations, counted")
    panel.set_ylabel("seconds")
    panel.tick_params(which="minor", size=0)
    panel.grid(color="#d0d7de", linewidth=0.5)
    figure.legend(loc="outside upper center", ncols=2)
    return svg(figure)


def figure_of(columns: int, width: float, height: float, share: bool = False) -> tuple[Drawing, list[Axes]]:
    """A figure of panels side by side, each of so many inches."""
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(width * columns, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False, sharey=share)
    return figure, list(axes[0])


def svg(figure: Drawing) -> bytes:
    """A figure as an SVG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "legonet"})
    lines = buffer.getvalue().decode().split("\n")
    return "\n".join(line.rstrip() for line in lines).encode()
