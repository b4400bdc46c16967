"""Coverage-guided fuzzing of the readers: `python -m benchmarks.fuzz.guided NAME [FOLDER] [-OPTION …]`.

NAME is yaml, json, safetensors or checkpoint; FOLDER, such as tests/security/corpus/yaml, holds inputs to
begin with and takes new ones; options are libFuzzer's, such as `-max_total_time=3600`. It ends at the first
input that is neither accepted nor refused by a message. Needs atheris, which no extra installs.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from legonet.errors import LegonetError

_CORPUS = Path(__file__).parents[2] / "tests" / "security" / "corpus"
_IN_MEMORY = "/dev/shm"  # noqa: S108 - a file of each input is made there


@cache
def readers() -> dict[str, tuple[str, tuple[Callable[[Path], object], ...]]]:
    """What is fuzzed, by name: the ending of such files, and all that read them."""
    from benchmarks.fuzz import files, remotes, servers, state, weights
    from legonet.blocks.files import read_block
    from legonet.graph.load import load_graph

    return {
        "yaml": (".yaml", (load_graph, read_block, files._read_drop)),
        "json": (
            ".json",
            (
                load_graph,
                read_block,
                files._read_lock,
                files._read_plan,
                remotes._read_manifest,
                remotes._read_record,
                servers._read_edits,
                state._read_figures,
            ),
        ),
        "safetensors": (
            ".safetensors",
            (weights._read_weights, files._read_statistics, weights._read_blob),
        ),
        "checkpoint": (".pt", (weights._read_weights,)),
    }


def read(name: str, data: bytes, folder: Path) -> None:
    """Read an input by all readers of a name; what they refuse is passed over."""
    ending, all_of_them = readers()[name]
    path = folder / f"input{ending}"
    path.write_bytes(data)
    for reader in all_of_them:
        with suppress(LegonetError):
            reader(path)


def main() -> None:
    """Fuzz until a limit of the options, or a finding."""
    atheris = importlib.import_module("atheris")
    name, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY if Path(_IN_MEMORY).is_dir() else None) as place:
        folder = Path(place)
        with atheris.instrument_imports(include=["legonet", "yaml"]):
            for seed in sorted((_CORPUS / name).iterdir()):  # readers import when they are called
                read(name, seed.read_bytes(), folder)
        atheris.Setup([sys.argv[0], *options], lambda data: read(name, data, folder))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
