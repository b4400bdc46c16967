"""The commands of `python -m benchmarks`, one file each; nothing heavy is imported before one runs."""

from __future__ import annotations

from benchmarks.cli.app import app
from legonet.cli import run_app


def main(arguments: list[str] | None = None) -> int:
    """Run a benchmark; see `legonet.cli.run_app`."""
    return run_app(app, "python -m benchmarks", arguments)
