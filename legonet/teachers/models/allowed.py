"""The code that the user allows to be run, to make models of. Needs no torch.

It is named in a file of the user's own, outside any workspace, since whoever makes a workspace could ship
whatever lies in it. By workspace it lists functions, and files as they lie in the workspace:

    /home/me/zoo: [mypackage.models:make, exports/cat.pt2]
"""

from __future__ import annotations

import os
from pathlib import Path

from legonet.errors import GraphError, StoreError
from legonet.graph.load import parse_yaml
from legonet.graph.reading.source import read_source

FILE = Path("legonet") / "allowed-code.yaml"


def permissions_file() -> Path:
    """The user's own file of what may be run, in the folder of settings that XDG names.

    Raises:
        RuntimeError: The user has no home.
    """
    given = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".config") / FILE


def allowed_code(workspace: Path) -> frozenset[str]:
    """What the user allows to be run for a workspace: functions by name, files by their real paths.

    Args:
        workspace: Its root.

    Raises:
        StoreError: The file of permissions cannot be read.
    """
    try:
        path = permissions_file()
    except RuntimeError:
        return frozenset()
    if not path.exists():
        return frozenset()
    try:
        data, _ = parse_yaml(read_source(path, "file of permissions"), str(path))
    except GraphError as error:
        raise StoreError(str(error)) from error
    root, found = os.path.realpath(workspace), set[str]()
    for folder, names in _entries(data, path):
        if os.path.realpath(folder) == root:
            found |= {name if _is_function(name) else os.path.realpath(Path(root, name)) for name in names}
    return frozenset(found)


def _entries(data: object, path: Path) -> list[tuple[str, list[str]]]:
    entries = {} if data is None else data
    if not isinstance(entries, dict) or not all(
        isinstance(folder, str)
        and Path(folder).is_absolute()
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        for folder, names in entries.items()
    ):
        raise StoreError(
            f"{path}: no permissions; expected lines such as `/path/of/a/workspace: "
            "[package.module:function]` and nothing else; correct it"
        )
    return list(entries.items())


def _is_function(name: str) -> bool:
    return ":" in name
