"""Makes each peer's network, measures it, and puts all of them in a table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from benchmarks.experiments import GENERIC, TARGETS
from benchmarks.peers import PEERS
from benchmarks.peers.setting import ORDER, Peer, Setting, Split, bytes_of, errors
from benchmarks.timing import best_times
from legonet.data import animals

BATCH, REPEATS = 16, 100


@dataclass(frozen=True)
class Row:
    """One peer's network.

    Attributes:
        name: of the peer.
        labelled: images of each category given with labels.
        unlabelled: those given without.
        seed: of images and fit.
        errors: by category, in percent.
        seconds: of the processor, to make it.
        bytes: of its weights.
        time: of one batch, over that of the teachers side by side, in turns.
    """

    name: str
    labelled: int
    unlabelled: int
    seed: int
    errors: dict[str, float]
    seconds: float
    bytes: int
    time: float


def run_peers(seeds: int, split: Split, only: str, say: Callable[[str], None]) -> Iterator[Row]:
    """Make and measure the networks of all peers, or of those whose name holds a text."""
    torch.set_num_threads(1)
    for seed in range(seeds):
        setting = Setting(seed)
        reference = PEERS[0].make(setting)
        for peer in PEERS:
            if only in peer.name:
                row = _measured(peer, setting, reference, split)
                say(f"{peer.name}, seed {seed}: {_mean(row):.1f} %")
                yield row


def _measured(peer: Peer, setting: Setting, reference: nn.Module, split: Split) -> Row:
    begin = time.process_time()
    whole = peer.make(setting).eval()
    seconds = time.process_time() - begin
    batch = animals.single_category(GENERIC, count=BATCH).images
    with torch.no_grad():
        own, apart = best_times([lambda: whole(batch), lambda: reference(batch)], REPEATS)
    return Row(
        peer.name, peer.labelled, peer.unlabelled, setting.seed, errors(whole, split),
        round(seconds, 1), bytes_of(whole), round(own / apart, 3),
    )  # fmt: skip


def _mean(row: Row) -> float:
    return statistics.fmean(row.errors[category] for category in TARGETS)


def table(rows: list[Row]) -> str:
    """Means and spreads over seeds, a line for each peer."""
    lines = [
        f"| | images of each category | error of the other {len(TARGETS)} | error of the {GENERIC} "
        "| seconds | KiB | time per image |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in dict.fromkeys(row.name for row in rows):
        found = [row for row in rows if row.name == name]
        given = [f"{found[0].labelled} labelled"] * bool(found[0].labelled)
        given += [f"{found[0].unlabelled} unlabelled"] * bool(found[0].unlabelled)
        means = [_mean(row) for row in found]
        spread = f" ± {statistics.stdev(means):.1f}" if len(found) > 1 else ""
        own = statistics.fmean(row.errors[ORDER[0]] for row in found)
        lines.append(
            f"| {name} | {' and '.join(given) or 'none'} "
            f"| {statistics.fmean(means):.1f}{spread} % | {own:.1f} % "
            f"| {statistics.fmean(row.seconds for row in found):.0f} | {found[0].bytes / 1024:,.0f} "
            f"| {statistics.median(row.time for row in found):.2f} x |"
        )
    return "\n".join(lines)
