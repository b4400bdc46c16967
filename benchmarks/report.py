"""Tables, plots and JSON of what `python -m benchmarks paper` and `python -m benchmarks speed` measured."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.experiments import (
    ALL,
    BEST,
    COUNTS,
    EXPERIMENTS,
    HOW,
    NOTHING,
    TEACHER,
    UNADAPTED,
    Count,
    Experiment,
)
from benchmarks.hidden import CATEGORY, hidden_components
from benchmarks.paper import ROWS, Choice, Setting, finished
from benchmarks.photo_page import MeasuredEdge, edge_table
from benchmarks.photos import RESULTS as PHOTOS
from benchmarks.plots import plot_components, plot_costs, plot_errors
from benchmarks.rows import Summary, read_rows, summarise
from benchmarks.speed import SPEED, TimedFit
from benchmarks.targets import Figure, judge
from legonet.errors import DataError
from legonet.store.plain_files import write_file

PAPER = "paper.json"
PAGE = "benchmarks.md"
COLUMNS: tuple[Count, ...] = (*COUNTS, ALL)


def write_report(setting: Setting, choice: Choice, results: Path, docs: Path) -> list[Path]:
    """Write `benchmarks.md`, its plots and its JSON files.

    Args:
        setting: where the trials were run.
        choice: which of them are shown.
        results: folder of the rows and of `speed.json`.
        docs: folder of the page.

    Returns:
        The files.

    Raises:
        DataError: nothing was measured yet.
    """
    rig = setting.open()
    there = {row.trial.experiment for row in read_rows(results / ROWS)}
    choice = replace(choice, experiments=tuple(name for name in EXPERIMENTS if name in there))
    summaries = summarise(finished(rig, choice, results)) if there else []
    if not summaries:
        raise DataError(
            f"{results}: no rows; expected what `python -m benchmarks paper` measured; run it first"
        )
    targets, pictures = judge(summaries), docs / "benchmarks"
    files = {
        docs / "results" / PAPER: _json(
            {
                "images": f"{rig.pictures.name}, {setting.split}",
                "rows": [asdict(each) for each in summaries],
                "targets": [each.data() for each in targets],
            }
        )
    }
    shown = [name for name in EXPERIMENTS if any(each.experiment == name for each in summaries)]
    for name in shown:
        files[pictures / f"experiment-{name}.svg"] = plot_errors(summaries, name)
    if "2" in shown:
        files[pictures / "hidden.svg"] = plot_components(*hidden_components(rig), CATEGORY)
    speed = results / SPEED
    measured = json.loads(speed.read_text()) if speed.is_file() else None
    if measured is not None:
        costs = [TimedFit(**each) for each in measured["costs"]]
        rates = {
            "matrix product, float32": measured["matmul_float32"],
            "matrix product, float64": measured["matmul_float64"],
        }
        files[pictures / "speed.svg"] = plot_costs(costs, rates)
        files[docs / "results" / SPEED] = _json(measured)
    page = [*_head(setting, choice, rig.pictures.name, measured is not None), *_targets(targets)]
    for name in shown:
        mine = [each for each in summaries if each.experiment == name]
        page += _experiment(EXPERIMENTS[name], mine, choice.seeds)
    page += _speed([Figure(**each) for each in measured["figures"]], measured["threads"]) if measured else []
    page += _others(docs)
    files[docs / PAGE] = ("\n".join(page).rstrip() + "\n").encode()
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, data)
    return list(files)


def _json(data: object) -> bytes:
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()


def _head(setting: Setting, choice: Choice, pictures: str, speed: bool) -> list[str]:
    files = [PAPER, SPEED] if speed else [PAPER]
    return [
        "# Benchmarks",
        "",
        "Every figure, table and plot on this page was made by these commands, and the figures are in",
        " and ".join(f"[results/{name}](results/{name})" for name in files) + ":",
        "",
        "```",
        f"python -m benchmarks paper --seeds {choice.seeds} --split {setting.split}"
        + "".join(f" --experiment {name}" for name in choice.experiments),
        *([f"python -m benchmarks speed --split {setting.split}"] if speed else []),
        f"python -m benchmarks report --seeds {choice.seeds} --split {setting.split}",
        "```",
        "",
        *_paragraph(
            f"Errors are on {setting.split} images ({pictures}), in percent: means over the categories and "
            f"{choice.seeds} seeds, ± the standard deviation over the seeds of the categories' mean. Each "
            "seed has training images of its own composition, of which the first n are given with their "
            "labels, and its own start and draws; a number of seeds in brackets is what a run that was "
            f"stopped has. Seconds are of one thread. All settings were chosen on validation images. {HOW}"
        ),
        *_paragraph(
            "References: the *teacher* is f and its own g_T; *no adapter* joins f to g_S as they are; *all* "
            "is the upper bound, the same adapter fitted from every training image; *f of random weights* is "
            "the control: the same fit with a category module that knows nothing, its statistics recorded "
            "with these weights. Chance is 50 % for classification. An adapter that did well on random "
            "features would have learned a shortcut."
        ),
    ]


def _paragraph(text: str) -> list[str]:
    return [*textwrap.wrap(text, 110, break_long_words=False, break_on_hyphens=False), ""]


def _targets(figures: Sequence[Figure]) -> list[str]:
    return ["## Targets", "", *_figures(figures), ""]


def _figures(figures: Sequence[Figure]) -> Iterator[str]:
    yield "| measure | value | target | |"
    yield "| --- | ---: | ---: | --- |"
    for each in figures:
        spread = "" if each.spread is None else f" ± {each.spread:.1f}"
        bound = "" if each.bound == "at most" else "≥ "
        target = "" if each.target is None else f"{bound or '≤ '}{each.target:.3g}"
        met = "" if each.met is None else "met" if each.met else "**not met**"
        yield f"| {each.measure} | {_number(each.value)}{spread} {each.unit} | {target} | {met} |"


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def _experiment(experiment: Experiment, summaries: Sequence[Summary], seeds: int) -> Iterator[str]:
    number = experiment.name
    yield f"## {'Experiment' if number.isdecimal() else 'Different'} {number}: {experiment.title}"
    yield ""
    yield f"![Error over the number of images](benchmarks/experiment-{number}.svg)"
    yield ""
    measures = ["pixel error", "IoU"] if experiment.task == "mask" else ["error"]
    for measure in measures:
        references = [
            f"{method} {each.measures[measure]:.1f} %"
            for method in (TEACHER, UNADAPTED, NOTHING)
            for each in summaries
            if each.method == method
        ]
        yield f"{measure[0].upper()}{measure[1:]} in percent; {', '.join(references)}."
        yield ""
        for adapter in experiment.adapters:
            mine = [each for each in summaries if each.adapter == adapter]
            yield from _table(adapter, measure, mine, seeds)
    if len(experiment.categories) > 1:
        yield from _categories(experiment, summaries)
    if number == "2":
        yield "### The last hidden features"
        yield ""
        yield from _paragraph(
            f"Principal components of what fc8 takes, for images of {CATEGORY} and others through the dog's "
            "task module, three 1x1 (the paper's Figure 4). Each panel has its own components."
        )
        yield "![Principal components of the last hidden features](benchmarks/hidden.svg)"
        yield ""


def _table(adapter: str, measure: str, summaries: Sequence[Summary], seeds: int) -> Iterator[str]:
    lines = dict.fromkeys((each.method, each.random_f) for each in summaries)
    if not lines:
        return
    yield f"| {adapter} | {' | '.join('all' if n is ALL else f'n = {n}' for n in COLUMNS)} | seconds |"
    yield f"| --- |{' ---: |' * (len(COLUMNS) + 1)}"
    for method, random_f in lines:
        mine = {each.images: each for each in summaries if (each.method, each.random_f) == (method, random_f)}
        name = f"{method}, f of random weights" if random_f else f"**{method}**" if method == BEST else method
        cells = [_cell(mine[n], measure, seeds) if n in mine else "" for n in COLUMNS]
        seconds = [each.seconds for n, each in mine.items() if each.seconds is not None and n is not ALL]
        took = f"{min(seconds):.1f} to {max(seconds):.1f}" if seconds else ""
        yield f"| {name} | {' | '.join(cells)} | {took} |"
    yield ""


def _cell(summary: Summary, measure: str, seeds: int) -> str:
    value = f"{summary.measures[measure]:.1f}"
    if summary.spread is not None and measure.endswith("error"):  # the spread is of what is compared
        value += f" ± {summary.spread:.1f}"
    return value if summary.seeds == seeds else f"{value} ({summary.seeds})"


def _categories(experiment: Experiment, summaries: Sequence[Summary]) -> Iterator[str]:
    """The best method without an image, category by category, so that no edge is left behind unseen."""
    shown = [each for each in summaries if each.method == TEACHER]
    shown += [each for each in summaries if (each.method, each.images, each.random_f) == (BEST, 0, False)]
    if len(shown) < 2:
        return
    names = sorted({name for each in shown for name in each.categories})
    yield f"| by category | {' | '.join(names)} |"
    yield f"| --- |{' ---: |' * len(names)}"
    for each in shown:
        name = TEACHER if each.method == TEACHER else f"{BEST}, {each.adapter}, 0 images"
        cells = [f"{each.categories[known]:.1f}" if known in each.categories else "" for known in names]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def _speed(figures: Sequence[Figure], threads: int) -> list[str]:
    return [
        "## Speed",
        "",
        *_paragraph(
            f"No image. One thread, on both sides of each ratio; at the paper's width {threads} threads: "
            "VGG-16 above its first pooling, 64 channels of 112x112, one 3x3 adapter."
        ),
        *_figures(figures),
        "",
        *_paragraph(
            "The closed form's cost in draws (32 channels) and in channels (64 draws), on maps of 16x16 "
            "below two convolutions and a pooling, beside what matrix products reach here. Pullbacks "
            "are in float32, the normal equations in float64."
        ),
        "![Seconds of the closed form over its operations](benchmarks/speed.svg)",
        "",
    ]


def _others(docs: Path) -> list[str]:
    """What other benches found, of those that were run."""
    lines, models, photos = [], docs / "results" / "models.md", docs / "results" / PHOTOS
    if models.is_file():
        lines = [
            "- [results/models.md](results/models.md): `python -m benchmarks models`: architectures of "
            "torchvision, timm and others as teachers",
            "",
        ]
    if photos.is_file():
        edges = [MeasuredEdge(**each) for each in json.loads(photos.read_text())["edges"]]
        lines += [
            "### A pretrained network, and an edge between two architectures",
            "",
            *_paragraph(
                "`python -m benchmarks photos`: EfficientNet-Lite0 with ImageNet weights, cut at its middle, "
                "and a VGG-style category module below its task module; more in [photos.md](photos.md)."
            ),
            *edge_table(edges),
            "",
        ]
    return ["## Other models", "", *lines] if lines else []
