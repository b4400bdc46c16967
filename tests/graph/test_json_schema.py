"""The JSON Schema, the models and the explanations accept the same documents."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from legonet.graph.checks.structure import explain
from legonet.graph.json_schema import graph_schema
from legonet.graph.load import parse_yaml
from legonet.graph.method import METHODS
from legonet.graph.schema import Graph
from tests.outputs.kinds import EXAMPLES

VALID = Path(__file__).parents[1] / "graphs" / "valid"
SCHEMA = graph_schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
SEED = parse_yaml((VALID / "everything.yaml").read_bytes(), "everything.yaml")[0]
SEED["tasks"] |= {
    f"{kind}-output": {"output": each.model_dump(mode="json")} for kind, each in EXAMPLES.items()
}
SEED["adapters"] |= {
    f"dog:{name}": {"method": METHODS.read(name).model_dump(mode="json")} for name in METHODS.names()
}


def accepted(data: Any) -> bool:
    try:
        Graph.model_validate(copy.deepcopy(data))
    except ValidationError:
        return False
    return True


def agree(data: Any) -> bool:
    """Whether all three give the same answer; that answer must not depend on who is asked."""
    by_model, by_schema = accepted(data), VALIDATOR.is_valid(data)
    problems = explain(data, Graph)
    assert by_model == by_schema, (by_model, data)
    assert by_model == (not problems), (by_model, problems, data)
    for problem in problems:
        assert reaches(data, problem.key), problem
        assert "\n" not in problem.found + problem.expected + problem.advice
    return by_model


def reaches(data: Any, key: tuple[str | int, ...]) -> bool:
    """A problem's key path is one of the document, but for its last part, which may be missing."""
    for part in key[:-1]:
        data = data[part]
    return not key or isinstance(data, dict) or (isinstance(key[-1], int) and key[-1] < len(data))


WORDS = [
    "cat", "dog", "cat:classify", "dog:segment", "cat:", ":", "a:b:c", "cat\n", "\ncat", "cat:dog\n", "",
    " ", "é", "-cat", "c" * 64, "c" * 65, "closed-form", "back-distillation", "closed-form\n", "binary",
    "mask", "vector", "relu", "none", "name", "kind", "recorded", "a\tb", "a\x7fb", "a\u0085b", "a\u2028",
    "x" * 256, "x" * 257, "0" * 64, "0" * 64 + "\n", "F" * 64, "1", "true", "null", "../x.safetensors",
    "\ud7ff", "\U0001f638", "[key]",
]  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(WORDS),
    st.sampled_from(
        [-1, 0, 1, 2, 3, 11, 12, 13, 64, 65, 65_536, 65_537, 2**31 - 1, 2**31, 10**30, -(10**30)]
    ),
    st.sampled_from(
        [0.0, -0.0, 1.0, 1.5, 3.0, 0.5, 1e-9, -1e-9, 1e300, 2147483647.0, 65536.0, 65537.0, 1.0000001]
    ),
    st.text(max_size=3),
)
VALUES = st.recursive(
    SCALARS,
    lambda part: st.one_of(
        st.lists(part, max_size=4),
        st.dictionaries(st.sampled_from([*WORDS, *Graph.model_fields]), part, max_size=3),
    ),
    max_leaves=5,
)


def paths(data: Any, at: tuple = ()) -> list[tuple]:
    found = [at]
    if isinstance(data, dict):
        for key, part in data.items():
            found += paths(part, (*at, key))
    elif isinstance(data, list):
        for index, part in enumerate(data):
            found += paths(part, (*at, index))
    return found


ENTRIES = ("categories", "tasks", "teachers", "adapters", "applications")
KEYS = sorted({str(path[-1]) for path in paths(SEED) if path})


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """The document that uses every key, with a few places changed."""
    data = copy.deepcopy(SEED)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths(data)))
        if not path:
            if draw(st.integers(0, 20)) == 0:
                return draw(VALUES)
            continue
        parent = data
        for part in path[:-1]:
            parent = parent[part]
        kind = draw(st.sampled_from(["replace", "remove", "add", "rename", "transplant"]))
        if kind == "replace":
            parent[path[-1]] = draw(VALUES)
        elif kind == "remove":
            del parent[path[-1]]
        elif kind == "transplant":
            source = draw(st.sampled_from(paths(SEED)))
            value = SEED
            for part in source:
                value = value[part]
            parent[path[-1]] = copy.deepcopy(value)
        elif isinstance(parent, list):
            parent.insert(path[-1], draw(SCALARS))
        elif kind == "add":
            parent[draw(st.sampled_from([*WORDS, *KEYS]))] = draw(VALUES)
        else:
            parent[draw(st.sampled_from([*WORDS, *KEYS]))] = parent.pop(path[-1])
    return data


@pytest.mark.parametrize("examples", [60, pytest.param(1500, marks=pytest.mark.slow)])
def test_schema_models_and_explanations_agree(examples: int):
    health = [HealthCheck.too_slow, HealthCheck.data_too_large]

    @settings(max_examples=examples, deadline=None, suppress_health_check=health)
    @given(documents())
    def run(data: Any) -> None:
        agree(data)

    run()


def test_both_answers_are_met():
    """The property above is not empty: near-valid documents fall on both sides."""
    answers = []

    @settings(
        max_examples=400,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(documents())
    def run(data: Any) -> None:
        answers.append(accepted(data))

    run()
    assert answers.count(True) > 20
    assert answers.count(False) > 100


def alone(path: tuple[Any, ...]) -> Any:
    """The document that uses every key, without entries and sections beside the one that a place is in."""
    section, names = path[0], path[1:2]
    found = {key: part for key, part in SEED.items() if key in (section, *SCHEMA["required"])}
    if section in ENTRIES:
        kept = next(iter(names or SEED[section]))
        found[section] = {kept: SEED[section][kept]}
    return copy.deepcopy(found)


@pytest.mark.parametrize("path", [path for path in paths(SEED) if path], ids=str)
def test_each_place_refuses_what_it_should(path: tuple):
    """At every place of the full document, every word and number gets the same answer."""
    near = alone(path)
    assert agree(near), "what is not looked at is no reason to refuse"
    for value in [
        None,
        True,
        False,
        0,
        1,
        -1,
        1.0,
        2.5,
        10**30,
        "",
        "cat",
        "cat\n",
        "cat:dog",
        "cat:dog\n",
        [],
        {},
    ]:
        data = copy.deepcopy(near)
        parent = data
        for part in path[:-1]:
            parent = parent[part]
        parent[path[-1]] = value
        agree(data)
        if isinstance(parent, dict) and isinstance(value, str):
            parent[value] = parent.pop(path[-1])
            agree(data)


def test_the_seed_uses_every_key_of_the_schema():
    used = {path[-1] for path in paths(SEED) if path}
    for name, definition in [("Graph", SCHEMA), *SCHEMA["$defs"].items()]:
        assert set(definition["properties"]) <= used, name


def test_it_is_a_valid_schema_of_the_named_draft():
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    text = json.dumps(SCHEMA)
    assert not any(
        f'"{word}"' in text for word in ("prefixItems", "unevaluatedProperties", "dependentRequired")
    )
    json.dumps(SCHEMA, allow_nan=False)


def test_each_caller_gets_its_own():
    graph_schema().clear()
    assert graph_schema() == SCHEMA


@pytest.mark.parametrize("path", sorted(VALID.glob("*.*")), ids=lambda path: path.name)
def test_valid_files_are_accepted(path: Path):
    data, _ = parse_yaml(path.read_bytes(), path.name, as_json=path.suffix == ".json")
    assert agree(data)
