"""Each edit on a small commented file: what the text is then, or why it is refused."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from legonet.errors import GraphError, LegonetError
from legonet.graph.editing.apply import apply_edit
from legonet.graph.editing.compare import compared
from legonet.graph.editing.operations import (
    EDIT,
    SECTIONS,
    Add,
    Change,
    Connect,
    Disconnect,
    Edit,
    Remove,
    Rename,
    Span,
)
from legonet.graph.load import parse_graph, parse_yaml

ROOT = Path(__file__).parents[3]
FILES = [
    *sorted((ROOT / "graphs").glob("*.yaml")),
    *sorted((ROOT / "tests" / "graphs" / "valid").iterdir()),
]
FILES_OF_Z = {"model": "z z", "weights": "z", "cut": "z"}
ZOO = """\
# A zoo.
legonet: 1
name: zoo
input: {shape: [3, 32, 32]}

categories:
  cat: {label: "Cat"}   # the cat
  # a dog, too
  dog:
    label: Dog # woof
    teacher: dog-v1
  cow: {}

tasks:
  classify:
    output: {kind: binary, labels: [other, '{category}']}
  side: {output: {kind: classes, labels: [up, down], labels_of: {cat: ['1', '2']}}}

teachers: # in order of arrival
  dog-v1: {category: dog, task: classify, model: m, weights: w, cut: c}
  "cat-v1": {category: 'cat', task: classify, model: m, weights: w, cut: c} # quoted
  cow-side: {category: cow, task: side, model: m, weights: w, cut: c}

adapters:
  cat:classify:
    kernel: 3
    # closed form first
    method: closed-form   # quick
  dog:side: {}

applications:
  # what people have
  pets: [dog:classify, cat:classify]
  all:
    - "cow:side" # one
    - dog:side   # two
