"""The folder that a network lives in: its blocks, its graph files and its store. Needs no torch."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import Literal

from legonet.errors import StoreError
from legonet.graph.fields import NAME_PATTERN
from legonet.store.blobs import Store, sha256
from legonet.store.confined import expect_inside
from legonet.store.elsewhere import RECORDS, Elsewhere, files_elsewhere
from legonet.store.locks import WritersLock
from legonet.store.plain_files import holds, write_file
from legonet.store.settings import cache_folder

STATE_FOLDER = ".legonet"
BLOCKS_FOLDER = "blocks"
GRAPHS_FOLDER = "graphs"
RUNS_FOLDER = "runs"
TEACHERS_FOLDER = "teachers"
"""Beside a graph file: the weights and statistics of teachers that were added to it."""
SCHEMA_FILE = "graph.schema.json"
SCHEMA_LINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"
"""The first line of a graph file that tells editors which schema to complete and check it by."""

_BEGUN = """\
{line}
legonet: 1
name: {name}
# The teachers' images: channels, height, width; the mean and the deviation that normalise each channel.
input: {{shape: [3, 224, 224], mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}}
"""
_EXAMPLE = f"{GRAPHS_FOLDER}/animals.yaml"
_IGNORE = ".gitignore"


@dataclass(frozen=True)
class Workspace:
    """A folder with `blocks/`, `graphs/` and `.legonet/`; none of them has to exist.

    Attributes:
        root: The folder, absolute.
    """

    root: Path

    def __post_init__(self) -> None:
        """Make the root absolute, so that a change of the working folder changes nothing."""
        object.__setattr__(self, "root", Path(self.root).absolute())

    @classmethod
    def find(cls, graph_path: Path | str) -> Workspace:
        """Find the workspace of a graph file, which need not exist yet.

        Returns:
            The nearest folder above the file that has `blocks/` or `.legonet/`; else the file's folder, or
            the one above when it is called `graphs`.
        """
        folder = Path(graph_path).absolute().parent
        for ancestor in (folder, *folder.parents):
            if (ancestor / BLOCKS_FOLDER).is_dir() or (ancestor / STATE_FOLDER).is_dir():
                return cls(ancestor)
        return cls(folder.parent if folder.name == GRAPHS_FOLDER else folder)

    @cached_property
    def store(self) -> Store:
        """The blobs; the first one written makes the folder."""
        return Store(self.state("blobs"))

    def state(self, *names: str) -> Path:
        """A file or folder of what belongs to this machine and to no repository.

        What has no property of its own here is a record of something that can be found out again: it may be
        deleted at any time.

        Raises:
            StoreError: A part of it is a link, which a repository could ship.
        """
        return self.own(self.root.joinpath(STATE_FOLDER, *names))

    def own(self, path: Path) -> Path:
        """A file of the workspace that is about to be written.

        Raises:
            StoreError: It is outside, or a link leads to it.
        """
        return expect_inside(self.root, path.absolute())

    def writing(self) -> AbstractContextManager[object]:
        """No other process that asks for this changes the workspace meanwhile; it is to be left soon.

        Whatever reads files of the workspace, changes what they say and writes them again does so in here.
        It may be entered again by the thread that is in it.

        Raises:
            StoreError: The workspace cannot be written.
        """
        return WritersLock(self.state("writer.lock"))

    @property
    def records(self) -> Path:
        """The folder of what is known of each network's remote."""
        return self.state(RECORDS)

    @cached_property
    def elsewhere(self) -> Mapping[str, Elsewhere]:
        """Files of teachers that are not here, by path in the workspace: what holds their tensors instead."""
        return files_elsewhere(self.records) if self.records.is_dir() else {}

    def held(self, path: Path) -> Elsewhere | None:
        """What holds the content of a file that is not here; None where it is, or nothing is known of it.

        Args:
            path: As `resolve` gives it.
        """
        root = self.root.resolve()
        if path.exists() or not path.is_relative_to(root):
            return None
        known = self.elsewhere.get(path.relative_to(root).as_posix())
        return known if known is not None and known.blobs else None

    def found_out(self, name: str) -> Path | None:
        """A file for what this machine has found out of the workspace, in the user's own folder.

        It would be believed wherever it lay, and whoever makes a workspace could ship one that lies.

        Returns:
            None where the user has no home: nothing is kept then.
        """
        key = sha256(os.path.realpath(self.root).encode())[:16]
        try:
            return cache_folder("workspaces") / key / name
        except StoreError:
            return None

    @property
    def journal_path(self) -> Path:
        """The sqlite file that records runs."""
        return self.state("journal.sqlite")

    def run_lock(self, network: str) -> Path:
        """The file that tells which run is at work on a network, and what it needs."""
        return self.state(RUNS_FOLDER, f"{network}.lock")

    @property
    def runs(self) -> Path:
        """The folder of those files."""
        return self.state(RUNS_FOLDER)

    @property
    def checkpoints(self) -> Path:
        """The folder where long jobs leave their states."""
        return self.state("checkpoints")

    @property
    def block_folders(self) -> list[Path]:
        """Where blocks are looked up: the workspace's own, then those shipped with legonet."""
        folders = [self.root / BLOCKS_FOLDER, shipped_folder("blocks")]
        return folders[:1] if folders[0].resolve() == folders[1].resolve() else folders

    def resolve(self, base: Path | str, relative: str) -> Path:
        """Turn a path written in a file into a path of this machine that stays in the workspace.

        Args:
            base: The folder of the file that it is written in.
            relative: The path as written, with forward slashes.

        Returns:
            The path, links followed; it need not exist.

        Raises:
            StoreError: It is absolute, or it leaves the workspace by `..` or by a link.
        """
        if Path(relative).is_absolute() or PureWindowsPath(relative).anchor:
            raise StoreError(
                f"{relative}: an absolute path; expected one relative to the file that names it, "
                "so that the workspace can be moved"
            )
        try:
            path = (Path(base).absolute() / relative).resolve()
            inside = path.is_relative_to(self.root.resolve())
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(f"{relative!r}: no usable path: {error}; correct it") from error
        if not inside:
            raise StoreError(
                f"{relative}: leaves the workspace {self.root}; expected a path inside it; "
                "copy the file into the workspace"
            )
        return path


