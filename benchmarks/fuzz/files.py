"""Files that people write and pass on: graphs, blocks, plans, journals, statistics, images, drops."""

from __future__ import annotations

import io
import json
import random
import re
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from benchmarks.fuzz.format import Format
from benchmarks.fuzz.mutations import header_mutant, json_mutant, mutant, text_mutant

_BUILDER = (
    b"legonet-block: 1\nname: mutant\ninput: [3, 32, 32]\nbuilder: %s\narguments: {num_classes: 3, %s}\n"
)
_BUILDERS = (
    (b"torchvision:squeezenet1_1", b"dropout: 0.5"),
    (b"timm:resnet10t", b"act_layer: relu, drop_rate: 0.5"),
)
_GRAPH = b"""\
legonet: 1
name: mutant
input: {shape: [3, 32, 32], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25], resize: crop}
proxies: photos
remote: s3://bucket/zoo
categories:
  cat: {label: Cat, teacher: cat-v1, input: {shape: [1, 8, 8], interpolation: bicubic}}
tasks:
  classify:
    output: {kind: binary}
    choose: best
    adapter: {depth: 2, hidden: 8, activation: none, method: {name: closed-form, masks: imagined}}
adapters: {"cat:classify": {kernel: 1, channels: [2, 2], rescale: false, seed: 3}}
teachers:
  cat-v1:
    {category: cat, task: classify, model: net, weights: cat.pt, statistics: cat.safetensors, cut: pool1,
     output: out | mean 2 3, quality: 0.5, licence: MIT, source: the hub, source_sha256: "SHA"}
applications: {all: ["cat:classify"]}
""".replace(b"SHA", b"a" * 64)
_DROP = b"{category: cat, task: classify, model: vgg-slim, cut: pool2, on_conflict: keep, quality: 0.5}\n"


def formats(folder: Path) -> dict[str, Format]:
    """By name. What making the seeds takes goes into the folder."""
    root = Path(__file__).parents[2]
    graphs = [*(each.read_bytes() for each in sorted(root.glob("graphs/*.yaml"))), _GRAPH]
    shipped = sorted(root.glob("blocks/*.yaml"))[:4]
    named = [re.sub(rb"(?m)^name: .*", b"name: mutant", each.read_bytes()) for each in shipped]
    blocks = [*named, *(_BUILDER % each for each in _BUILDERS)]
    found = {
        "graph.yaml": Format(".yaml", graphs, text_mutant, _read_graph),
        "graph.json": Format(".json", [_as_json(each) for each in graphs], json_mutant, _read_graph),
        "lock": Format(".lock.json", [_lock()], json_mutant, _read_lock),
        "plan": Format(".plan", [_plan()], json_mutant, _read_plan),
        "block.yaml": Format(".yaml", blocks, text_mutant, _read_block),
        "block.json": Format(".json", [_operations(), _recurrent()], json_mutant, _read_block, 2.0),
        "permissions": Format(
            ".yaml", [b"/home/me/zoo: [pack.models:make, cat.pt2]\n"], text_mutant, _read_text
        ),
        "journal": Format(".sqlite", [journal(folder)], _journal_mutant(folder), _read_journal),
        "statistics": Format(
            ".safetensors", [_statistics(), _statistics(several=True)], header_mutant, _read_statistics
        ),
        "drop": Format(".yaml", [_DROP], text_mutant, _read_drop),
    }
    for kind in ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM", "ICO", "TGA", "EPS", "JPEG2000", "AVIF"):
        if seed := _picture(kind):
            found[f"image.{kind.lower()}"] = Format(f".{kind.lower()}", [seed], mutant, _read_image, 0.5)
    return found


def _read_graph(path: Path) -> None:
    from legonet.graph.load import load_graph

    load_graph(path)


def _read_lock(path: Path) -> None:
    from legonet.graph.lock import read_lock

    read_lock(path)


def _read_plan(path: Path) -> None:
    from legonet.plan.plan_file import is_plan, read_plan

    is_plan(path)
    read_plan(path)


def _read_block(path: Path) -> None:
    from legonet.blocks.build import build_block
    from legonet.blocks.files import read_block
    from legonet.ir.interpreter import build_graph
    from legonet.ir.sizes import shapes_of, size_of

    block = read_block(path)
    if block.architecture is None:
        build_block(block, "meta")
        return
    shapes_of(block.architecture, block.input)
    size_of(block.architecture, block.input)
    build_graph(block.architecture, "meta")


