"""The page of benchmarks at a glance: plots of docs/results, and which targets were not reached."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.agreement import read_judged
from benchmarks.plots import STYLE

BLUE, GREEN, AMBER, QUIET = "#2a8ac4", "#1f9d76", "#d08f1a", "#8c959f"
_BOTH = {"figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "font.size": 9.5}
_GREYS = dict.fromkeys(("text.color", "xtick.color", "ytick.color", "axes.labelcolor"), QUIET)
"""Plots stand on light and on dark pages, so their paper is transparent and their ink between the two."""


def pages(root: Path) -> dict[str, str]:
    """Make the page and its plots."""
    from matplotlib import rc_context

    results = root / "docs" / "results"
    made = {}
    style: Any = {**STYLE, **_BOTH, **_GREYS}
    with rc_context(style):
        for name, draw in PLOTS.items():
            made[f"plots/{name}.svg"] = _svg(draw, results)
    return made | {"glance.md": "\n".join(_page(results)) + "\n"}


def _svg(draw: Callable[[Any, Path], None], results: Path) -> str:
    from matplotlib.figure import Figure

    figure = Figure((7.2, 2.9), layout="constrained")
    draw(figure.subplots(), results)
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _figures(results: Path, name: str) -> list[dict[str, Any]]:
    data = json.loads((results / f"{name}.json").read_text(encoding="utf-8"))
    return data["figures"] if isinstance(data, dict) else data


def _lines(results: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (results / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def saving(axes: Any, results: Path) -> None:
    """Weights and operations of the teachers and of the network, of the teachers'."""
    teachers, network = _figures(results, "saving")
    names = ("weights", "operations")
    shares = [network[name] / teachers[name] for name in names]
    axes.barh(names, [1, 1], color=QUIET, alpha=0.25, height=0.5, label=teachers["name"])
    bars = axes.barh(names, shares, color=BLUE, height=0.5, label=network["name"])
    axes.bar_label(bars, [f"{share:.0%}" for share in shares], padding=4)
    axes.invert_yaxis()
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.legend(loc="lower center", ncols=2, bbox_to_anchor=(0.5, 1))


def agreement(axes: Any, results: Path) -> None:
    """What a fit expects of its path, and what test images say, in order of the latter."""
    rows = sorted(read_judged(results / "agreement.jsonl"), key=lambda row: row.test)
    places = range(len(rows))
    low, high = ([row.expected[index] for row in rows] for index in (1, 2))
    axes.fill_between(places, low, high, color=AMBER, alpha=0.3, lw=0, label="expected interval", step="mid")
    axes.plot(places, [row.test for row in rows], ".", ms=4, color=BLUE, label="on test images")
    axes.set_xlabel(f"{len(rows)} fits")
    axes.set_ylabel("agreement with the teacher")
    axes.legend(loc="lower right")


def speed(axes: Any, results: Path) -> None:
    """Time of one path of people's models, of the plain model's."""
    rows = [
        row for row in _figures(results, "compile") if row["measure"].endswith("of the plain model's time")
    ]
    names = list(dict.fromkeys(row["measure"].split(",")[0] for row in rows))
    for shift, (batch, colour) in zip((-0.19, 0.19), (("1", BLUE), ("16", GREEN)), strict=True):
        found = [
            next(row for row in rows if row["measure"].startswith(f"{name}, one path, batch {batch}:"))
            for name in names
        ]
        places = [index + shift for index in range(len(names))]
        bars = axes.bar(
            places, [row["value"] for row in found], width=0.36, color=colour, label=f"batch {batch}"
        )
        axes.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
    axes.axhline(1, color=QUIET, lw=0.8, ls=":")
    axes.set_xticks(range(len(names)), [name.replace("-L", "-\nL") for name in names])
    axes.set_ylim(0, 1.3)
    axes.set_ylabel("time, of the plain model's")
    axes.legend(loc="upper left", ncols=2)


def growth(axes: Any, results: Path) -> None:
    """Seconds of planning over the size of the network."""
    curves = json.loads((results / "scale.json").read_text(encoding="utf-8"))["curves"]
    for measure, colour in {"plan": BLUE, "plan again, from nothing": GREEN, "plan again": AMBER}.items():
        rows = [row for row in curves if row["measure"] == measure]
        axes.loglog(
            [row["size"] for row in rows],
            [row["seconds"] for row in rows],
            "o-",
            color=colour,
            label=measure,
            ms=4,
        )
    sizes = sorted({row["size"] for row in curves if row["measure"] == "plan"})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("edges")
    axes.set_ylabel("seconds")
    axes.legend(loc="upper left")


PLOTS: dict[str, Callable[[Any, Path], None]] = {
    "saving": saving,
    "agreement": agreement,
    "speed": speed,
    "growth": growth,
}


def _page(results: Path) -> Iterator[str]:
    rows = read_judged(results / "agreement.jsonl")
    held = sum(row.held for row in rows)
    models = _lines(results, "models")
    whole = sum(row["same"] and row["pulled"] for row in models)
    yield "# At a glance\n"
    yield "What was measured, and by which command. Figures are of test images; nothing was chosen on them."
    yield from _part("What merging saves", "saving", "python -m benchmarks saving")
    yield "Ten teachers of the animals and the one network that they became; [more](saving.md)."
    yield from _part("What a fit knows of its path", "agreement", "python -m benchmarks.agreement")
    yield "Before any image is seen, a fit says how often its path will decide as the teacher does."
    yield f"Of {len(rows)} intervals {held} hold on test images; [more](method.md#what-a-path-will-reach)."
    yield from _part("How fast compiled networks are", "speed", "python -m benchmarks compile")
    yield "One path of models that people use, of the time that the plain model takes, on one thread of a"
    yield "CPU; [more](compiler.md#measured)."
    yield from _part("How planning grows", "growth", "python -m benchmarks scale")
    yield "Up to 100,000 edges; [more](planning.md#how-it-grows)."
    yield "\n## Which models are taken in\n"
    yield f"Of {len(models)} architectures of torchvision, timm and others, {whole} are traced, cut, put"
    yield "together again to the bit, and have all their pullbacks: [the table](results/models.md), by"
    yield "`python -m benchmarks models`."
    yield from _missed(results)


def _part(title: str, plot: str, command: str) -> Iterator[str]:
    yield f"\n## {title}\n\n![{title}](plots/{plot}.svg)\n\n`{command}`\n"


def _missed(results: Path) -> Iterator[str]:
    """Which targets were not reached, over all results that have targets."""
    yield "\n## What did not reach its target\n"
    yield "| benchmark | measure | reached | target |\n| --- | --- | ---: | --- |"
    for name in ("compile", "scale", "speed"):
        for row in _figures(results, name):
            if row["met"] is False:
                unit = f" {row['unit']}".rstrip()
                reached, target = f"{row['value']:.4g}{unit}", f"{row['bound']} {row['target']:g}{unit}"
                yield f"| `{name}` | {row['measure']} | {reached} | {target} |"
    yield "\n[The paper's experiments](benchmarks.md#targets) have targets of their own."
