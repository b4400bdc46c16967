"""Block files: found by name, read, and checked with a report of everything that is wrong. Needs no torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from legonet import errors
from legonet.blocks.schema import Block
from legonet.errors import BlockError, GraphError
from legonet.graph.checks.structure import explain
from legonet.graph.checks.written import newer
from legonet.graph.editing.dump import dump_yaml
from legonet.graph.fields import NAME_PATTERN
from legonet.graph.in_parts import validated
from legonet.graph.load import parse_yaml
from legonet.graph.reading.findings import Finding, located
from legonet.graph.reading.positions import show
from legonet.graph.reading.source import read_source
from legonet.graph.suggest import did_you_mean, listed
from legonet.ir.notation import layers_data, name_conflict
from legonet.store.workspace import BLOCKS_FOLDER, shipped_folder

SUFFIXES = (".yaml", ".json")
MOST_LAYERS = 10_000
_YAML_NAME = re.compile(
    r"""^name:[ ]+(?P<quote>["']?)(?P<name>[\w@-]+)(?P=quote)[ ]*(?:#.*)?\r?$""", re.MULTILINE
)
_JSON_NAME = re.compile(r"""^\s*\{[^{}\[\]]*?"name"\s*:\s*"(?P<name>[^"\\]+)\"""")


def list_blocks(folders: Iterable[Path]) -> dict[str, Path]:
    """List the block files of some folders; of two with one name, the first folder's counts.

    Args:
        folders: Where to look, such as `Workspace.block_folders`; they need not exist.

    Returns:
        Files by the block's name, which is what they say, however they are called; sorted.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        for path in _block_files(folder):
            if re.fullmatch(NAME_PATTERN, name := name_in(path)):
                found.setdefault(name, path)
    return dict(sorted(found.items()))


def find_block(name: str, folders: Sequence[Path]) -> Block:
    """Find a block by its name.

    Args:
        name: The block's name, as its file says; the file may be called otherwise.
        folders: Where to look, in this order.

    Returns:
        The block.

    Raises:
        BlockError: There is no such block, several of one folder have that name, or its file is not valid;
            the message is the whole report.
    """
    known = list_blocks(folders)
    if name not in known:
        looked = listed([str(folder) for folder in folders]) or "no folder"
        files = [path for folder in folders for path in _block_files(folder) if path.stem == name]
        hint = f" {files[0]} holds the block '{name_in(files[0])}'." if files else did_you_mean(name, known)
        raise BlockError(
            f"no block {show(name)} in {looked}; blocks are {listed(list(known)) or 'none'}.{hint}"
        )
    same = [path for path in _block_files(known[name].parent) if name_in(path) == name]
    if len(same) > 1:
        raise BlockError(
            f"{same[1]}: found the name '{name}', which {same[0]} has too; expected one block of a "
            "name; change the `name` in one of them"
        )
    own = known[name].parent == shipped_folder(BLOCKS_FOLDER)  # installers put links there
    return read_block(known[name], follow=own)


def name_in(path: Path) -> str:
    """The name that a block file gives itself; the file's own where it says none that can be read."""
    try:
        state = path.stat()
    except OSError:
        return path.stem
    return _name_in(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1024)
def _name_in(path: Path, changed: int, size: int) -> str:
    """Found without reading the whole where the name stands by itself, as it does in nearly all files."""
    try:
        text = read_source(path, "block file")
        as_json = path.suffix == ".json"
        if written := (_JSON_NAME if as_json else _YAML_NAME).search(text):
            return written["name"]
        data = json.loads(text) if as_json else parse_yaml(text, str(path))[0]
    except (GraphError, ValueError, RecursionError):
        return path.stem
    found = data.get("name") if isinstance(data, dict) else None
    return found if isinstance(found, str) else path.stem


def _block_files(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.name.endswith(SUFFIXES))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def read_block(path: Path | str, *, follow: bool = True) -> Block:
    """Read a block file: YAML, or JSON if its name ends in `.json`.

    Args:
        path: The file.
        follow: A link is followed: the user named it.

    Raises:
        BlockError: It cannot be read, or is not valid; the message is the whole report, with one line
            `file:line:column: key: message` for each problem, in file order.
    """
    try:
        text = read_source(path, "block file", follow=follow)
    except GraphError as error:
        raise BlockError(str(error), error.problems) from error
    read = parse_json if Path(path).suffix == ".json" else parse_block
    return read(text, str(path))


def block_text(block: Block) -> tuple[str, str]:
    """Write a block; one of operations, which are too many for people to write, as JSON with a line for each.

    Returns:
        The suffix of its file, and its text.
    """
    data = block.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if block.operations is None:
        data |= {} if block.layers is None else {"layers": layers_data(block.layers)}
        return ".yaml", dump_yaml(data)
    parts = block.operations
    steps = ",\n".join(json.dumps(step) for step in parts["steps"])
    tensors = ",\n".join(f"{json.dumps(name)}: {json.dumps(spec)}" for name, spec in parts["tensors"].items())
    graph = (
        f'{{"output": {json.dumps(parts["output"])}, "steps": [\n{steps}\n], "tensors": {{\n{tensors}\n}}}}'
    )
    head = json.dumps({key: value for key, value in data.items() if key != "operations"})
    return ".json", f'{head[:-1]}, "operations": {graph}}}\n'


@lru_cache(maxsize=64)
def parse_json(text: str, source: str) -> Block:
    """Read a block from a JSON file's text, as `block_text` writes it.

    Raises:
        BlockError: It is not valid; the message names the first thing that is wrong.
    """
    data: Any = None
    try:
        data = json.loads(text)
        return validated(Block, data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, found = ".".join(str(part) for part in first["loc"]), first["msg"]
    except (ValueError, RecursionError) as error:
        key, found = "", f"no JSON: {error}"
    if late := newer(data, Block):
        raise BlockError.of(*located([late], source))
    parts = (found, "expected a block as `legonet teacher add` writes it", "bring the model in again")
    raise BlockError.of(errors.Problem(*parts, source, key=key))


@lru_cache(maxsize=64)
def parse_block(text: str, source: str) -> Block:
    """Read a block from a file's text.

    Args:
        text: YAML.
        source: What messages call the file.

    Raises:
        BlockError: It is not valid; the message is the whole report.
    """
    try:
        data, positions = parse_yaml(text, source)
    except GraphError as error:
        raise BlockError(str(error), error.problems) from error
    if not isinstance(data, dict):
        parts = (f"found {show(data)}", "expected a block, a mapping", "start with 'legonet-block: 1'")
        raise BlockError.of(errors.Problem(*parts, source))
    if late := newer(data, Block):
        raise BlockError.of(*located([late], source, positions))
    problems = [*explain(data, Block, positions), *_problems(data)]
    if not problems:
        try:
            return validated(Block, data)
        except ValidationError as error:
            problems = [Finding(_key(each["loc"]), each["msg"]) for each in error.errors(include_url=False)]
    raise BlockError.of(*located(problems, source, positions))


def _key(location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Leave out the layer's type, which pydantic puts between a layer's name and its keys."""
    return (*location[:2], *location[3:]) if location[:1] == ("layers",) else location


def _problems(data: dict[str, Any]) -> Iterator[Finding]:
    """Find values that have the right form but do not fit each other; what is broken is passed over."""
    layers, builder = data.get("layers"), data.get("builder")
    if layers is None and builder is None:
        yield Finding((), "found neither 'layers' nor 'builder'", "expected one of them", "add it")
    if layers is not None and builder is not None:
        yield Finding(
            ("builder",), "found beside 'layers'", "expected one of the two", "remove the other", at="key"
        )
    if data.get("arguments") and builder is None:
        yield Finding(
            ("arguments",), "found without a 'builder'", "expected beside one", "remove them", at="key"
        )
    if isinstance(layers, dict) and layers:
        yield from _layer_problems(layers)
        yield from _cut_problems(data.get("cuts"), list(layers))


def _layer_problems(layers: dict[str, Any]) -> Iterator[Finding]:
    if len(layers) > MOST_LAYERS:
        found = f"{len(layers):,} layers"
        yield Finding(("layers",), found, f"expected at most {MOST_LAYERS:,}", "split the model", at="key")
        return
    conflict = name_conflict(layers)
    if conflict:
        parts = (conflict[1], "expected names that nest", "rename the layer or move it")
        yield Finding(("layers", conflict[0]), *parts, at="key")
    for name, layer in layers.items():
        if not isinstance(layer, dict):
            continue
        if layer.get("type") == "upsample" and (layer.get("size") is None) == (layer.get("scale") is None):
            found = "neither 'size' nor 'scale'" if layer.get("size") is None else "both 'size' and 'scale'"
            yield Finding(("layers", name), found, "expected one of them", "choose one", at="key")
        groups = layer.get("groups", 1)
        for key in ("in", "out"):
            channels = layer.get(key)
            if _counts(groups) and _counts(channels) and channels % groups:
                found = f"{groups} groups do not divide '{key}', {channels}"
                yield Finding(("layers", name, "groups"), found, "expected a divisor", "correct one")
        yield from _pool_problems(name, layer)


def _pool_problems(name: str, layer: dict[str, Any]) -> Iterator[Finding]:
    """Find pools padded by more than half a window, which torch refuses."""
    if layer.get("type") not in ("max-pool", "avg-pool"):
        return
    kernel, padding = _both(layer.get("kernel")), _both(layer.get("padding", 0))
    if kernel and padding and any(2 * zeros > window for zeros, window in zip(padding, kernel, strict=True)):
        parts = ("more than half the kernel", "expected at most half", "make it smaller")
        yield Finding(("layers", name, "padding"), *parts)


def _cut_problems(cuts: Any, names: list[str]) -> Iterator[Finding]:
    for index, cut in enumerate(cuts if isinstance(cuts, list) else ()):
        if not isinstance(cut, str):
            continue
        if cut == names[-1]:
            words = "expected one that leaves layers for the task module"
            yield Finding(("cuts", index), f"'{cut}' is the last layer", words, "choose one below it")
        elif cut not in names:
            found, there = f"no layer '{cut}'", f"layers are {listed(names)}."
            yield Finding(("cuts", index), found, there, word=cut, known=names)


def _counts(value: Any) -> bool:
    return type(value) is int and value > 0


def _both(value: Any) -> list[int] | None:
    pair = value if isinstance(value, list) else [value, value]
    return pair if len(pair) == 2 and all(type(each) is int for each in pair) else None