def shipped_folder(name: Literal["blocks", "graphs", "images"]) -> Path:
    """Find what comes with legonet: inside an installed wheel, or in a checkout."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent
    # Beside an installed package, a folder called "blocks" would be somebody else's.
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    return package / "examples" / name


def init_workspace(folder: Path, example: bool = True) -> list[Path]:
    """Make a workspace.

    Args:
        folder: Its root; made if it does not exist.
        example: Copy the blocks, the animals' graph, its teachers, and an image of each of its categories;
            else a graph without anything in it is begun, of the folder's name, and `blocks/` is empty.

    Returns:
        The files that were written.

    Raises:
        StoreError: A file of another content is there already, a link is, or a file cannot be written.
            Nothing is changed in the first two cases.
    """
    named = re.fullmatch(NAME_PATTERN, folder.absolute().name)
    begun = None if example else named.group() if named else "network"
    files = {folder / name: data for name, data in _new_files(begun)}
    if begun and (folder / GRAPHS_FOLDER).is_dir() and any((folder / GRAPHS_FOLDER).glob("*.yaml")):
        del files[folder / GRAPHS_FOLDER / f"{begun}.yaml"]  # there is one already
    if (folder / _IGNORE).exists():  # a user's is left alone; the state folder has one of its own
        del files[folder / _IGNORE]
    workspace = Workspace(folder)
    for target, data in files.items():
        workspace.own(target)
        if target.exists() and not _same(target, data):
            raise StoreError(
                f"{target}: is there already, with other content; expected a new folder; choose another one"
            )
    for target, data in files.items():
        write_file(target, data)
    for name in (GRAPHS_FOLDER, BLOCKS_FOLDER):
        workspace.own(folder / name).mkdir(parents=True, exist_ok=True)
    # The state folder keeps itself out of version control; a .gitignore of the user's is left alone.
    write_file(workspace.state(_IGNORE), b"*\n")
    return list(files)


def _new_files(begun: str | None) -> Iterator[tuple[str, bytes]]:
    """The files of a new workspace: where they belong in it, and what is in them.

    Args:
        begun: The name of a graph that is begun; None: the example is copied.
    """
    from legonet.graph.json_schema import graph_schema

    schema = json.dumps(graph_schema(), indent=2, ensure_ascii=False)
    yield f"{GRAPHS_FOLDER}/{SCHEMA_FILE}", f"{schema}\n".encode()
    yield (
        _IGNORE,
        (b"# What can be made again. Graph files and *.lock.json are to be committed.\n.legonet/\n"),
    )
    if begun is not None:
        yield f"{GRAPHS_FOLDER}/{begun}.yaml", _BEGUN.format(line=SCHEMA_LINE, name=begun).encode()
        return
    yield from _copies("blocks")
    for name, data in (*_copies("graphs"), *_copies("images")):
        if name == _EXAMPLE:
            yield name, f"{SCHEMA_LINE}\n".encode() + data
        elif not name.endswith((".yaml", ".lock.json")):  # other graphs need teachers that do not ship
            yield name, data


def _copies(name: Literal["blocks", "graphs", "images"]) -> Iterator[tuple[str, bytes]]:
    source = shipped_folder(name)
    for file in sorted(source.rglob("*")):
        if file.is_file():
            yield f"{name}/{file.relative_to(source).as_posix()}", file.read_bytes()


def _same(target: Path, data: bytes) -> bool:
    try:
        return stat.S_ISREG(target.lstat().st_mode) and holds(target, [data])
    except OSError:  # a folder, or a file that may not be read
        return False