"""


def diff(text: str, edit: Edit, as_json: bool = False) -> list[str]:
    """The lines that an edit removes and adds."""
    new, inverse = apply_edit(text, edit, "zoo.yaml", as_json)
    assert apply_edit(new, inverse, "zoo.yaml")[0] == text
    lines = difflib.ndiff(text.splitlines(), new.splitlines())
    return [line[0] + line[2:] for line in lines if line[0] in "+-"]


@pytest.mark.parametrize(
    ("edit", "lines"),
    [
        (Add(section="categories", name="zebra"), ["+  zebra: {}"]),
        (
            Add(section="teachers", name="z", entry={"category": "cow", "task": "classify", **FILES_OF_Z}),
            ["+  z: {category: cow, task: classify, model: z z, weights: z, cut: z}"],
        ),
        (Add(section="applications", name="one", entry=["cow:side"]), ["+  one: [cow:side]"]),
        (
            Change(section="categories", name="dog", entry={"label": "Hound", "teacher": "dog-v1"}),
            ["-    label: Dog # woof", "+    label: Hound # woof"],
        ),
        (
            Change(section="categories", name="dog", entry={"label": "Dog", "input": {"shape": [1, 8, 8]}}),
            ["-    teacher: dog-v1", "+    input: {shape: [1, 8, 8]}"],
        ),
        (
            Change(section="categories", name="cat", entry={"label": "yes"}),
            ['-  cat: {label: "Cat"}   # the cat', '+  cat: {label: "yes"}   # the cat'],
        ),
        (
            Change(
                section="adapters",
                name="cat:classify",
                entry={"kernel": 3, "method": {"name": "closed-form", "draws": 8}},
            ),
            ["-    method: closed-form   # quick", "+    method: {name: closed-form, draws: 8}   # quick"],
        ),
        (
            Change(section="applications", name="all", entry=["cow:side", "cat:classify", "dog:side"]),
            ["+    - cat:classify"],
        ),
        (
            Rename(section="categories", name="cat", to="tiger"),
            [
                '-  cat: {label: "Cat"}   # the cat',
                '+  tiger: {label: "Cat"}   # the cat',
                "-  side: {output: {kind: classes, labels: [up, down], labels_of: {cat: ['1', '2']}}}",
                "+  side: {output: {kind: classes, labels: [up, down], labels_of: {tiger: ['1', '2']}}}",
                "-  \"cat-v1\": {category: 'cat', task: classify, model: m, weights: w, cut: c} # quoted",
                "+  \"cat-v1\": {category: 'tiger', task: classify, model: m, weights: w, cut: c} # quoted",
                "-  cat:classify:",
                "+  tiger:classify:",
                "-  pets: [dog:classify, cat:classify]",
                "+  pets: [dog:classify, tiger:classify]",
            ],
        ),
        (
            Rename(section="tasks", name="side", to="way"),
            [
                "-  side: {output: {kind: classes, labels: [up, down], labels_of: {cat: ['1', '2']}}}",
                "+  way: {output: {kind: classes, labels: [up, down], labels_of: {cat: ['1', '2']}}}",
                "-  cow-side: {category: cow, task: side, model: m, weights: w, cut: c}",
                "+  cow-side: {category: cow, task: way, model: m, weights: w, cut: c}",
                "-  dog:side: {}",
                "+  dog:way: {}",
                '-    - "cow:side" # one',
                "-    - dog:side   # two",
                '+    - "cow:way" # one',
                "+    - dog:way   # two",
            ],
        ),
        (
            Rename(section="teachers", name="dog-v1", to="no"),
            [
                "-    teacher: dog-v1",
                '+    teacher: "no"',
                "-  dog-v1: {category: dog, task: classify, model: m, weights: w, cut: c}",
                '+  "no": {category: dog, task: classify, model: m, weights: w, cut: c}',
            ],
        ),
        (
            Rename(section="adapters", name="dog:side", to="cat:side"),
            ["-  dog:side: {}", "+  cat:side: {}", "-    - dog:side   # two", "+    - cat:side   # two"],
        ),
        (Rename(section="applications", name="all", to="farm"), ["-  all:", "+  farm:"]),
        (
            Remove(section="categories", name="dog", references=True),
            [
                "-  dog:",
                "-    label: Dog # woof",
                "-    teacher: dog-v1",
                "-  dog-v1: {category: dog, task: classify, model: m, weights: w, cut: c}",
                "-  cat:classify:",  # its task module is that of its own teacher now
                "-    kernel: 3",
                "-    # closed form first",
                "-    method: closed-form   # quick",
                "-  dog:side: {}",
                "-adapters:",
                "+adapters: {}",
                "-  pets: [dog:classify, cat:classify]",
                "+  pets: [cat:classify]",
                "-    - dog:side   # two",
            ],
        ),
        (
            Remove(section="teachers", name="cow-side", references=True),  # with it go all of its paths
            [
                "-  cow-side: {category: cow, task: side, model: m, weights: w, cut: c}",
                "-  dog:side: {}",
                "-  all:",
                '-    - "cow:side" # one',
                "-    - dog:side   # two",
            ],
        ),
        (Remove(section="applications", name="pets"), ["-  pets: [dog:classify, cat:classify]"]),
        (Connect(path="cat:side"), ["+  cat:side: {}"]),
        (
            Connect(path="cow:classify", adapter={"kernel": 1}, settings={"depth": 2}),
            ["+  cow:classify: {kernel: 1, depth: 2}"],
        ),
        (Connect(path="cat:classify", settings={"kernel": 5}), ["-    kernel: 3", "+    kernel: 5"]),
        (
            Disconnect(path="cat:classify"),
            [
                "-  cat:classify:",
                "-    kernel: 3",
                "-    # closed form first",
                "-    method: closed-form   # quick",
            ],
        ),
        (
            Disconnect(path="dog:side", references=True),
            ["-  dog:side: {}", "-    - dog:side   # two"],
        ),
    ],
    ids=lambda each: "" if isinstance(each, list) else f"{each.op} {getattr(each, 'name', '')}",
)
def test_what_the_text_is_then(edit: Edit, lines: list[str]):
    assert sorted(diff(ZOO, edit)) == sorted(lines)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            Add(section="categories", name="cat"),
            r"^zoo\.yaml:7:3: categories\.cat: exists already; expected a new",
        ),
        (Add(section="categories", name="a b"), r"^zoo\.yaml: categories\.a b: found 'a b'; expected a name"),
        (
            Add(section="teachers", name="z", entry={"category": "cwo", "task": "side", **FILES_OF_Z}),
            r"^zoo\.yaml: teachers\.z\.category: no category 'cwo'; .* Did you mean 'cow'\?$",
        ),
        (
            Add(section="applications", name="z", entry=["cow:classify"]),
            r"^zoo\.yaml: applications\.z\[0\]: no teacher connects category 'cow' to task 'classify'",
        ),
        (
            Change(section="categories", name="dog", entry={"label": 3, "teacher": "cat-v1"}),
            r"^zoo\.yaml:10:12: categories\.dog\.label: found 3; expected text.*\n"
            r"zoo\.yaml:11:14: categories\.dog\.teacher: teacher 'cat-v1' is of category 'cat'",
        ),
        (
            Change(section="tasks", name="clasify", entry={}),
            "no task 'clasify'; tasks are .* Did you mean 'classify'",
        ),
        (
            Rename(section="tasks", name="side", to="classify"),
            r"^zoo\.yaml:15:3: tasks\.classify: exists already",
        ),
        (
            Rename(section="categories", name="cat", to="a:b"),
            r"^zoo\.yaml:6:1: categories\.a:b: found 'a:b'; expected a",
        ),
        (
            Rename(section="adapters", name="dog:side", to="dog"),
            r"adapters\.dog: found 'dog'; expected a path",
        ),
        (
            Remove(section="categories", name="cat"),
            r"^zoo\.yaml:17:\d+: tasks\.side\.output\.labels_of\.cat: depends on category 'cat'; "
            r"expected nothing that does; remove this first, or remove what depends on it too\n"
            r"zoo\.yaml:21:3: teachers\.cat-v1: depends .*\n"
            r"zoo\.yaml:25:3: adapters\.cat:classify: depends .*\n"
            r"zoo\.yaml:33:24: applications\.pets\[1\]: depends [^\n]*$",
        ),
        (
            Remove(section="teachers", name="dog-v1"),
            r"^zoo\.yaml:11:14: categories\.dog\.teacher: depends on teacher 'dog-v1'",
        ),
        (
            Disconnect(path="dog:side"),
            r"^zoo\.yaml:36:7: applications\.all\[1\]: depends on adapter 'dog:side'",
        ),
        (
            Disconnect(path="cat:side"),
            r"adapters\.cat:side: no adapter 'cat:side'; adapters are cat:classify, dog:side",
        ),
        (
            Disconnect(path="cow:side"),
            r"^zoo\.yaml:\d+:3: teachers\.cow-side: connects cow:side; expected",
        ),
        (Connect(path="dog:classify"), "^dog:classify: the teacher dog-v1 gives both modules"),
        (Connect(path="dgo:classify"), "no category 'dgo'; .* Did you mean 'dog'"),
        (Connect(path="dog"), "'dog': not a path; expected category:task"),
        (
            Connect(path="cow:classify", adapter={"kernel": 4}),
            r"^zoo\.yaml: adapters\.cow:classify\.kernel: found 4; expected 1, 3, 5, 7, 9 or 11",
        ),
    ],
    ids=lambda each: "" if isinstance(each, str) else f"{each.op} {getattr(each, 'name', '')}",
)
def test_what_is_refused(edit: Edit, message: str):
    with pytest.raises(LegonetError, match=message):
        apply_edit(ZOO, edit, "zoo.yaml")


BARE = "legonet: 1\nname: x\ninput: {shape: [3, 4, 4]}\n"
SHARED = """categories: {}
tasks:
  t: {output: {kind: classes, labels: &l [a, b]}}
  u: {output: {kind: classes, labels: *l}} # shared
