"""Random graph files: valid graphs, written in random styles, with comments whose places are known."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from legonet.graph.editing.dump import flow
from legonet.graph.load import graph_problems
from legonet.graph.reading.positions import KeyPath, Place, Positions

CATEGORIES = ("cat", "dog", "no", "2024-01-01", "größe", "cat@2", "null")
TASKS = ("classify", "segment", "side", "pose")
OUTPUTS: tuple[dict[str, Any], ...] = (
    {"kind": "binary", "labels": ["other", "{category}"]},
    {"kind": "mask"},
    {"kind": "classes", "labels": ["up", "left", "it's #3"]},
    {"kind": "vector", "names": ["left ear", "right: ear"]},
)
ADAPTERS: tuple[dict[str, Any], ...] = (
    {},
    {"kernel": 1},
    {"kernel": 3, "depth": 2, "method": "closed-form"},
    {"method": {"name": "closed-form", "draws": 64, "masks": "random"}, "rescale": False},
)
NOWHERE = Positions(Place(1, 1, 0, 0), "")


def valid(data: dict[str, Any]) -> bool:
    return not graph_problems(data, NOWHERE)


def random_graph(rng: random.Random) -> dict[str, Any]:
    """A valid graph's plain data; sections may be empty or absent."""
    categories = {name: random_category(rng) for name in rng.sample(CATEGORIES, rng.choice([0, 2, 3, 4]))}
    tasks = {
        name: random_task(rng, list(categories)) for name in rng.sample(TASKS, rng.choice([0, 1, 2, 2, 3]))
    }
    data: dict[str, Any] = {"legonet": 1, "name": "zoo", "input": {"shape": [3, 32, 32.0]}}
    if rng.random() < 0.3:
        data["input"]["mean"] = [0.5, 1e-1, 0.25]
    data |= {"categories": categories, "tasks": tasks, "adapters": {}, "teachers": {}, "applications": {}}
    pairs = [(category, task) for category in categories for task in tasks]
    for category, task in rng.sample(pairs, rng.randint(len(pairs) // 3, len(pairs))):
        data["teachers"][f"{category}-{task}".replace("@", "-")] = random_teacher(rng, category, task)
    for category, task in pairs:
        keep(data, "adapters", f"{category}:{task}", rng.choice(ADAPTERS), rng)
    for section, kind in (("categories", "category"), ("tasks", "task")):
        for name, entry in data[section].items():
            able = [other for other, each in data["teachers"].items() if each[kind] == name]
            if able and rng.random() < 0.3:
                entry["teacher"] = rng.choice(able)
                if not valid(data):
                    del entry["teacher"]
    for name in ("pets", "all-of-it", "on"):
        paths = [f"{category}:{task}" for category, task in pairs]
        keep(data, "applications", name, rng.sample(paths, rng.randint(0, min(3, len(paths)))), rng)
    assert valid(data)
    items = list(data.items())
    head, sections = items[:3], [item for item in items[3:] if item[1] or rng.random() < 0.3]
    rng.shuffle(sections)
    return dict([*head, *sections])


def keep(data: dict[str, Any], section: str, name: str, entry: Any, rng: random.Random) -> None:
    """Add an entry now and then, where the graph stays valid."""
    if rng.random() < 0.7:
        data[section][name] = json.loads(json.dumps(entry))
        if not valid(data):
            del data[section][name]


def random_category(rng: random.Random) -> dict[str, Any]:
    return rng.choice([{}, {}, {"label": "Kätzchen"}, {"label": "a: b #c"}, {"input": {"shape": [1, 8, 8]}}])


def random_task(rng: random.Random, categories: list[str]) -> dict[str, Any]:
    output = dict(rng.choice(OUTPUTS))
    if output["kind"] == "classes" and categories and rng.random() < 0.6:
        output["labels_of"] = {name: ["1", "2", "3"] for name in rng.sample(categories, 1)}
    return {"output": output} | rng.choice([{}, {"adapter": {"kernel": 1}}])


def random_teacher(rng: random.Random, category: str, task: str) -> dict[str, Any]:
    entry = {
        "category": category,
        "task": task,
        "model": "vgg slim",
        "weights": "a/b.safetensors",
        "cut": "x",
    }
    return entry | rng.choice([{}, {"quality": 0.9}, {"statistics": "a/b.s.safetensors", "quality": 1}])


@dataclass
class Written:
    """A graph's file.

    Attributes:
        text: What is in it.
        comments: Each comment to the key path of the value that it belongs to; between entries, to what has
            them.
        as_json: It is JSON.
    """

    text: str = ""
    comments: dict[str, KeyPath] = field(default_factory=dict)
    as_json: bool = False


def write(rng: random.Random, data: dict[str, Any]) -> Written:
    """A graph in some style."""
    mark = rng.choice(["", "", "\ufeff"])
    newline = rng.choice(["\n", "\n", "\r\n", "\r"])
    if rng.random() < 0.25:
        indent = rng.choice([None, 2, 4, "\t"])
        text = json.dumps(data, indent=indent, ensure_ascii=rng.random() < 0.5)
        if indent is None and rng.random() < 0.5:
            text = json.dumps(data, separators=(",", ":"))
        return Written(mark + text.replace("\n", newline) + rng.choice(["", newline]), as_json=True)
    writer = _Writer(rng, newline)
    lines = writer.block(data, 0, ())
    ends = rng.choice(["", newline, newline * 2, f"{newline}...{newline}"])
    start = rng.choice(["", "", f"---{newline}", f"%YAML 1.2{newline}---{newline}"])
    return Written(mark + start + newline.join(lines) + ends, writer.comments)


class _Writer:
    def __init__(self, rng: random.Random, newline: str) -> None:
        self.rng, self.newline, self.comments = rng, newline, dict[str, KeyPath]()
        self.step = rng.choice([1, 2, 4])

    def comment(self, key: KeyPath, chance: float = 0.2) -> str:
        if self.rng.random() > chance:
            return ""
        text = f"# {len(self.comments)}: {{say}} 'a', \"b\" [c]!"
        self.comments[text] = key
        return text

    def beside(self, key: KeyPath) -> str:
        text = self.comment(key)
        return self.rng.choice([" ", "   "]) + text if text else ""

    def lines_between(self, indent: int, key: KeyPath) -> list[str]:
        lines = [""] * (self.rng.random() < 0.1)
        text = self.comment(key, 0.1)
        return [*lines, " " * indent + text] if text else lines

    def scalar(self, value: Any) -> str:
        if not isinstance(value, str):
            return flow(value)
        return self.rng.choice(
            [flow(value), flow(value), json.dumps(value), "'" + value.replace("'", "''") + "'"]
        )

    def block(self, value: dict[str, Any], indent: int, key: KeyPath) -> list[str]:
        lines: list[str] = []
        for name, part in value.items():
            lines += self.lines_between(indent, key)
            lines += self.entry(name, part, indent, (*key, name))
        return [*lines, *self.lines_between(indent, key)]

    def entry(self, name: str, part: Any, indent: int, key: KeyPath) -> list[str]:
        start = " " * indent + self.scalar(name) + ":"
        if not isinstance(part, dict | list) or not part or self.rng.random() < 0.4:
            return [f"{start} {self.inline(part)}{self.beside(key)}"]
        if self.rng.random() < 0.2:
            return (start + " " + self.brackets(part, indent, key) + self.beside(key)).split(self.newline)
        head = start + self.beside(key)
        if isinstance(part, dict):
            return [head, *self.block(part, indent + self.step, key)]
        dash = indent + self.rng.choice([0, self.step])
        lines = []
        for index, each in enumerate(part):
            lines += self.lines_between(dash, key)
            lines.append(" " * dash + f"- {self.inline(each)}{self.beside((*key, index))}")
        return [head, *lines]

    def inline(self, value: Any) -> str:
        space = self.rng.choice(["", "", " "])
        if isinstance(value, dict) and value:
            parts = ", ".join(f"{self.scalar(name)}: {self.inline(each)}" for name, each in value.items())
            return "{" + space + parts + space + "}"
        if isinstance(value, list) and value:
            return "[" + space + ", ".join(map(self.inline, value)) + space + "]"
        return self.scalar(value) if not isinstance(value, dict | list) else flow(value)

    def brackets(self, value: Any, indent: int, key: KeyPath) -> str:
        """A mapping or list inside brackets, with a line for each entry."""
        inner = indent + self.step + 1
        parts = list(value.items() if isinstance(value, dict) else enumerate(value))
        left, right = "{}" if isinstance(value, dict) else "[]"
        lines = [left]
        for index, (name, each) in enumerate(parts):
            deep = isinstance(each, dict | list) and each and self.rng.random() < 0.4
            text = self.brackets(each, inner, (*key, name)) if deep else self.inline(each)
            comma = "," if index < len(parts) - 1 or self.rng.random() < 0.5 else ""
            start = f"{self.scalar(name)}: " if isinstance(value, dict) else ""
            lines += self.lines_between(inner, key)
            lines.append(" " * inner + start + text + comma + self.beside((*key, name)))
        return self.newline.join([*lines, " " * (indent + 1) + right])
