"""How this program is called."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def program() -> str:
    """What a person types to run legonet: its name, or its path where that is not on the shell's."""
    called = Path(sys.argv[0])
    found = shutil.which("legonet")
    if called.name != "legonet" or (found is not None and Path(found).resolve() == called.resolve()):
        return "legonet"
    return str(called)