def _read_text(path: Path) -> None:
    from legonet.graph.load import parse_yaml
    from legonet.graph.reading.source import read_source

    parse_yaml(read_source(path), str(path))


def _read_journal(path: Path) -> None:
    from legonet.run.journal import Journal

    journal = Journal(path)
    journal.history()
    journal.runs("zoo", 5)
    journal.notes_of(["a" * 64])
    journal.fitted(["a" * 64])
    journal.end(journal.begin("graph"), "done")


def _read_statistics(path: Path) -> None:
    from legonet import foreign
    from legonet.teachers.statistics_file import parse_statistics

    parse_statistics(foreign.read(path, foreign.STATISTICS), str(path))


def _read_image(path: Path) -> None:
    from legonet.data.pictures import image_size, read_image, read_mask
    from legonet.graph.schema import Input

    read_image(path, Input(shape=(3, 8, 8)))
    image_size(path)
    read_mask(path, (8, 8))


def _read_drop(path: Path) -> None:
    from legonet.run.inbox import Drop, Inbox

    Inbox(path.parent, path.parent / "graph.yaml")._read(Drop(path.stem, path))


def _as_json(text: bytes) -> bytes:
    from legonet.graph.load import parse_yaml

    return json.dumps(parse_yaml(text, "graph")[0]).encode()


def _lock() -> bytes:
    sha = "a" * 64
    teacher = {"source": sha, "category_module": sha, "task_module": sha, "statistics": None}
    adapter = {"key": sha, "inputs": {"f": sha}, "adapter": sha, "method": "auto", "seed": 0}
    return json.dumps(
        {
            "legonet-lock": 1,
            "teachers": {"cat-v1": teacher},
            "categories": {"cat": {"teacher": "cat-v1", "module": sha, "tuned": sha, "tuned_with": None}},
            "tasks": {"classify": {"teacher": "cat-v1", "module": sha}},
            "adapters": {"dog:classify": adapter | {"quality": {"loss": 0.5}}},
        }
    ).encode()


def _plan() -> bytes:
    edges = [{"path": "dog:classify", "action": "add", "key": "a" * 64, "reason": "new"}]
    return json.dumps({"legonet-plan": 1, "file": "zoo.yaml", "samples": {}, "edges": edges}).encode()


def _operations() -> bytes:
    from legonet.blocks.files import block_text
    from legonet.blocks.schema import Block

    conv = [{"ref": "input"}, {"tensor": "conv.weight"}, {"tensor": "conv.bias"}, [1, 1], [0, 0], [1, 1], 1]
    steps = [
        {"name": "conv", "op": "conv2d", "args": conv},
        {"name": "relu", "op": "relu", "args": [{"ref": "conv"}]},
        {"name": "pool", "op": "max_pool2d", "args": [{"ref": "relu"}, [2, 2], [2, 2], [0, 0]]},
        {
            "name": "sum",
            "op": "add.Tensor",
            "args": [{"ref": "pool"}, {"ref": "pool"}],
            "kwargs": {"alpha": 2},
        },
        {"name": "view", "op": "view", "args": [{"ref": "sum"}, [{"batch": 1}, 18]]},
        {"name": "einsum", "op": "einsum", "args": ["bi,bi->bi", [{"ref": "view"}, {"ref": "view"}]]},
        {"name": "cast", "op": "to.dtype", "args": [{"ref": "einsum"}, {"dtype": "float32"}]},
        {"name": "fc", "op": "linear", "args": [{"ref": "cast"}, {"tensor": "fc.weight"}]},
    ]
    known = _known_steps(steps)
    tensors = {
        "conv.weight": {"shape": [2, 1, 3, 3]},
        "conv.bias": {"shape": [2]},
        "fc.weight": {"shape": [3, 18]},
    }
    operations = {"steps": known, "output": known[-1]["name"], "tensors": tensors}
    head = {"legonet-block": 1, "name": "mutant", "input": [1, 8, 8]}
    return block_text(Block.model_validate(head | {"operations": operations}))[1].encode()


