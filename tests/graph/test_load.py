from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from legonet.errors import GraphError
from legonet.graph.load import load_graph, parse_graph, parse_yaml, read_graph
from legonet.graph.reading.source import LARGEST_FILE
from legonet.methods.back_distillation import BackDistillation
from legonet.methods.closed_form import ClosedForm

VALID = Path(__file__).parents[1] / "graphs" / "valid"
HEAD = "legonet: 1\nname: zoo\ninput: {shape: [3, 32, 32]}\n"


@pytest.mark.parametrize("path", sorted(VALID.glob("*.*")), ids=lambda path: path.name)
def test_valid_files_load(path: Path):
    loaded = load_graph(path)
    assert loaded.path == path
    assert loaded.positions is not None


def test_everything_is_understood():
    graph = load_graph(VALID / "everything.yaml").graph
    assert graph.input.shape == (3, 32, 32)
    assert graph.input.mean == (0.485, 0.456, 0.406)
    assert graph.categories["cat"].label == "Katze, groß"
    assert graph.categories["dog"].label == "no"
    assert graph.categories["2024-01-01"].label == "2024-01-01"
    stack = graph.tasks["classify"].adapter
    assert (stack.kernel, stack.depth, stack.hidden, stack.channels) == (1, 3, 24, (16, 16))
    assert graph.tasks["segment"].adapter == stack
    closed, back = graph.adapters["cat:classify"].method, graph.adapters["cat:segment"].method
    assert isinstance(closed, ClosedForm)
    assert (closed.draws, closed.keep, closed.matching) == (64, 1.0, 0)
    assert isinstance(back, BackDistillation)
    assert back.relu == "lowest-masked"
    assert list(graph.teachers) == ["dog-v1", "cat-v1", "dog-v2"]


def test_line_ends_and_byte_order_mark_change_nothing():
    assert load_graph(VALID / "windows.yaml").graph == load_graph(VALID / "twelve-lines.yaml").graph


def test_json_is_read_like_yaml(tmp_path: Path):
    text = (VALID / "pets.json").read_text()
    as_yaml = tmp_path / "pets.yaml"
    as_yaml.write_text(text.replace("\\ud83d\\ude3a", "\N{SMILING CAT FACE WITH OPEN MOUTH}"))
    graph = load_graph(VALID / "pets.json").graph
    assert graph == load_graph(as_yaml).graph
    assert graph.categories["cat"].label == "café \N{SMILING CAT FACE WITH OPEN MOUTH}"


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_positions_of_keys_and_values(suffix: str):
    text = '{\n  "a": 1,\n  "b": {"c": [10, "x"],\n    "d": null}\n}\n'
    _, positions = parse_yaml(text, f"x.{suffix}", as_json=suffix == "json")
    assert positions.find(("a",)) == (2, 8)
    assert positions.find(("a",), "key") == (2, 3)
    assert positions.find(("b",)) == (3, 3)
    assert positions.find(("b", "c", 1)) == (3, 19)
    assert positions.find(("b", "d"), "key") == (4, 5)
    assert positions.find(("b", "d")) == (4, 10)
    assert positions.find(("b", "e")) == (3, 3)
    assert positions.find(("z",)) == (1, 1)
    assert positions.find(()) == (1, 1)


