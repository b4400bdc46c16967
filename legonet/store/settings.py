"""The user's own folders, outside any workspace: whoever makes one could ship what lies in it.

Files of the folder of settings list names by the real path of a workspace, such as

    /home/me/zoo: [s3://bucket/zoo]
"""

from __future__ import annotations

import os
from pathlib import Path

from legonet.errors import GraphError, StoreError
from legonet.graph.load import parse_yaml
from legonet.graph.reading.source import read_source

_FOLDER = "legonet"


def settings_file(name: str) -> Path:
    """A file of the user's own, in the folder of settings that XDG names.

    Raises:
        RuntimeError: The user has no home.
    """
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".config") / _FOLDER / name


def cache_folder(name: str) -> Path:
    """A folder of the user's own for what can be had again, where XDG names it.

    Raises:
        StoreError: The user has no home.
    """
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / _FOLDER / name
    except RuntimeError as error:
        raise StoreError(
            "no home folder: expected one, to keep what is fetched in; set HOME or XDG_CACHE_HOME"
        ) from error


def listed_for(workspace: Path, name: str, what: str, example: str) -> list[str]:
    """What the user's file lists for a workspace; nothing where there is no file, or no home.

    Args:
        workspace: Its root.
        name: Of the file.
        what: What messages call it, such as `file of permissions`.
        example: What it may list, for messages.

    Raises:
        StoreError: It cannot be read.
    """
    try:
        path = settings_file(name)
    except RuntimeError:
        return []
    root = os.path.realpath(workspace)
    entries = all_listed(path, what, example)
    return [each for folder, names in entries.items() if os.path.realpath(folder) == root for each in names]


def all_listed(path: Path, what: str, example: str) -> dict[str, list[str]]:
    """What a file of the user's lists, by workspace.

    Args:
        path: The file.
        what: As of `listed_for`.
        example: Likewise.

    Raises:
        StoreError: As of `listed_for`.
    """
    if not path.exists():
        return {}
    try:
        data, _ = parse_yaml(read_source(path, what), str(path))
    except GraphError as error:
        raise StoreError(str(error)) from error
    entries = {} if data is None else data
    if not isinstance(entries, dict) or not all(
        isinstance(folder, str)
        and Path(folder).is_absolute()
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        for folder, names in entries.items()
    ):
        raise StoreError(
            f"{path}: no {what}; expected lines such as `/path/of/a/workspace: [{example}]` and nothing "
            "else; correct it"
        )
    return entries
