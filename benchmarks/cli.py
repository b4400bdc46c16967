"""The commands of `python -m benchmarks`; nothing heavy is imported before one runs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from legonet.cli import run_app
from legonet.cli.options import Device, Help, Json
from legonet.progress import Bars, open_bars

if TYPE_CHECKING:
    from benchmarks.paper import Progress
    from benchmarks.targets import Figure
    from benchmarks.voc import Place

Results = Annotated[
    Path,
    typer.Option("--results", metavar="FOLDER", help="Where rows are kept; what is there is not run again."),
]
Split = Annotated[
    str, typer.Option(help="test, for final figures, or validation, for every choice of settings.")
]
Data = Annotated[str, typer.Option(metavar="NAME", help="animals, or voc: Pascal VOC, given by --root.")]
Backbone = Annotated[str, typer.Option(help="With voc: vgg16, or vgg-slim for small images.")]
Root = Annotated[Path | None, typer.Option(help="With voc: the folder that holds VOCdevkit.")]
MOST_JOBS = 8  # each takes 0.7 GiB
RESULTS = Path("build/bench")

app = typer.Typer(
    help="Experiments, measured on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    add_help_option=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: list[str] | None = None) -> int:
    """Run a benchmark; see `legonet.cli.run_app`."""
    return run_app(app, "python -m benchmarks", arguments)


@app.callback()
def _benchmarks(show_help: Help = False) -> None:
    """Experiments, measured on this machine."""


@app.command("at-once")
def at_once(
    commands: Annotated[int, typer.Option(metavar="N", min=1, help="How many commands in all.")] = 200,
    processes: Annotated[int, typer.Option(metavar="N", min=1, help="How many processes at once.")] = 8,
    seed: Annotated[int, typer.Option(metavar="N", help="Of what is chosen by chance.")] = 0,
) -> int:
    """Work on one workspace with mixed commands at once; nothing may be lost."""
    import tempfile

    from benchmarks.at_once import at_once, text_of

    with tempfile.TemporaryDirectory() as folder:
        found = at_once(commands, processes, seed, Path(folder) / "zoo")
    print(text_of(found))
    return int(bool(found.broken))


@app.command("paper")
def paper(
    experiment: Annotated[
        list[str] | None,
        typer.Option(
            "--experiment",
            metavar="NAME",
            help="1, 2, 3, bases or architectures; may be given several times; default: 1, 2 and 3.",
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds; default 5, quick 1.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Main methods, two categories, 0, 10, 100 images.")
    ] = False,
    only: Annotated[str, typer.Option(help="Only what has this in its label, such as 'auto, 10'.")] = "",
    split: Split = "test",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes side by side; default: one per core, at most 8; on a GPU 1."),
    ] = None,
    device: Device = "cpu",
    results: Results = RESULTS,
    data: Data = "animals",
    backbone: Backbone = "vgg16",
    root: Root = None,
    weights: Annotated[
        Path | None, typer.Option(help="With voc: the backbone's state dict, to fine-tune teachers from.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="With voc: of the teachers' training.")] = 10,
    as_json: Json = False,
) -> None:
    """Run the paper's experiments with all methods.

    The figures are compared with the targets. Stopped, it goes on where it was when it is run again. The
    benchmark `report` makes tables and plots.
    """
    from benchmarks.experiments import SEEDS
    from benchmarks.paper import Choice, Setting, run_paper
    from benchmarks.rows import summarise
    from benchmarks.targets import judge

    place = _place(data, root, results, backbone)
    if place is not None:
        from benchmarks.voc import prepare

        prepare(place, weights, epochs, device, _say)
    setting = Setting(_split(split), device, place)
    choice = Choice(_experiments(experiment or []), seeds or (1 if quick else SEEDS), quick, only)
    with open_bars(None if as_json else "auto", sys.stdout) as bars:
        rows = run_paper(setting, choice, results, jobs or _cores(device), partial(_tell, bars))
    summaries = summarise(rows)
    _print(judge(summaries), as_json)


@app.command("speed")
def speed(
    steps: Annotated[int, typer.Option(min=1, help="Of back-distillation, which is compared with.")] = 1500,
    split: Split = "test",
    threads: Annotated[int | None, typer.Option(min=1, help="At the paper's width; default: all.")] = None,
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Time the closed form against back-distillation.

    It is also compared with what the machine can do.
    """
    from benchmarks.speed import SPEED, run_speed
    from legonet.store.plain_files import write_file

    found = run_speed(_split(split), steps, threads, _say)
    write_file(results / SPEED, (json.dumps(found.data(), indent=2) + "\n").encode())
    _print(found.figures, as_json)


