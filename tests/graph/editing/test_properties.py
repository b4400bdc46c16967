"""Random edits of random files: what stays, what changes, and the way back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from legonet.errors import GraphError, LegonetError
from legonet.graph.editing.apply import apply_edit
from legonet.graph.editing.operations import (
    Add,
    Change,
    Connect,
    Disconnect,
    Edit,
    Remove,
    Rename,
)
from legonet.graph.load import parse_yaml
from legonet.graph.reading.positions import KeyPath
from tests.graph.editing.random_files import (
    ADAPTERS,
    CATEGORIES,
    TASKS,
    Written,
    random_category,
    random_graph,
    random_task,
    random_teacher,
    valid,
    write,
)

SECTIONS = ("categories", "tasks", "adapters", "teachers", "applications")
NEW = ("zebra", "yes", "1.5", "x_y", "Ähre")


def read(written: Written) -> dict[str, Any]:
    return parse_yaml(written.text, "x", written.as_json)[0]


def random_entry(rng: random.Random, data: dict[str, Any], section: str) -> Any:
    categories, tasks = list(data.get("categories", {})) or ["cat"], list(data.get("tasks", {})) or ["side"]
    if section == "categories":
        return random_category(rng)
    if section == "tasks":
        return random_task(rng, categories)
    if section == "adapters":
        return rng.choice(ADAPTERS)
    if section == "teachers":
        return random_teacher(rng, rng.choice(categories), rng.choice(tasks))
    paths = [f"{category}:{task}" for category in categories for task in tasks]
    return rng.sample(paths, rng.randint(1, min(4, len(paths))))


def random_edit(rng: random.Random, data: dict[str, Any]) -> Edit:
    section = rng.choice([each for each in SECTIONS if data.get(each)] or ["categories"])
    there = list(data.get(section, {})) or ["cat"]
    categories, tasks = list(data.get("categories", {})) or CATEGORIES, list(data.get("tasks", {})) or TASKS
    path = f"{rng.choice(categories)}:{rng.choice(tasks)}"
    kind = rng.choice([Add, Change, Rename, Remove, Connect, *([Disconnect] if data.get("adapters") else [])])
    if kind is Add:
        section = rng.choice(SECTIONS)
        name = path if section == "adapters" else rng.choice(NEW)
        return Add(section=section, name=name, entry=random_entry(rng, data, section))  # type: ignore[arg-type]
    if kind is Change:
        name, entry = rng.choice(there), random_entry(rng, data, section)
        old = data.get(section, {}).get(name)
        if isinstance(old, dict) and rng.random() < 0.7:  # a part of it only
            kept = {key: each for key, each in old.items() if rng.random() < 0.8}
            entry = {**kept, **(entry if rng.random() < 0.5 else {})}
        elif isinstance(old, list) and rng.random() < 0.7:
            entry = [each for each in old if rng.random() < 0.7] + [each for each in entry if each not in old]
            rng.shuffle(entry)
        return Change(section=section, name=name, entry=entry)  # type: ignore[arg-type]
    if kind is Rename:
        to = path if section == "adapters" else rng.choice(NEW)
        return Rename(section=section, name=rng.choice(there), to=to)  # type: ignore[arg-type]
    if kind is Remove:
        references = rng.random() < 0.5
        return Remove(section=section, name=rng.choice(there), references=references)  # type: ignore[arg-type]
    if kind is Connect:
        return Connect(
            path=path, adapter=rng.choice([None, *ADAPTERS]), settings=rng.choice([{}, {"seed": 3}])
        )
    return Disconnect(
        path=rng.choice(list(data.get("adapters", {})) or [path]), references=rng.random() < 0.5
    )


def sound(value: Any, at: dict[KeyPath, str], text: str, place: Any, key: KeyPath) -> Iterator[KeyPath]:
    """Key paths of everything, with how it is spelled."""
    at[key] = text[place.start : place.end].rstrip()
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in named:
        yield from sound(part, at, text, place.items[name], (*key, name))
    yield key


def spellings(written: Written) -> dict[KeyPath, str]:
    data, positions = parse_yaml(written.text, "x", written.as_json)
    found: dict[KeyPath, str] = {}
    list(sound(data, found, positions.text, positions.root, ()))
    return {key: text for key, text in found.items() if not isinstance(value_at(data, key), dict | list)}


def slices(written: Written) -> dict[KeyPath, str]:
    """How sections and entries stand in the file, each with all that is in it."""
    data, positions = parse_yaml(written.text, "x", written.as_json)
    keys: list[KeyPath] = [(section,) for section in data]
    keys += [(section, name) for section in SECTIONS for name in data.get(section, {})]
    places = {key: positions.place(key) for key in keys}
    return {key: positions.text[at.start : at.end].rstrip() for key, at in places.items() if at is not None}


def value_at(data: Any, key: KeyPath) -> Any:
    for part in key:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def touched(edit: Edit, key: KeyPath, before: Any, after: Any) -> bool:
    """Whether an edit may change what stands at a key path, and the comments there."""
    if isinstance(edit, Rename):
        return False  # names change, and nothing else
    for part in key:
        if isinstance(before, list):
            return before[part] not in after  # type: ignore[index]
        if part not in after:
            return True
        before, after = before[part], after[part]
        if before == after:
            return False
        if type(before) is not type(after) or not isinstance(before, dict | list):
            return True
    return False


def expected(edit: Edit, data: dict[str, Any]) -> dict[str, Any] | None:
    """What an edit comes to on plain data, where that is simple to say."""
    if isinstance(edit, Add | Change):
        return {**data, edit.section: {**data.get(edit.section, {}), edit.name: edit.entry}}
    if isinstance(edit, Connect) and edit.adapter is not None:
        return {**data, "adapters": {**data.get("adapters", {}), edit.path: edit.adapter | edit.settings}}
    if isinstance(edit, Remove) and not edit.references:
        part = {name: each for name, each in data[edit.section].items() if name != edit.name}
        return {**data, edit.section: part}
    if isinstance(edit, Rename) and edit.section == "applications":
        part = {edit.to if name == edit.name else name: each for name, each in data["applications"].items()}
        return {**data, "applications": part}
    if isinstance(edit, Rename) and edit.section == "tasks":
        path = lambda text: text.split(":")[0] + ":" + edit.to if text.split(":")[1] == edit.name else text  # noqa: E731
        name = lambda text: edit.to if text == edit.name else text  # noqa: E731
        return {
            **data,
            "tasks": {name(each): part for each, part in data["tasks"].items()},
            **({"adapters": {path(k): v for k, v in data["adapters"].items()}} if "adapters" in data else {}),
            **(
                {"teachers": {k: {**v, "task": name(v["task"])} for k, v in data["teachers"].items()}}
                if "teachers" in data
                else {}
            ),
            **(
                {"applications": {k: [*map(path, v)] for k, v in data["applications"].items()}}
                if "applications" in data
                else {}
            ),
        }
    return None


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_edits_change_what_they_name_and_their_inverses_take_them_back(seed: int, count: int):
    rng = random.Random(seed)
    data = random_graph(rng)
    first = written = write(rng, data)
    assert read(written) == data, "the test writes what it means"
    steps = []
    for _ in range(count):
        before = read(written)
        edit = random_edit(rng, before)
        try:
            text, inverse = apply_edit(written.text, edit, "x", written.as_json)
        except LegonetError as error:
            refused = str(error)
        else:
            refused = ""
        event(f"{edit.op} {'refused' if refused else 'made'}")
        assert "this layout" not in refused
        if refused:
            continue
        changed = Written(text, written.comments, written.as_json)
        after = read(changed)
        assert valid(after)
        wanted = expected(edit, before)
        if wanted is not None:
            assert after == wanted
            assert [list(after.get(each, {})) for each in SECTIONS] == [
                list(wanted.get(each, {})) for each in SECTIONS
            ]
        expect_kept(edit, written, changed, before, after)
        assert apply_edit(text, inverse)[0] == written.text
        again, back = apply_edit(written.text, apply_edit(text, inverse)[1])
        assert (again, back) == (text, inverse)
        steps.append((written.text, inverse))
        written = changed
    text = written.text
    for was, inverse in reversed(steps):
        text, _ = apply_edit(text, inverse)
        assert text == was
    assert text == first.text


def expect_kept(edit: Edit, written: Written, changed: Written, before: Any, after: Any) -> None:
    """Comments, spellings and lines that an edit has nothing to do with are as they were."""
    there = [text for text in written.comments if text in written.text]
    kept = [text for text in there if text in changed.text]
    lost = [text for text in there if text not in changed.text]
    assert [text for text in lost if not touched(edit, written.comments[text], before, after)] == []
    assert sorted(kept, key=changed.text.index) == sorted(kept, key=written.text.index)
    assert all(changed.text.count(text) == 1 for text in kept)
    old, new = spellings(written), spellings(changed)
    for key, text in old.items():
        if not isinstance(edit, Rename) and not any(isinstance(part, int) for part in key):
            then = value_at(after, key)
            if then == value_at(before, key) and key in new and type(then) is type(value_at(before, key)):
                assert new[key] == text or any(
                    touched(edit, key[:length], before, after) for length in range(1, len(key))
                )
    if isinstance(edit, Rename):
        assert changed.text.replace("\r\n", "\n").count("\n") == written.text.replace("\r\n", "\n").count(
            "\n"
        )
    newlines = "\r\n" in written.text
    assert ("\r\n" in changed.text) >= newlines
    if newlines:
        assert "\n" not in changed.text.replace("\r\n", "")
    assert changed.text.startswith("\ufeff") == written.text.startswith("\ufeff")


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_an_inverse_refuses_any_other_text(seed: int):
    rng = random.Random(seed)
    written = write(rng, random_graph(rng))
    name = "zebra"
    text, inverse = apply_edit(written.text, Add(section="categories", name=name), "x", written.as_json)
    for other in (written.text, text + " ", text.replace(name, "lion")):
        with pytest.raises(GraphError, match="x: the text has changed since the edit"):
            apply_edit(other, inverse, "x")
