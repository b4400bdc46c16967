"""Every command on a small workspace."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import legonet
from handbook.commands import names
from legonet import __version__
from legonet.compile.export import Exported
from legonet.graph.lock import lock_path, read_lock
from legonet.store.workspace import STATE_FOLDER, Workspace

Run = Callable[..., Any]
DOCUMENTED = names()  # which the page of commands has
COMMANDS = [*dict.fromkeys(each.split()[0] for each in DOCUMENTED)]


@pytest.fixture
def fresh(graph_file: Path) -> Path:
    """Nothing is built."""
    lock_path(graph_file).unlink()
    shutil.rmtree(Workspace.find(graph_file).root / STATE_FOLDER)
    return graph_file


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", ["", *dict.fromkeys([*COMMANDS, *DOCUMENTED])])
def test_help(run: Run, command: str, flag: str) -> None:
    outcome = run(*command.split(), flag)
    assert outcome.status == 0
    assert f"Usage: legonet {command}".strip() in outcome.out
    assert outcome.err == ""
    _, _, listed = outcome.out.partition("Commands:")
    below = [
        each.removeprefix(command).split() for each in DOCUMENTED if each.startswith(f"{command} ".lstrip())
    ]
    assert re.findall(r"^  (\w+) ", listed, re.MULTILINE) == [*dict.fromkeys(names[0] for names in below)]
    assert "..." not in listed, "a command's first sentence is too long"


def test_version(run: Run) -> None:
    assert run("--version").out == f"{__version__}\n"


class TestPlan:
    def test_lines(self, run: Run, fresh: Path) -> None:
        outcome = run("plan", fresh)
        assert outcome.status == 0
        joined = "4x4x4 -> 4x4x4: scale, conv 3x3 4 -> 4, relu"
        cost = "about 178 MFLOP (5,616 passes)"
        none = " " * len(f"{cost}  {joined}")
        assert outcome.out.splitlines() == [
            f"=  cat:classify  native        {none}  cat-v1 gives both modules; no adapter needed",
            f"+  dog:classify  add     auto  {cost}  {joined}  dog-v1 arrived",
            f"+  cow:classify  add     auto  {cost}  {joined}  cow-v1 arrived",
            "",
            "2 to add; about 357 MFLOP. How long that takes on this machine, the first of them will tell.",
            f"Run: legonet transplant {fresh}",
        ]
        assert not lock_path(fresh).exists()
        planned = legonet.load(fresh).plan()
        assert str(planned).splitlines() == outcome.out.splitlines()[:-1]
        assert repr(planned) == "<Plan of zoo: 1 native, 2 add>"

    def test_nothing_to_do(self, run: Run, graph_file: Path) -> None:
        assert run("plan", graph_file).out.splitlines()[-1] == (
            "Nothing to do: every adapter is as the graph file says."
        )

    def test_json(self, run: Run, fresh: Path) -> None:
        data = json.loads(run("plan", fresh, "--json").out)
        assert [edge["ports"] and edge["ports"]["gives"]["shape"] for edge in data["edges"]] == [
            None,
            [4, 4, 4],
            [4, 4, 4],
        ]
        assert [(edge["path"], edge["action"], edge["reason"]) for edge in data["edges"]] == [
            ("cat:classify", "native", "cat-v1 gives both modules; no adapter needed"),
            ("dog:classify", "add", "dog-v1 arrived"),
            ("cow:classify", "add", "cow-v1 arrived"),
        ]

    def test_long_reasons_stay_on_their_line(self, run: Run, graph_file: Path) -> None:
        adapter = "adapters: {'dog:classify': {kernel: 5, depth: 3, hidden: 9, activation: none, seed: 1}}\n"
        graph_file.write_text(graph_file.read_text() + adapter)
        (line,) = [line for line in run("plan", graph_file).out.splitlines() if line.startswith("~")]
        assert len(line) > 160
        assert line.endswith("seed changed from 0 to 1")


class TestTransplant:
    def test_it_builds_what_was_planned(self, run: Run, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("legonet.progress.PATIENCE", float("inf"))  # however slow the machine is
        outcome = run("transplant", fresh)
        assert outcome.status == 0
        lines = outcome.out.splitlines()
        expected = r"(decides as its teacher on about \d+% of images \(\d+% to \d+%\), )?"
        figures = expected + r"residual [\d.e-]+, disagreement .+ \(\d+\.\d s\)"
        assert lines[0] == "fitting 2 adapters"
        assert re.fullmatch(rf"\[1/2\] dog:classify: {figures}(; about .* left)?", lines[1])
        assert lines[2].startswith("[2/2] cow:classify: ")
        assert any(line.startswith("note: dog:classify: ") for line in lines)
        assert lines[-1] == "2 fitted."
        assert sorted(read_lock(lock_path(fresh)).adapters) == ["cow:classify", "dog:classify"]
        assert run("transplant", fresh).out == "Nothing to do.\n"

    def test_json(self, run: Run, fresh: Path) -> None:
        data = json.loads(run("transplant", fresh, "--json").out)
        assert [each["path"] for each in data["fitted"]] == ["dog:classify", "cow:classify"]
        assert all(each["quality"]["residual"] > 0 for each in data["fitted"])
        empty = {"fitted": [], "removed": [], "reused": [], "failed": {}, "planned": [], "notes": []}
        assert json.loads(run("transplant", fresh, "--json").out) == empty

    def test_samples(self, run: Run, graph_file: Path, photos: Path) -> None:
        outcome = run("transplant", graph_file, "--samples", f"dog:classify={photos}")
        assert outcome.out.splitlines()[-1] == "1 fitted."
        inputs = read_lock(lock_path(graph_file)).adapters["dog:classify"].inputs
        assert len(inputs["samples"]) == 64
        assert run("plan", graph_file).out.endswith(
            "Nothing to do: every adapter is as the graph file says.\n"
        )

    def test_a_renamed_category(self, run: Run, graph_file: Path) -> None:
        text = graph_file.read_text().replace("  dog: {}", "  hound: {}").replace("y: dog", "y: hound")
        graph_file.write_text(text)
        assert run("transplant", graph_file).out.splitlines() == [
            "- dog:classify: removed",
            "= hound:classify: taken over from an adapter that was built from the same",
            "0 fitted.",
        ]


class TestEvaluate:
    def test_table(self, run: Run, graph_file: Path, photos: Path) -> None:
        outcome = run(
            "evaluate", graph_file, "--data", photos, "--path", "cat:classify", "--path", "dog:classify"
        )
        assert outcome.status == 0, outcome.err
        lines = outcome.out.splitlines()
        assert lines[0].split() == ["path", "measure", "teacher", "no", "adapter", "transplanted", "images"]
        assert [line.split()[0] for line in lines[1:3]] == ["cat:classify", "dog:classify"]
        assert lines[4].startswith("classify: how often each path (row) says yes")

    def test_json(self, run: Run, graph_file: Path, photos: Path) -> None:
        data = json.loads(run("evaluate", graph_file, "--data", photos, "--json").out)
        rows = data["rows"]
        assert [row["path"] for row in rows] == ["cat:classify", "dog:classify", "cow:classify"]
        assert all(0 <= row[key] <= 1 for row in rows for key in ("teacher", "unadapted", "transplanted"))
        assert rows[0]["teacher"] == rows[0]["unadapted"] == rows[0]["transplanted"]
        assert set(data["says yes"]["classify"]) == {row["path"] for row in rows}


class TestCompile:
    def test_explanation(self, run: Run, graph_file: Path) -> None:
        outcome = run("compile", graph_file, "--path", "dog:classify", "--passes", "share, fold-rescale")
        assert outcome.status == 0, outcome.err
        lines = outcome.out.splitlines()
        assert [line.split()[0] for line in lines[1:4]] == ["none", "share", "fold-rescale"]
        assert "adapters.dog:classify: conv1 holds the re-scaling" in outcome.out

    @pytest.mark.parametrize("name", ["app.pt2", "app"])
    def test_a_file(self, run: Run, graph_file: Path, tmp_path: Path, name: str) -> None:
        target = tmp_path / "out" / name
        outcome = run("compile", graph_file, "-o", target)
        assert outcome.status == 0, outcome.err
        assert re.fullmatch(
            rf"{re.escape(str(target))}: 3 paths, \d+ KiB; read again, its outputs differ by .*\n",
            outcome.out,
        )
        data = json.loads(run("compile", graph_file, "-o", target, "--json").out)
        assert data["paths"] == ["cat:classify", "dog:classify", "cow:classify"]
        assert data["difference"] <= 1e-5
        assert target.exists()

    def test_what_8_bits_cost_is_called_so(
        self, run: Run, graph_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        done = Exported(tmp_path / "a.onnx", 2048, 0.014)
        monkeypatch.setattr("legonet.compile.export.export", lambda *given, **options: done)
        said = run("compile", graph_file, "-o", done.path, "--int8").out
        assert said.endswith("its outputs differ by 1.4e-02, which is what weights of 8 bits cost\n")
        assert run("compile", graph_file, "-o", done.path).out.endswith("its outputs differ by 1.4e-02\n")

    def test_refusals(self, run: Run, graph_file: Path, tmp_path: Path) -> None:
        outcome = run("compile", graph_file, "-o", tmp_path / "app.tflite")
        assert (outcome.status, outcome.out) == (1, "")
        assert "expected .pt2, .onnx, or none" in outcome.err
        assert "Did you mean 'batch'" in run("compile", graph_file, "--passes", "share,bathc").err


class TestTeacherRecord:
    def test_it_writes_beside_the_weights(self, run: Run, graph_file: Path, photos: Path) -> None:
        outcome = run("teacher", "record", graph_file, "dog-v1", "--data", photos)
        assert outcome.status == 0, outcome.err
        target = graph_file.parent / "teachers" / "dog-v1.statistics.safetensors"
        line, note = outcome.out.splitlines()
        assert re.fullmatch(rf"{re.escape(str(target))}: \d+ images of 'dog' and others, \d+ KiB", line)
        assert note.startswith("  note: all but a few scores are ")  # of a teacher that learned nothing
        assert note.endswith(
            f"see whether `input` in {graph_file} has the mean and std that it was trained with"
        )
        assert target.stat().st_size * 4 <= target.with_name("dog-v1.safetensors").stat().st_size
        assert "statistics changed from none to" in run("plan", graph_file).out

    def test_files_are_named_as_the_graph_file_was(
        self, run: Run, graph_file: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(graph_file.parent.parent)
        graph = graph_file.relative_to(graph_file.parent.parent)
        said = run("teacher", "record", graph, "dog-v1", "--data", photos).out
        assert said.startswith(f"{graph.parent}/teachers/dog-v1.statistics.safetensors: ")

    def test_variants_and_labels_are_followed(self, run: Run, graph_file: Path, photos: Path) -> None:
        graph_file.write_text(re.sub(r"\bdog\b(?!-)", "dog@2", graph_file.read_text()))
        assert "images of 'dog' and" in run("teacher", "record", graph_file, "dog-v1", "--data", photos).out
        (photos / "dog").rename(photos / "Hund")
        label = "categories: {dog@2: {label: Hund}, cat: {}, cow: {}}"
        graph_file.write_text(re.sub(r"(?ms)^categories:.*?(?=^\w)", f"{label}\n", graph_file.read_text()))
        outcome = run("teacher", "record", graph_file, "dog-v1", "--data", photos)
        assert "images of 'Hund' and others" in outcome.out, outcome.err
        (photos / "cat").rename(photos / "dog@2")  # its own name is the best
        assert "of 'dog@2' and" in run("teacher", "record", graph_file, "dog-v1", "--data", photos).out

    def test_all_by_default(self, run: Run, graph_file: Path, photos: Path) -> None:
        lines = run("teacher", "record", graph_file, "--data", photos).out.splitlines()
        assert sum(" KiB" in line for line in lines) == 3


class TestRender:
    def test_beside_the_graph(self, run: Run, graph_file: Path) -> None:
        assert run("render", graph_file).out == f"{graph_file.with_suffix('.svg')}\n"
        assert b"<svg" in graph_file.with_suffix(".svg").read_bytes()

    def test_with_figures(self, run: Run, graph_file: Path, photos: Path) -> None:
        figures = graph_file.with_name("figures.json")
        figures.write_text(run("evaluate", graph_file, "--data", photos, "--json").out)
        target = graph_file.with_name("zoo.dot")
        assert run("render", graph_file, "-o", target, "--figures", figures).status == 0
        plain = graph_file.with_name("plain.dot")
        run("render", graph_file, "-o", plain)
        assert target.read_text() != plain.read_text()
        assert "%" in target.read_text()

    def test_compiled(self, run: Run, graph_file: Path, tmp_path: Path) -> None:
        assert run("render", graph_file, "--compiled").out == f"{graph_file.with_suffix('.compiled.svg')}\n"
        target = tmp_path / "calls.dot"
        run(
            "render",
            graph_file,
            "--compiled",
            "--path",
            "dog:classify",
            "--path",
            "cat:classify",
            "-o",
            target,
        )
        text = target.read_text()
        assert "dog + cat" in text
        assert "2 as one batch" in text
        assert "cow" not in text
        refused = run("render", graph_file, "--compiled", "-o", tmp_path / "calls.html")
        assert "for a drawing; expected svg, png, pdf or dot" in refused.err

    def test_some_paths(self, run: Run, graph_file: Path, tmp_path: Path) -> None:
        target = tmp_path / "new" / "folder" / "dog.dot"
        outcome = run("render", graph_file, "--path", "dog:classify", "-o", target)
        assert outcome.out == f"{target}\n", outcome.err
        text = target.read_text()
        assert '"adapter:dog:classify"' in text
        assert '"teacher:cat-v1:task"' in text  # it gave the task's module
        assert "cow" not in text
        assert "teacher:cat-v1:category" not in text
        assert "Did you mean 'dog'" in run("render", graph_file, "--path", "dogg:classify").err


class TestValidate:
    def test_valid(self, run: Run, graph_file: Path) -> None:
        outcome = run("validate", graph_file)
        assert (outcome.status, outcome.out, outcome.err) == (0, f"{graph_file}: valid\n", "")
        assert json.loads(run("validate", "--json", graph_file).out) == {str(graph_file): []}

    def test_every_file_is_reported(self, run: Run, graph_file: Path) -> None:
        broken = graph_file.with_name("broken.yaml")
        broken.write_text(
            graph_file.read_text().replace("cut: pool1", "cut: pool", 1).replace("y: dog", "y: dgo")
        )
        outcome = run("validate", broken, graph_file, graph_file.with_name("none.yaml"))
        assert outcome.status == 1
        assert outcome.out == f"{graph_file}: valid\n"
        assert "Did you mean 'dog'" in outcome.err
        assert "none.yaml: no such file" in outcome.err
        data = json.loads(run("validate", "--json", broken, graph_file).out)
        assert data[str(graph_file)] == []
        assert len(data[str(broken)]) >= 1


def test_schema(run: Run) -> None:
    assert json.loads(run("schema").out)["title"] == "Graph"


class TestInit:
    def test_a_new_workspace(self, run: Run, tmp_path: Path) -> None:
        folder = tmp_path / "my zoo"
        outcome = run("init", folder, "--empty")
        assert outcome.status == 0
        assert sorted(outcome.out.splitlines()[:-3]) == sorted(
            str(folder / name) for name in (".gitignore", "graphs/graph.schema.json", "graphs/network.yaml")
        )
        begun = folder / "graphs" / "network.yaml"  # the folder's name is none
        assert outcome.out.splitlines()[-1] == (
            f"Next: cd '{folder}' && correct `input` in graphs/network.yaml, and add teachers: legonet "
            "teacher add graphs/network.yaml ..."
        )
        assert begun.read_text().startswith("# yaml-language-server: $schema=graph.schema.json\nlegonet: 1\n")
        assert run("validate", begun).status == 0
        assert run("init", tmp_path / "pets", "--empty").status == 0
        assert "name: pets\n" in (tmp_path / "pets" / "graphs" / "pets.yaml").read_text()

    def test_what_it_writes_is_valid_and_has_an_image_of_each(self, run: Run, tmp_path: Path) -> None:
        assert run("init", tmp_path).status == 0
        graphs = sorted((tmp_path / "graphs").glob("*.yaml"))
        assert graphs
        assert run("validate", *graphs).status == 0
        categories = legonet.load(graphs[0]).graph.categories
        assert {file.parent.name for file in (tmp_path / "images").glob("*/*.png")} == set(categories)
        assert ".legonet/" in (tmp_path / ".gitignore").read_text().splitlines()

    def test_what_comes_next(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert run("init").out.splitlines()[-1] == "Next: legonet plan graphs/animals.yaml"
        assert (
            run("init", "my zoo").out.splitlines()[-1]
            == "Next: cd 'my zoo' && legonet plan graphs/animals.yaml"
        )

    def test_a_second_time(self, run: Run, tmp_path: Path) -> None:
        assert run("init", tmp_path).status == 0
        assert run("init", tmp_path).status == 0
        mine = tmp_path / "blocks" / "vgg-slim.yaml"
        mine.write_text("mine")
        (tmp_path / "blocks" / "vgg16.yaml").unlink()
        before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
        outcome = run("init", tmp_path)
        assert outcome.status == 1
        assert f"{mine}: is there already, with other content" in outcome.err
        assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
