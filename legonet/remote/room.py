"""Whether a disk has room for what is to come. Imports nothing of the network."""

from __future__ import annotations

import shutil
from pathlib import Path

from legonet.errors import StoreError


def expect_room(folder: Path, size: int, where: str, advice: str = "make room") -> None:
    """Refuse what a disk has no room for, before anything of it comes.

    Args:
        folder: Where it goes; it need not exist yet.
        size: Bytes that are to come.
        where: What messages name.
        advice: What to do where there is none.

    Raises:
        StoreError: There is none.
    """
    place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    if size > free:
        raise StoreError(
            f"{where}: {size / 2**20:,.0f} MiB are to be fetched, and {place} has room for "
            f"{free / 2**20:,.0f}; expected more room; {advice}"
        )
