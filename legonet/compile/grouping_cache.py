"""What was measured once on this machine is kept, so that the same network is compiled alike. No torch."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from legonet import foreign
from legonet.errors import StoreError
from legonet.store.plain_files import write_file


class GroupingCache:
    """Yes or no by key, in memory, and in a file if there is one. A file that cannot be read is made anew.

    Args:
        file: A JSON object; it may be deleted at any time.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[str, bool] = {}
        if file is not None:
            with suppress(StoreError, ValueError, AttributeError, RecursionError):
                found = json.loads(foreign.read(file, foreign.STATE))
                self._known = {key: value for key, value in found.items() if isinstance(value, bool)}

    def get(self, key: str) -> bool | None:
        """What was found, if anything was."""
        return self._known.get(key)

    def put(self, key: str, value: bool) -> None:
        """Keep what was found; where the file cannot be written, for as long as this object is there."""
        self._known[key] = value
        if self._file is not None:
            with suppress(StoreError):
                write_file(self._file, json.dumps(dict(sorted(self._known.items())), indent=0).encode())


PROCESS = GroupingCache()
"""For networks without a workspace: kept as long as the process runs."""
