"""How much memory `legonet predict` takes for more and more images."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path

import torch

from benchmarks.memory import STATUS, peak
from benchmarks.targets import Figure, at_most

FEW, MANY = 1_000, 5_000
LINKS = 30_000  # to one file; some file systems allow no more than 65,000
GROWTH = 5.0  # MiB: some names are held, at most 24,576 of less than 100 bytes each


def streaming(graph: Path, path: str, few: int = FEW, many: int = MANY) -> Iterator[Figure]:
    """How much larger the peak is for many images than for few; on Linux.

    Args:
        graph: a graph file.
        path: a built path of it, or a native one.
        few: images, all of one content.
        many: likewise.
    """
    if not STATUS.exists():
        return
    peaks = []
    for count in (few, many):
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), count)
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
                peaks.append(fresh.submit(peak_of, str(graph), path, folder).result())
    grown = (peaks[1] - peaks[0]) / 2**20
    yield at_most(f"memory of predict: {many:,} images beside {few:,}", max(0.0, grown), "MiB", GROWTH)


def fill(folder: Path, count: int) -> None:
    """Put so many images into a folder, all of one content."""
    from PIL import Image

    pixels = torch.randint(0, 256, (32, 32, 3), dtype=torch.uint8)
    first = folder
    for number in range(count):
        file = folder / f"image-{number:06d}.png"
        if number % LINKS == 0:
            first = file
            Image.fromarray(pixels.numpy()).save(first)
        else:
            os.link(first, file)


def peak_of(graph: str, path: str, folder: str) -> int:
    """Bytes that this process holds at most while it runs the command, as `python -m legonet` does."""
    sys.argv = ["legonet", "predict", graph, folder, "--path", path, "--jsonl"]
    with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing):
        try:
            runpy.run_module("legonet", run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise RuntimeError(f"predict ended with {end.code}; standard error says why") from end
    return peak()
