"""The code that the user of a workspace allows to be run, to make models of. Needs no torch.

It is named in `.legonet/settings.yaml`, which a repository does not carry along, so that nobody else's graph
can allow it:

    allow-code: [mypackage.models:make, exports/cat.pt2]
"""

from __future__ import annotations

from legonet.errors import GraphError, StoreError
from legonet.graph.load import parse_yaml
from legonet.graph.reading.source import read_source
from legonet.store.workspace import Workspace

KEY = "allow-code"


def allowed_code(workspace: Workspace) -> tuple[str, ...]:
    """References to code that the workspace's settings allow; none if there are no settings.

    Raises:
        StoreError: The settings cannot be read.
    """
    path = workspace.settings_path
    if not path.exists():
        return ()
    try:
        data, _ = parse_yaml(read_source(path, "settings file"), str(path))
    except GraphError as error:
        raise StoreError(str(error)) from error
    if data is None:
        return ()
    given = data.get(KEY, []) if isinstance(data, dict) and set(data) <= {KEY} else None
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise StoreError(
            f"{path}: no settings; expected `{KEY}: [package.module:function]` and nothing else; correct it"
        )
    return tuple(given)
