"""The modules that users' own parts come from, so that worker processes can import them. Needs no torch.

A part that is registered at run time (an operation, a method, an output kind) is there in the process that
registered it only. What registers a part records the module that it comes from; executors send the names
along with each job, and workers import them before they do it, which registers the parts there too.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path

from legonet.errors import LegonetError

_MODULES: dict[str, str] = {}  # what was registered, in words, to the module that it comes from


def record(part: str, module: str) -> None:
    """Remember where a registered part comes from.

    Args:
        part: The part in words, for messages, such as `output kind 'level'`.
        module: The name of its module; a class or function knows it as `__module__`.
    """
    _MODULES[part] = module


def registered_modules() -> tuple[str, ...]:
    """The modules that a worker has to import to know every registered part, each once.

    Raises:
        LegonetError: A part was defined in the script that runs, which no other process can import.
    """
    for part, module in _MODULES.items():
        if module == "__main__":
            raise LegonetError(
                f"{part}: found it defined in the script that runs; expected a module that worker processes "
                "can import; move it, with its registration, into a file of its own and import that"
            )
    return tuple(dict.fromkeys(_MODULES.values()))


def registered_folders() -> tuple[str, ...]:
    """The folders that those modules were found in, for workers that look for modules in fewer."""
    packages = (sys.modules.get(name.partition(".")[0]) for name in _MODULES.values() if name != "__main__")
    files = (getattr(package, "__file__", None) for package in packages)
    places = [Path(file).absolute() for file in files if file]
    return tuple(dict.fromkeys(str(_folder(place)) for place in places))


def _folder(file: Path) -> Path:
    return file.parents[1] if file.stem == "__init__" else file.parent


def import_modules(names: Iterable[str], folders: Iterable[str] = ()) -> None:
    """Import modules for the parts that they register.

    Args:
        names: The names that `registered_modules` gave in another process.
        folders: What `registered_folders` gave there; they are looked at last, so that nothing in them stands
            in for what is installed.

    Raises:
        LegonetError: A module cannot be imported here.
    """
    sys.path += [folder for folder in folders if folder not in sys.path]
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # the module is the user's, and may raise anything
            raise LegonetError(
                f"{name}: a worker cannot import it ({type(error).__name__}: {error}); expected the module "
                "that registers a part of this network; make it importable there too, such as by PYTHONPATH"
            ) from error