def _known_steps(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those whose operations are in the table; for another one's result stands that of the one before."""
    from legonet.ops.table import ROWS

    kept: list[dict[str, Any]] = []
    stand_in: dict[str, str] = {}
    for step in steps:
        written = json.dumps(step)
        for old, new in stand_in.items():
            written = written.replace(f'{{"ref": "{old}"}}', f'{{"ref": "{new}"}}')
        if step["op"] in ROWS:
            kept.append(json.loads(written))
        else:
            stand_in[step["name"]] = kept[-1]["name"]
    return kept


def _recurrent() -> bytes:
    zeros = {"op": "zeros", "args": [[1, {"batch": 1}, 4]], "kwargs": {"dtype": {"dtype": "float32"}}}
    shapes = {"w": [16, 8], "u": [16, 4], "b": [16], "c": [16]}
    weights = [{"tensor": f"read.{name}"} for name in shapes]
    state = [{"ref": "h"}, {"ref": "c"}]
    call = [{"ref": "frames"}, state, weights, True, 1, 0.0, False, False, True]
    steps = [
        {"name": "frames", "op": "select.int", "args": [{"ref": "input"}, 1, 0]},
        {"name": "h", **zeros},
        {"name": "c", **zeros},
        {"name": "read", "op": "lstm.input", "args": call},
        {"name": "read.0", "op": "getitem", "args": [{"ref": "read"}, 0]},
        {"name": "last", "op": "select.int", "args": [{"ref": "read.0"}, 1, -1]},
    ]
    tensors = {f"read.{name}": {"shape": shape} for name, shape in shapes.items()}
    operations = {"steps": steps, "output": "last", "tensors": tensors}
    head = {"legonet-block": 1, "name": "mutant", "input": [1, 8, 8]}
    return json.dumps(head | {"operations": operations}).encode()


def journal(folder: Path) -> bytes:
    """A journal of one job; it is made in the folder."""
    from legonet.plan.plan import PlannedEdge
    from legonet.run.journal import JobRecord, Journal

    path = folder / "seed.sqlite"
    made = Journal(path)
    run = made.begin("zoo")
    edge = PlannedEdge("dog:classify", "add", "new", key="a" * 64, method="auto")
    made.job(run, JobRecord(edge, "done", 1.5, {"loss": 0.5}, ("note",), "b" * 64, 1, 2**20, 10**9))
    made.end(run, "done")
    return path.read_bytes()


def _journal_mutant(folder: Path) -> Callable[[bytes, random.Random], bytes]:
    odd = (
        None,
        -1,
        2**62,
        1e308,
        "",
        "x",
        b"\xff\xfe",
        "[" * 5000,
        '{"a":"b"}',
        "NaN",
        '{"a":NaN}',
        "9" * 5000,
    )

    def mutate(seed: bytes, choose: random.Random) -> bytes:
        if choose.random() < 0.5:
            return mutant(seed, choose)
        path = folder / "mutant.sqlite"
        path.write_bytes(seed)
        column = choose.choice(
            ("path", "key", "method", "state", "seconds", "quality", "adapter", "seed", "memory", "notes")
        )
        with sqlite3.connect(path) as base:
            base.execute("PRAGMA ignore_check_constraints = ON")
            value = choose.choice(odd)
            cast = "CAST(? AS TEXT)" if isinstance(value, bytes) and choose.random() < 0.5 else "?"
            base.execute(f"UPDATE OR IGNORE jobs SET {column} = {cast}", (value,))  # noqa: S608 - our names
        base.close()
        return path.read_bytes()

    return mutate


def _statistics(several: bool = False) -> bytes:
    """Of one map at the cut, or of two that cross in a row."""
    from legonet.teachers.statistics import Statistics
    from legonet.teachers.statistics_file import dump_statistics

    one, two = torch.ones(1), torch.ones(2)
    shape = (40,) if several else (2, 4, 4)
    return dump_statistics(
        Statistics(
            images=3,
            norm=1.0,
            shares=one.clone(),
            means=torch.zeros(1, *shape),
            factors=torch.ones(1, *shape),
            component=torch.zeros(1, dtype=torch.long),
            rest=torch.ones(1, 2),
            smoothness=two / 2,
            quantiles=torch.linspace(0, 1, 5).expand(2, 5).contiguous(),
            activity=[two / 4],
            output_mean=one.clone(),
            output_std=one.clone(),
            output_quantiles=torch.linspace(-1, 1, 5).view(1, 5),
            maps=((1, 4, 4), (1, 4, 6)) if several else (),
        )
    )


def _picture(kind: str) -> bytes:
    picture, file = Image.effect_noise((32, 24), 64).convert("RGB"), io.BytesIO()
    picture.getexif()[0x0112] = 6
    with suppress(OSError, KeyError):  # this Pillow cannot write it
        picture.save(file, kind)
    return file.getvalue()