@app.command("serve")
def serve(
    requests: Annotated[int, typer.Option(min=1, metavar="N", help="How many, each of one image.")] = 256,
    clients: Annotated[int, typer.Option(min=1, metavar="N", help="How many ask at the same time.")] = 32,
    batch: Annotated[int, typer.Option(min=2, metavar="N", help="Images that are computed together.")] = 16,
    rounds: Annotated[int, typer.Option(min=1, metavar="N", help="How often both ways take turns.")] = 5,
    as_json: Json = False,
) -> None:
    """Serve requests in batches, beside the same requests one by one."""
    from benchmarks.serve import Load, run_serve

    _print(run_serve(Load(requests, clients, batch, rounds)), as_json)


@app.command("scale")
def scale(
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of the files, the jobs and the year.")
    ] = False,
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Measure how planning and running grow with the network.

    That covers plans, files, the store, the scheduler, and a year of arrivals.
    """
    from benchmarks.scale import SCALE, run_scale
    from legonet.store.plain_files import write_file

    found = run_scale(quick, _say)
    write_file(results / SCALE, (json.dumps(found.data(), indent=2) + "\n").encode())
    _print(found.figures, as_json)


@app.command("compile")
def compile_bench(
    repeats: Annotated[int, typer.Option(min=3, help="Pairs of runs that a median is taken of.")] = 30,
    models: Annotated[
        bool, typer.Option("--models", help="Only models of torchvision and timm. Needs the extra `zoo`.")
    ] = False,
    only: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only models with this in their names.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small images for models, and few runs.")] = False,
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Time compiled networks against what one would write by hand; memory, compile time and exports.

    What was measured before stays in the results until it is measured again.
    """
    from benchmarks.compile import COMPILE, run_compile, write_json
    from benchmarks.compile_models import QUICK, Effort, run_models
    from legonet.store.plain_files import write_file

    repeats = QUICK.repeats if quick else repeats
    figures = run_models(QUICK if quick else Effort(repeats=repeats), only or "", _say)
    if not models and only is None:
        figures = [*run_compile(repeats, _say), *figures]
    file = results / COMPILE
    write_file(file, write_json(figures, file.read_text() if file.exists() else None).encode())
    _print(figures, as_json)


@app.command("report")
def report(
    docs: Annotated[Path, typer.Option("--output", "-o", help="Folder of the page.")] = Path("docs"),
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds; default: 5.")] = None,
    split: Split = "test",
    results: Results = RESULTS,
    data: Data = "animals",
    backbone: Backbone = "vgg16",
    root: Root = None,
) -> None:
    """Write benchmarks.md from what was measured.

    Its plots and JSON files are written too. Needs the extra `bench`.
    """
    from benchmarks.experiments import SEEDS
    from benchmarks.paper import Choice, Setting
    from benchmarks.report import write_report

    setting = Setting(_split(split), voc=_place(data, root, results, backbone))
    for path in write_report(setting, Choice(seeds=seeds or SEEDS), results, docs):
        print(path)


def _place(data: str, root: Path | None, results: Path, backbone: str) -> Place | None:
    """Where VOC and the network on it are; None for the animals."""
    from legonet.errors import DataError

    if data == "animals":
        return None
    if data != "voc":
        raise DataError(f"--data {data}: no such data; expected animals or voc")
    if root is None:
        raise DataError("--data voc: no --root; expected the folder that holds VOCdevkit")
    from benchmarks.voc import Place

    return Place(root, results / backbone, backbone)


def _cores(device: str) -> int:
    """Processes that a device has room for."""
    return min(os.cpu_count() or 1, MOST_JOBS) if device == "cpu" else 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _split(name: str) -> Any:
    from legonet.errors import DataError

    if name not in ("validation", "test"):
        raise DataError(f"--split {name}: no such split; expected validation or test")
    return name


