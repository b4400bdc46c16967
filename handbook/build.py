"""The pages are gathered, Zensical makes HTML of them, and every link of the HTML is followed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from handbook.gather import gather
from handbook.links import faults


class SiteError(Exception):
    """The site cannot be built, or not as it should be."""


def build(root: Path, folder: Path) -> Path:
    """Build the site strictly.

    Args:
        root: The checkout.
        folder: Where pages and site are put; what it holds is replaced.

    Returns:
        The folder of the site, `folder/site`.

    Raises:
        SiteError: Zensical warns, or a link leads nowhere or is fetched from elsewhere when a page is opened.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder = folder.resolve()
    gather(root, folder)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    run = subprocess.run(  # noqa: S603 - our own
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}
    )
    if run.returncode:
        raise SiteError(re.sub(r"\x1b\[[\d;]*m", "", run.stdout + run.stderr))
    if found := faults(folder / "site"):
        raise SiteError("\n".join(found))
    return folder / "site"