def test_a_missing_value_stands_at_its_key():
    _, positions = parse_yaml("a:\n\n\n# c\nb: 1\n", "x.yaml")
    assert positions.find(("a",)) == (1, 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("~", None),
        ("", None),
        ("True", True),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("12:30:00", "12:30:00"),
        ("2024-01-01", "2024-01-01"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-3", -3),
        ("'3'", "3"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        ("0b1", "0b1"),
        ("=", "="),
    ],
)
def test_yaml_1_2_scalars(text: str, value: object):
    data, _ = parse_yaml(f"a: {text}\n", "x.yaml")
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


def test_the_path_is_shown_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "x.yaml").write_text("legonet: 2\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GraphError, match=r"(?m)^\./x\.yaml:1:10: "):
        load_graph("./x.yaml")


def test_a_folder_and_a_missing_file(tmp_path: Path):
    with pytest.raises(GraphError, match="a folder; expected a graph file; name the file in it"):
        load_graph(tmp_path)
    with pytest.raises(GraphError, match=r"no\.yaml: no such file; expected a graph file; check the path"):
        load_graph(tmp_path / "no.yaml")
    with pytest.raises(GraphError, match="not a path"):
        load_graph("a\0b.yaml")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_an_endless_device_is_not_read():
    with pytest.raises(GraphError, match="not a regular file"):
        load_graph("/dev/zero")


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_a_large_file_is_not_read(tmp_path: Path, suffix: str):
    large = tmp_path / f"large.{suffix}"
    with large.open("wb") as file:
        file.truncate(10**11)
    started = time.perf_counter()
    with pytest.raises(GraphError, match=f"expected a graph file of at most {LARGEST_FILE // 2**20} MiB"):
        load_graph(large)
    assert time.perf_counter() - started < 0.5


HOSTILE = {
    "flow depth": "[" * 1_000_000,
    "braces": "{a: " * 200_000,
    "explicit keys": "? " * 200_000,
    "dashes": "- " * 200_000,
    "many anchors": "a: [" + ", ".join(f"&a{i} 1" for i in range(20_000)) + "]",
    "alias to alias": "a: &a [1]\n" + "".join(f"b{i}: *a\n" for i in range(20_000)),
    "one quoted word": '"' + "x" * 2_000_000,
    "one comment": "#" + "x" * 2_000_000,
    "many comments": "# x\n" * 50_000,
    "spaces": " " * 2_000_000 + "x: 1",
    "one key": "x" * 2_000_000 + ": 1",
    "long number": "a: " + "9" * 1_000_000,
    "long float": "a: ." + "9" * 1_000_000,
    "long tag": "a: !" + "x" * 1_000_000 + " 1",
    "long anchor": "a: &" + "x" * 1_000_000 + " 1",
    "long line of words": "a: " + "word " * 200_000,
    "literal": "a: |\n" + "  text\n" * 50_000,
    "keys": "{" + ", ".join(f"k{i}: 1" for i in range(20_000)) + "}",
    "unknown names": HEAD + "applications:\n  x: [" + ", ".join(f"a{i}:b{i}" for i in range(10_000)) + "]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_ends_in_a_report_in_bounded_time(name: str):
    started = time.process_time()
    with pytest.raises(GraphError) as caught:
        parse_graph(HOSTILE[name], "hostile.yaml")
    assert time.process_time() - started < 20
    report = str(caught.value)
    assert len(report) < 40_000
    assert all(line.startswith("hostile.yaml:") and len(line) < 1000 for line in report.splitlines())


@pytest.mark.parametrize(
    "text", ["[" * 1_000_000, '{"a":' * 200_000, '"' + "\\u0041" * 300_000, "1" * 2_000_000]
)
def test_hostile_json(text: str):
    started = time.process_time()
    with pytest.raises(GraphError) as caught:
        parse_graph(text, "hostile.json", as_json=True)
    assert time.process_time() - started < 10
    assert len(str(caught.value)) < 500


def large_graph(modules: int) -> str:
    lines = [HEAD + "categories:"]
    lines += [f"  cat-{i}: {{}}" for i in range(modules // 2)]
    lines += ["tasks:", "  classify:", "    output: {kind: binary}", "teachers:"]
    for i in range(modules // 2):
        lines += [f"  cat-{i}-v1:", f"    category: cat-{i}", "    task: classify", "    model: vgg-slim"]
        lines += [f"    weights: ../teachers/cat-{i}.safetensors", "    cut: pool1"]
    return "\n".join(lines) + "\n"


def test_ten_thousand_modules(tmp_path: Path):
    path = tmp_path / "large.yaml"
    path.write_text(large_graph(10_000))
    started = time.process_time()
    graph = load_graph(path).graph
    assert time.process_time() - started < 5  # about 0.6 s on an idle core
    assert len(graph.teachers) == len(graph.categories) == 5000
    as_json = tmp_path / "large.json"
    as_json.write_text(json.dumps(graph.model_dump(mode="json", exclude_defaults=True)))
    assert load_graph(as_json).graph == graph


def test_ten_thousand_mistakes_make_a_short_report():
    text = large_graph(10_000).replace("task: classify", "task: clasify")
    started = time.process_time()
    with pytest.raises(GraphError) as caught:
        parse_graph(text, "x.yaml")
    lines = str(caught.value).splitlines()
    assert len(lines) == 101
    assert lines[0].endswith("no task 'clasify'; tasks are classify. Did you mean 'classify'?")
    assert lines[-1] == "x.yaml: and 4900 more problems"
    assert time.process_time() - started < 20


def test_read_graph_lets_others_add_to_the_report(tmp_path: Path):
    from legonet.graph.reading.findings import Finding

    path = tmp_path / "x.yaml"
    path.write_text(HEAD + "categories:\n  cat: {}\n  dog: {lable: x}\n")
    reading = read_graph(path)
    assert reading.loaded is None
    report = reading.report([Finding(("categories", "cat"), "has four legs")]).splitlines()
    assert report[0] == f"{path}:5:3: categories.cat: has four legs"
    assert len(report) == 2


def test_parse_yaml_reports_all_problems_of_the_text():
    with pytest.raises(GraphError) as caught:
        parse_yaml(b"a: 1\na: 2\nb: !x 3\n", "block.yaml")
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        "block.yaml:2:1",
        "block.yaml:3:4",
    ]


MODULES = [
    "legonet.graph",
    "legonet.graph.load",
    "legonet.graph.check",
    "legonet.graph.editing.edit",
    "legonet.graph.lock",
    "legonet.graph.json_schema",
]


def test_import_without_torch():
    code = (
        f"import sys, {', '.join(MODULES)}; sys.exit(any(name in sys.modules for name in ('torch', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_itself_stays_light():
    code = "import sys, legonet.graph; sys.exit(any(name in sys.modules for name in ('pydantic', 'yaml')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