def _experiments(names: Sequence[str]) -> tuple[str, ...]:
    from benchmarks.experiments import EXPERIMENTS
    from legonet.errors import SelectError

    for name in names:
        if name not in EXPERIMENTS:
            raise SelectError(
                f"--experiment {name}: no such experiment; expected one of {', '.join(EXPERIMENTS)}"
            )
    return tuple(name for name in EXPERIMENTS if name in names)


def _print(figures: Sequence[Figure], as_json: bool) -> None:
    from legonet.tables import columns

    if as_json:
        print(json.dumps([figure.data() for figure in figures], indent=2))
        return
    lines = [("measure", "value", "", "target", "")]
    lines += [
        (
            figure.measure,
            f"{figure.value:.3g}" + ("" if figure.spread is None else f" ± {figure.spread:.2g}"),
            figure.unit,
            "" if figure.target is None else f"{figure.bound} {figure.target:g}",
            "" if figure.met is None else "met" if figure.met else "not met",
        )
        for figure in figures
    ]
    print("\n".join(columns(lines, right=(1,))))


def _tell(bars: Bars, progress: Progress) -> None:
    """Tell of one trial: a bar on a terminal, one line per trial elsewhere."""
    row, trial = progress.row, progress.row.trial
    found = ", ".join(f"{name} {value:.1f} %" for name, value in row.measures.items())
    took = "" if row.seconds is None else f" ({row.seconds:.1f} s)"
    line = f"{trial.category}, {trial.label}, seed {trial.seed}: {found}{took}"
    bars.line(f"[{progress.done}/{progress.trials}] {line}")
    bars.show("trials", "trials", total=progress.trials, done=progress.done)


@app.command("models")
def models(
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group", metavar="NAME", help="classification, segmentation, detection or timm; default: all."
        ),
    ] = None,
    only: Annotated[str, typer.Option(help="Only models with this in their names.")] = "",
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Try architectures of torchvision and timm as teachers.

    Each is traced, cut, put together again and pulled back.
    """
    from dataclasses import asdict

    from benchmarks.models import Outcome, read_outcomes, run_models, write_table
    from legonet.store.plain_files import write_file

    def tell(outcome: Outcome) -> None:
        if not as_json:
            print(f"{outcome.name}: {'passed' if outcome.passed else outcome.reason}", flush=True)

    outcomes = run_models(results / "models.jsonl", group or (), only, tell)
    write_file(results / "models.md", write_table(read_outcomes(results / "models.jsonl")).encode())
    print(json.dumps([asdict(each) for each in outcomes], indent=2) if as_json else results / "models.md")


@app.command("saving")
def saving(
    graph: Annotated[Path, typer.Option(help="The network.")] = Path("graphs/animals.yaml"),
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Count what merging saves: teachers, each by itself, beside the one network."""
    from tempfile import TemporaryDirectory

    from benchmarks.saving import data, measure, table

    with TemporaryDirectory() as folder:
        sides = measure(graph, Path(folder))
    text = json.dumps(data(sides), indent=2)
    results.mkdir(parents=True, exist_ok=True)
    (results / "saving.json").write_text(text + "\n", encoding="utf-8")
    print(text if as_json else table(sides))