"""
COW = Add(section="categories", name="cow")
LABELS = {"output": {"kind": "classes", "labels": ["a", "c"]}}


def label(value: str | None) -> Change:
    return Change(section="categories", name="cat", entry={} if value is None else {"label": value})


@pytest.mark.parametrize(
    ("text", "edit", "expected"),
    [
        ("? categories\n: cat: {}\n", COW, "? categories\n: cat: {}\n  cow: {}\n"),
        ("categories:  # none\n\n  {}\n", COW, "categories:  # none\n\n  cow: {}\n"),
        ("categories:\n  {cat: {}}\n", COW, "categories:\n  {cat: {}, cow: {}}\n"),
        (
            "categories: {\n  cat: {} # c\n  , dog: {}\n  }\n",
            Remove(section="categories", name="dog"),
            "categories: {\n  cat: {} # c\n  \n  }\n",
        ),
        (
            "categories: {cat: {}, # c\n  dog: {} # d\n  }\n",
            Remove(section="categories", name="cat"),
            "categories: { # c\n  dog: {} # d\n  }\n",
        ),
        (
            "categories:\n  cat:\n    label: >-\n      A long\n      label\n    # after\n",
            label("Cat"),
            "categories:\n  cat:\n    label: Cat\n    # after\n",
        ),
        (
            "categories:\n  cat:\n    label:\n      A long\n      label # why\n",
            label("Cat"),
            "categories:\n  cat:\n    label:\n      Cat # why\n",
        ),
        ("categories:\n  cat: # c\n    label: A # a\n", label(None), "categories:\n  cat: {} # c\n"),
        (
            "categories: {cat: {label: }, dog: {label}}\n",
            label("A"),
            "categories: {cat: {label: A }, dog: {label}}\n",
        ),
        ("categories: {cat: {label}}\n", label("A"), "categories: {cat: {label: A}}\n"),
        (SHARED, Change(section="tasks", name="u", entry=LABELS), SHARED.replace("*l", "[a, c]")),
        (
            SHARED,
            Change(section="tasks", name="t", entry=LABELS),
            SHARED.replace("[a, b]", "[a, c]").replace("*l", "[a, b]"),
        ),
        (
            SHARED,
            Remove(section="tasks", name="t"),
            "categories: {}\ntasks:\n  u: {output: {kind: classes, labels: [a, b]}} # shared\n",
        ),
    ],
)
def test_layouts_of_all_kinds(text: str, edit: Edit, expected: str):
    new, inverse = apply_edit(BARE + text, edit)
    assert new == BARE + expected
    assert apply_edit(new, inverse)[0] == BARE + text


def test_connecting_takes_the_adapter_of_the_task():
    text = ZOO.replace("labels: [up, down]", "labels: [up, down]").replace(
        "'2']}}}", "'2']}}, adapter: {kernel: 1, depth: 2}}"
    )
    assert diff(text, Connect(path="cat:side")) == ["+  cat:side: {kernel: 1, depth: 2}"]
    assert diff(text, Connect(path="cat:side", settings={"seed": 1})) == [
        "+  cat:side: {kernel: 1, depth: 2, seed: 1}"
    ]


def test_variants_follow_their_category():
    text = ZOO.replace("  cow: {}\n", "  cow: {}\n  cow@2: {}\n").replace(
        "all:\n", "all:\n    - cow@2:side\n"
    )
    text = text.replace("adapters:\n", "adapters:\n  cow@2:side: {}\n").replace(
        "adapters:", "  cow-2: {category: cow@2, task: classify, model: m, weights: w, cut: c}\n\nadapters:"
    )
    new, _ = apply_edit(text, Rename(section="categories", name="cow", to="ox"), "x")
    graph = parse_graph(new, "x").graph
    assert list(graph.categories) == ["cat", "dog", "ox", "ox@2"]
    assert graph.teachers["cow-2"].category == "ox@2"
    assert graph.applications["all"][:2] == ("ox@2:side", "ox:side")
    assert "ox@2:side" in graph.adapters


def test_a_file_that_is_broken_can_be_mended():
    text = ZOO.replace("  cow-side: {category: cow", "  cow-side: {category: wco")
    entry = parse_graph(ZOO, "x").graph.teachers["cow-side"].model_dump(exclude_none=True)
    new, inverse = apply_edit(text, Change(section="teachers", name="cow-side", entry=entry), "x")
    assert new == ZOO
    assert apply_edit(new, inverse)[0] == text, "what was there comes back, valid or not"


JSON = json.dumps(parse_yaml(ZOO, "x")[0], indent=2) + "\n"


def test_json_as_programs_write_it():
    added, _ = apply_edit(
        JSON, Add(section="applications", name="z", entry=["cow:side", "dog:side"]), "z", True
    )
    data = json.loads(added)
    assert added == json.dumps(data, indent=2) + "\n"
    assert data["applications"]["z"] == ["cow:side", "dog:side"]
    back, _ = apply_edit(added, Remove(section="applications", name="z"), "z", True)
    assert back == JSON
    compact = json.dumps(json.loads(JSON), separators=(",", ":"))
    added, _ = apply_edit(compact, Add(section="categories", name="z", entry={"label": "Z"}), "z", True)
    assert added == json.dumps(json.loads(added), separators=(",", ":"))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_files_of_people_take_every_edit(file: Path):
    text, as_json = file.read_bytes().decode(), file.suffix == ".json"
    first = text

    def make(edit: Edit) -> None:
        nonlocal text
        new, inverse = apply_edit(text, edit, file.name, as_json)
        assert apply_edit(new, inverse)[0] == text
        assert (inverse.spans == ()) == (new == text)
        undo.append(inverse)
        text = new

    undo: list[Any] = []
    data, _ = parse_yaml(text, file.name, as_json)
    for section in SECTIONS:
        for name in [each for each in data.get(section, {}) if section != "adapters"]:
            make(Rename(section=section, name=name, to=f"{name.partition('@')[0]}-x"))
            make(Rename(section=section, name=f"{name.partition('@')[0]}-x", to=name))
    assert list(parse_yaml(text, "x", as_json)[0].items()) == list(data.items()), "there and back again"
    make(Add(section="categories", name="zebra", entry={"label": "Zebra"}))
    make(Add(section="tasks", name="years", entry={"output": {"kind": "vector", "names": ["years"]}}))
    make(Add(section="teachers", name="z", entry={"category": "zebra", "task": "years", **FILES_OF_Z}))
    make(Add(section="applications", name="zebras", entry=["zebra:years"]))
    make(Remove(section="categories", name="zebra", references=True))
    for section in ("categories", "tasks"):
        for name in list(data.get(section, {})):
            make(Remove(section=section, name=name, references=True))
    assert not any(
        parse_yaml(text, "x", as_json)[0].get(each) for each in ("teachers", "adapters", "applications")
    )
    for inverse in reversed(undo):
        text, _ = apply_edit(text, inverse)
    assert text == first


def test_edits_are_told_apart_by_their_op():
    assert EDIT.validate_python({"op": "connect", "path": "a:b"}) == Connect(path="a:b")
    for bad in (
        {"op": "restore", "sha256": "", "spans": []},
        {"op": "add", "section": "name", "name": "x"},
        {},
    ):
        with pytest.raises(ValidationError):
            EDIT.validate_python(bad)


def test_which_entries_differ():
    before = parse_graph(ZOO, "x").graph
    text, _ = apply_edit(ZOO, Rename(section="teachers", name="dog-v1", to="dog-v2"))
    text, _ = apply_edit(text, Connect(path="cat:side"))
    assert compared(before, parse_graph(text, "x").graph) == [
        {"section": "categories", "name": "dog", "change": "changed"},
        {"section": "adapters", "name": "cat:side", "change": "added"},
        {"section": "teachers", "name": "dog-v2", "change": "added"},
        {"section": "teachers", "name": "dog-v1", "change": "removed"},
    ]
    assert compared(before, before) == []


def test_an_inverse_of_overlapping_spans_is_refused():
    text, inverse = apply_edit(ZOO, Add(section="categories", name="zebra"))
    spans = (Span(start=0, old=text[:5], new="x"), Span(start=2, old=text[2:4], new="y"))
    bad = inverse.model_copy(update={"spans": spans})
    with pytest.raises(GraphError, match="the text has changed since the edit"):
        apply_edit(text, bad)
