"""A figure that stands on two pages is one figure, and it is the one that was measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.agreement import read_judged
from benchmarks.peers.run import Row, table

ROOT = Path(__file__).parents[2]


def found(page: str, pattern: str) -> list[str]:
    """What a pattern's group holds on a page, each once."""
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    return sorted(set(re.findall(pattern, text)))


def test_the_demo_takes_one_time() -> None:
    times = found("docs/demo.md", r"takes (\d+) s on two cores")
    assert len(times) == 1
    assert found("README.md", r"(\d+) s on two cores") == times


def test_as_many_architectures_were_tried_as_the_table_has() -> None:
    outcomes = (ROOT / "docs" / "results" / "models.jsonl").read_text().splitlines()
    rows = re.findall(r"^\| [a-z_]+:\S+ \|", (ROOT / "docs/results/models.md").read_text(), re.MULTILINE)
    assert len(rows) == len(outcomes)
    assert found("docs/teachers.md", r"\[(\d+) architectures\]\(results/models.md\)") == [str(len(outcomes))]


def kept(name: str) -> Any:
    """What a benchmark has kept."""
    return json.loads((ROOT / "docs" / "results" / name).read_text(encoding="utf-8"))


def rows(page: str) -> list[str]:
    """The rows of a page's tables, without what makes words bold."""
    lines = (ROOT / page).read_text(encoding="utf-8").replace("**", "").splitlines()
    return [line for line in lines if line.startswith("|")]


def test_the_peers_are_those_that_were_measured() -> None:
    for line in table([Row(**each) for each in kept("peers.json")]).splitlines():
        assert line in rows("docs/peers.md")


def test_the_scenes_are_those_that_were_measured() -> None:
    found = kept("scenes.json")
    worst = {0: 0.0, 10: 0.0}
    for path in dict.fromkeys(each["path"] for each in found):
        (none,), ten = (
            [each for each in found if (each["path"], each["images"]) == (path, n)] for n in worst
        )
        native = none["unadapted"] == none["teacher"]
        cells = [f"{none['teacher']:.1%}", "native" if native else f"{none['unadapted']:.1%}"]
        cells += [f"{none['path_accuracy']:.1%}"]
        cells += [", ".join(f"{each['path_accuracy']:.1%}" for each in ten) if ten else "native"]
        assert f"| {path} | {' | '.join(cells)} |" in rows("docs/outputs.md")
        for draws in filter(None, ([none], ten)):
            lost = fmean(100 * (each["teacher"] - each["path_accuracy"]) for each in draws)
            worst[draws[0]["images"]] = max(worst[draws[0]["images"]], lost)
    for page in ("README.md", "docs/outputs.md"):
        assert found_once(page, r"within ([\d.]+) points of (?:each|its) teacher") == f"{worst[0]:.1f}"
    assert found_once("docs/outputs.md", r"means are at most ([\d.]+) below") == f"{worst[10]:.1f}"


def test_the_sides_are_those_that_were_measured() -> None:
    found, worst = kept("sides.json"), 0.0
    for path in dict.fromkeys(each["path"] for each in found):
        cells = []
        for images in (0, 10):
            fits = [each for each in found if (each["path"], each["images"]) == (path, images)]
            right = [each["path_accuracy"] for each in fits]
            if not images:
                teacher, unadapted = fits[0]["teacher"], fits[0]["unadapted"]
                native = unadapted == teacher
                cells += [f"{teacher:.1%}", "native" if native else f"{unadapted:.1%}"]
            spread = f" ({min(right):.1%} to {max(right):.1%})" if len(right) > 1 else ""
            cells.append(f"{fmean(right):.1%}{spread}" if right else "native")
            worst = max([worst, *([100 * (fits[0]["teacher"] - fmean(right))] if right else [])])
        assert f"| {path} | {' | '.join(cells)} |" in rows("docs/outputs.md")
    assert found_once("docs/outputs.md", r"at most ([\d.]+) points below the teacher") == f"{worst:.1f}"


def found_once(page: str, pattern: str) -> str:
    (only,) = found(page, pattern)
    return only


def test_arrivals_that_keep_their_module_are_those_that_were_measured() -> None:
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for each in kept("keep.json"):
        found.setdefault((each["category"], each["images"]), []).append(each)
    for (category, images), fits in found.items():
        cells = [f"{100 * fits[0]['teacher']:.1f}"]
        for name in ("keep", "variant"):
            errors = [100 * each[name] for each in fits]
            single = f" ({', '.join(f'{each:.1f}' for each in errors)})" if len(errors) > 1 else ""
            cells.append(f"{fmean(errors):.1f}{single}")
        cells.append(f"{fmean(each['bridge'] for each in fits):.0%}")
        assert f"| {category} | {images} | {' | '.join(cells)} |" in rows("docs/planning.md")


def test_compiled_models_of_libraries_are_those_that_were_measured() -> None:
    figures = {each["measure"]: each["value"] for each in kept("compile.json")["figures"]}
    models = {name.partition(",")[0] for name in figures if "the plain model's time" in name}
    assert len(models) == 6
    for model in models:
        cells = [
            f"{figures[f'{model}, one path, batch {batch}: of {beside}']:.2f}"
            for beside in ("the time of the expert's network", "the plain model's time")
            for batch in (1, 16)
        ]
        assert f"| {model} | {' | '.join(cells)} |" in rows("docs/compiler.md")


def test_the_method_says_how_many_intervals_held() -> None:
    judged = read_judged(ROOT / "docs" / "results" / "agreement.jsonl")
    held = sum(each.held for each in judged)
    assert f"{held} of {len(judged)}" in (ROOT / "docs" / "method.md").read_text(encoding="utf-8")


def test_the_cells_are_those_that_were_measured() -> None:
    """A row of the method's page for each fit; points above the teacher."""
    for each in kept("cells.json"):
        above = {name: each["found"][name] - right for name, right in each["teacher"].items()}
        cells = f"{100 * above['error']:+.1f} | {100 * above['balanced']:+.1f} | {above['auc']:+.3f}"
        quality = each["quality"]
        most = [f"{100 * quality[f'agreement {end}']:.0f}" for end in ("from", "to")]
        agrees = f"{100 * each['agreement']:.1f} %, {100 * quality['agreement']:.0f} % ({' to '.join(most)})"
        begin = f"| {each['path']}, {each['teachers']} | {each['images']}"
        assert f"{begin} | {cells} | {agrees} |" in rows("docs/method.md")
