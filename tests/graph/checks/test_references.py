"""References in files that are broken elsewhere: what can be told is told, and nothing else."""

from __future__ import annotations

import pytest

from legonet.errors import GraphError
from legonet.graph.load import parse_graph

START = "legonet: 1\nname: zoo\ninput: {shape: [3, 32, 32]}\n"
TASKS = "tasks: {classify: {output: {kind: binary}}, segment: {output: {kind: mask}}}\n"
CAT = "category: cat, task: classify, model: m, weights: w, cut: c"


def keys(text: str) -> list[str]:
    """The key paths of the report."""
    with pytest.raises(GraphError) as caught:
        parse_graph(START + text, "x.yaml")
    return [line.split(": ")[1] for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a broken category still has its name
        (f"categories: {{cat: {{label: 3}}}}\n{TASKS}teachers: {{t: {{{CAT}}}}}", ["categories.cat.label"]),
        (f"categories: {{cat: null}}\n{TASKS}teachers: {{t: {{{CAT}}}}}", ["categories.cat"]),
        # a broken or misspelt section says nothing about its names
        (f"categories: [cat]\n{TASKS}teachers: {{t: {{{CAT}}}}}", ["categories"]),
        (f"categorise: {{cat: {{}}}}\n{TASKS}teachers: {{t: {{{CAT}}}}}", ["categorise"]),
        (f"categories: {{cat: {{teacher: t}}}}\n{TASKS}teachers: 3", ["teachers"]),
        # a broken teacher still has its name, and may be the one that is missed
        (
            f"categories: {{cat: {{teacher: t}}}}\n{TASKS}teachers: {{t: 3}}\n"
            "applications: {a: ['cat:classify']}",
            ["teachers.t"],
        ),
        (
            f"categories: {{cat: {{}}}}\n{TASKS}teachers: {{t: {{{CAT.replace('classify', 'clasify')}}}}}\n"
            "applications: {a: ['cat:classify']}",
            ["teachers.t.task"],
        ),
        # but a sound part is checked beside a broken one
        (
            f"categories: {{cat: {{}}}}\n{TASKS}teachers: {{t: {{{CAT}, epochs: 3}}}}\n"
            "adapters: {'cat:clasify': {kernel: 2}}",
            ["teachers.t.epochs", "adapters.cat:clasify", "adapters.cat:clasify.kernel"],
        ),
        (
            f"categories: {{cat: {{}}}}\n{TASKS}teachers: {{t: {{{CAT}}}, u: {{{CAT}}}}}\napplications: "
            "{a: ['cat:classify', 'cat:segment', 3]}",
            ["teachers.u", "applications.a[1]", "applications.a[2]"],
        ),
        # labels and channels
        (
            "tasks: {t: {output: {kind: mask, labels: ['{x}', 3]}}}",
            ["tasks.t.output.labels[0]", "tasks.t.output.labels[1]"],
        ),
    ],
)
def test_no_more_and_no_less(text: str, expected: list[str]):
    assert keys(text) == expected


def test_an_open_edge_is_no_problem():
    text = (
        f"{START}categories: {{cat: {{}}, dog: {{}}}}\n{TASKS}teachers:\n  t: {{{CAT}}}\n"
        "  u: {category: dog, task: segment, model: m, weights: w, cut: c}\n"
        "adapters: {'cat:segment': {}}\napplications: {later: ['cat:segment', 'dog:segment']}\n"
    )
    assert parse_graph(text, "x").graph.applications == {"later": ("cat:segment", "dog:segment")}