@app.command("sides")
def sides(
    graph: Annotated[Path, typer.Option(help="The network, as it comes with legonet.")] = Path(
        "graphs/sides.yaml"
    ),
    images: Annotated[
        list[int] | None,
        typer.Option(min=0, metavar="N", help="Images of each category that adapters are fitted from."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Merge five classifiers of four classes, trained apart, and measure.

    The teachers are trained first if they are not there, which takes some minutes.
    """
    from dataclasses import asdict

    from benchmarks.sides import Effort, run_sides, table

    rows = run_sides(graph, Effort(), images or [0], _say)
    print(json.dumps([asdict(row) for row in rows], indent=2) if as_json else table(rows))


@app.command("peers")
def peers(
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Seeds of images and fits.")] = 3,
    split: Split = "test",
    only: Annotated[str, typer.Option(metavar="TEXT", help="Only peers whose name holds this.")] = "",
    results: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where rows are kept, as JSON.")
    ] = None,
) -> None:
    """Measure what people would do instead of transplanting.

    All get the animals' teachers of `classify`, and are measured on the same images.
    """
    from dataclasses import asdict
    from typing import cast

    from benchmarks.peers.run import run_peers, table
    from benchmarks.peers.setting import Split as Name

    rows = list(run_peers(seeds, cast("Name", split), only, _say))
    if results is not None:
        results.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    print(table(rows))


@app.command("scenes")
def scenes(
    graph: Annotated[Path, typer.Option(help="The network, as it comes with legonet.")] = Path(
        "graphs/scenes.yaml"
    ),
    images: Annotated[
        list[int] | None,
        typer.Option(min=0, metavar="N", help="Scenes of each category that adapters are fitted from."),
    ] = None,
    split: Split = "test",
    results: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where rows are kept, as JSON.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw what teachers and network find.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Merge five detectors of one animal each, trained apart, and measure.

    The teachers are trained first if they are not there, which takes some minutes.
    """
    from dataclasses import asdict
    from typing import cast

    from benchmarks.scenes import Effort, draw, run_scenes
    from benchmarks.sides import table
    from legonet.data.silhouettes import Split as Name

    rows = run_scenes(graph, Effort(), images or [0], _say, cast("Name", split))
    if results is not None:
        results.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    if picture is not None:
        draw(graph).save(picture)
    print(json.dumps([asdict(row) for row in rows], indent=2) if as_json else table(rows))


@app.command("messages")
def messages(
    kind: Annotated[str, typer.Option(metavar="NAME", help="Only those of this, such as GraphError.")] = "",
) -> None:
    """List every message that a command can print.

    They are read from the source, to be read in one go.
    """
    from benchmarks.messages import messages as find

    for each in find():
        if kind in ("", each.kind):
            print(f"{each.place}: {each.kind}: {each.text}")


@app.command("photos")
def photos(
    graph: Annotated[Path, typer.Option(help="The network, as it comes with legonet.")] = Path(
        "graphs/photos.yaml"
    ),
    images: Annotated[
        int, typer.Option(min=8, metavar="N", help="Images that each teacher is tuned on.")
    ] = 1600,
    rounds: Annotated[int, typer.Option(min=1, metavar="N", help="Rounds over them.")] = 4,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Seeds of the fits.")] = 3,
    test: Annotated[
        int | None, typer.Option(min=2, metavar="N", help="Test images of each path; default: 1,000.")
    ] = None,
    docs: Annotated[Path, typer.Option("--output", "-o", help="Folder of the page.")] = Path("docs"),
    results: Results = RESULTS,
) -> None:
    """Build and measure a network of two architectures.

    These are EfficientNet-Lite0 and a VGG-style net. Needs the extra `zoo`.
    """
    from benchmarks.photo_teachers import Effort
    from benchmarks.photos import run_photos

    for path in run_photos(graph, results, docs, Effort(images=images, rounds=rounds), _say, seeds, test):
        print(path)


@app.command("fuzz")
def fuzz(
    count: Annotated[int, typer.Option("--count", min=1, metavar="N", help="How many files.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of mutants.")] = 0,
    only: Annotated[str, typer.Option(metavar="NAME", help="Only formats with this in their names.")] = "",
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where mutants are kept that should be looked at.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Read damaged and hostile files of every format, and count how that ends.

    Each is read within limits of time and memory. The exit status is 1 if one was not accepted or refused by
    a message within them.
    """
    from benchmarks.fuzz import run_fuzz, table

    found = run_fuzz(count, seed, only, keep, _say)
    print(json.dumps(found.data(), indent=2) if as_json else table(found))
    return 0 if found.clean else 1


@app.command("cells")
def cells_(
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Seeds of the fits.")] = 5,
    teachers: Annotated[int, typer.Option(min=1, metavar="N", help="Seeds of the teachers.")] = 3,
    images: Annotated[
        list[str] | None,
        typer.Option(metavar="N", help="Unlabelled photos, or 'all'; default: 0, 10, 100, all."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Threads of a fit.")] = 2,
    results: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where teachers and results are kept.")
    ] = Path("build/cells"),
) -> None:
    """Join networks of solar cells' photos with the defaults of `auto`.

    Needs the extra `zoo`.
    """
    from benchmarks.cells import COUNTS, run_cells, table

    counts = COUNTS if images is None else tuple(None if each == "all" else int(each) for each in images)
    print(table(list(run_cells(results, seeds, teachers, counts, threads, _say))))
