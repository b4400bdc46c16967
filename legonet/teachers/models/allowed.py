"""The code that the user allows to be run, to make models of. Needs no torch.

It is named in a file of the user's own, outside any workspace, since whoever makes a workspace could ship
whatever lies in it. By workspace it lists functions, and files as they lie in the workspace:

    /home/me/zoo: [mypackage.models:make, exports/cat.pt2]
"""

from __future__ import annotations

import os
from pathlib import Path

from legonet.store.settings import listed_for, settings_file

FILE = "allowed-code.yaml"


def permissions_file() -> Path:
    """The user's own file of what may be run.

    Raises:
        RuntimeError: The user has no home.
    """
    return settings_file(FILE)


def allowed_code(workspace: Path) -> frozenset[str]:
    """What the user allows to be run for a workspace: functions by name, files by their real paths.

    Args:
        workspace: Its root.

    Raises:
        StoreError: The file of permissions cannot be read.
    """
    names = listed_for(workspace, FILE, "file of permissions", "package.module:function")
    root = os.path.realpath(workspace)
    return frozenset(name if _is_function(name) else os.path.realpath(Path(root, name)) for name in names)


def _is_function(name: str) -> bool:
    return ":" in name
