"""Coverage-guided fuzzing of the readers: `python -m benchmarks.fuzz_guided NAME [FOLDER] [-OPTION …]`.

NAME is yaml, json, safetensors or checkpoint; FOLDER, such as tests/security/corpus/yaml, holds inputs to
begin with and takes new ones; options are libFuzzer's, such as `-max_total_time=3600`. It ends at the first
input that is neither accepted nor refused by a message. Needs atheris, which no extra installs.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from legonet.errors import LegonetError

Reader = Callable[[bytes], object]


@cache
def readers() -> dict[str, tuple[Reader, ...]]:
    """What is fuzzed, by name: each takes a file's bytes and raises a LegonetError, or nothing."""
    from legonet.blocks.files import parse_json
    from legonet.graph.load import parse_graph
    from legonet.store.tensors import read_tensors
    from legonet.teachers.statistics_file import parse_statistics
    from legonet.teachers.weights.checkpoints import open_checkpoint

    def checkpoint(data: bytes) -> object:
        return open_checkpoint(memoryview(bytearray(data)), Path("file"), "file")

    return {
        "yaml": (lambda data: parse_graph(data, "file"),),
        "json": (
            lambda data: parse_graph(data, "file", as_json=True),
            lambda data: parse_json.__wrapped__(data.decode("utf-8", "replace"), "file"),
        ),
        "safetensors": (
            lambda data: read_tensors(data, "file"),
            lambda data: parse_statistics(data, "file"),
        ),
        "checkpoint": (checkpoint,),
    }


def read(name: str, data: bytes) -> None:
    """Read an input by all readers of a name; what they refuse is passed over."""
    for reader in readers()[name]:
        try:
            reader(data)
        except LegonetError:
            continue


def main() -> None:
    """Fuzz until a limit of the options, or a finding."""
    atheris = importlib.import_module("atheris")
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["legonet", "yaml"]):
        readers()
    atheris.Setup([sys.argv[0], *options], partial(read, name))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
