"""Damaged and hostile files of every foreign format are read, each within limits of time and memory.

Workers are forked from a process that has imported everything, so that a file costs milliseconds. A worker
that dies, hangs or outgrows its limits costs only the file that it was at: the next one goes on behind it.
"""

from __future__ import annotations

import json
import os
import random
import resource
import select
import signal
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fuzz.bombs import bombs
from benchmarks.fuzz.format import CANARY, Format
from benchmarks.fuzz.formats import formats
from legonet.errors import LegonetError, first_line
from legonet.tables import columns

SECONDS = 5  # of the processor, for one file
WAIT = 60.0  # of the clock: a file that waits for something takes no processor's time
MEMORY = 2**30  # bytes beyond what is imported
OUTCOMES = ("accepted", "refused", "traceback", "time", "memory", "died", "canary")
GOOD = ("accepted", "refused")


@dataclass
class Finding:
    """A mutant that should be looked at."""

    format: str
    number: int
    outcome: str
    text: str


@dataclass
class Fuzzed:
    """How reading ended.

    Attributes:
        seed: Of the choice of mutants.
        counts: By format and outcome.
        findings: Those that are not good.
    """

    seed: int
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every file was accepted, or refused by a message."""
        return not self.findings

    def data(self) -> dict[str, Any]:
        """As plain data."""
        findings = [vars(each) for each in self.findings]
        return {
            "seed": self.seed,
            "counts": {k: dict(v) for k, v in self.counts.items()},
            "findings": findings,
        }


def run_fuzz(
    count: int,
    seed: int = 0,
    only: str = "",
    keep: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
    costly: bool = False,
) -> Fuzzed:
    """Read mutants of all formats.

    Args:
        count: How many, together; each format gets its share.
        seed: Of the choice; the same seed and count make the same files.
        only: Formats with this in their names.
        keep: A folder for mutants that were neither accepted nor refused.
        say: Called with a line about each format.
        costly: Read no mutants, but files that cost as much as they can, each once.
    """
    found = Fuzzed(seed)
    say(f"seed {seed}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        beside = folder / "beside"
        beside.mkdir()
        (beside / "file").write_text("as it was")
        work = folder / "work"
        work.mkdir()
        known = formats(work)
        chosen: Iterable[tuple[str, Format]] = known.items()
        if costly:
            chosen, count = bombs(known, work), 0
        shares = sum(each.share for name, each in known.items() if only in name)
        for name, each in chosen:
            if only in name:
                numbers = range(max(1, round(count * each.share / (shares or 1))))
                found.counts[name] = _format(name, each, numbers, work, found, keep)
                say(f"{name}: {_shown(found.counts[name])}")
        if [each.name for each in beside.iterdir()] != ["file"] or (
            beside / "file"
        ).read_text() != "as it was":
            found.findings.append(Finding("all", -1, "canary", "the folder beside is not as it was"))
    return found


def _shown(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[key]} {key}" for key in OUTCOMES if counts[key])


def table(found: Fuzzed) -> str:
    """Counts as text, a row for each format, and what should be looked at."""
    rows: list[Sequence[str]] = [("format", *OUTCOMES)]
    total = sum(found.counts.values(), Counter())
    for name, counts in [*found.counts.items(), ("all", total)]:
        rows.append((name, *(str(counts[each]) for each in OUTCOMES)))
    lines = [*columns(rows, right=tuple(range(1, len(rows[0])))), f"seed {found.seed}"]
    lines += [f"{each.format} {each.number}: {each.outcome}: {each.text}" for each in found.findings]
    return "\n".join(lines)


def mutant_of(each: Format, name: str, seed: int, number: int) -> bytes:
    """One mutant; it depends on nothing else."""
    choose = random.Random(f"{seed} {name} {number}")  # noqa: S311 - to be repeated, not secret
    return each.mutate(choose.choice(each.seeds), choose)


def _format(
    name: str, each: Format, numbers: range, work: Path, found: Fuzzed, keep: Path | None
) -> Counter[str]:
    counts, at = Counter[str](), 0
    while at < len(numbers):
        for number, outcome, text in _worker(name, each, numbers[at:], work, found.seed):
            at = number + 1
            counts[outcome] += 1
            if outcome in GOOD:
                continue
            found.findings.append(Finding(name, number, outcome, text))
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{name}-{number}{each.suffix}").write_bytes(
                    mutant_of(each, name, found.seed, number)
                )
    return counts


def _worker(name: str, each: Format, numbers: range, work: Path, seed: int) -> list[tuple[int, str, str]]:
    """Read mutants in a process of its own, until one ends it; what came of them."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _read_all(name, each, numbers, work, seed, writer)
        os._exit(0)
    os.close(writer)
    lines, rest, hung = list[str](), b"", False
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while True:
            if not select.select([pipe], [], [], WAIT)[0]:
                hung = True
                os.kill(child, signal.SIGKILL)
            data = pipe.read(2**16)
            if not data:
                break
            *whole, rest = (rest + data).split(b"\n")
            lines += [line.decode() for line in whole]
    os.waitpid(child, 0)
    outcomes = [(int(number), what, text) for number, what, text in map(json.loads, lines)]
    if len(outcomes) < len(numbers) and (not outcomes or outcomes[-1][1] in GOOD or hung):
        after = outcomes[-1][0] + 1 if outcomes else numbers[0]
        outcomes.append((after, "time" if hung else "died", "the process ended"))
    return outcomes


class _TooLongError(BaseException):
    """A file has had its time."""


def _too_long(*_: Any) -> None:
    raise _TooLongError


def _read_all(name: str, each: Format, numbers: range, work: Path, seed: int, writer: int) -> None:
    os.chdir(work)
    with Path(os.devnull).open("r+b") as nothing:  # what libraries print about damaged files
        for stream in (0, 1, 2):
            os.dup2(nothing.fileno(), stream)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    limit = pages * resource.getpagesize() + MEMORY
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.signal(signal.SIGPROF, _too_long)
    for number in numbers:
        data = mutant_of(each, name, seed, number)
        path = work / f"mutant{each.suffix}"
        path.write_bytes(data)
        outcome, text = _read_one(each, path)
        if (work / CANARY).exists():
            outcome, text = "canary", "code of the file ran"
            (work / CANARY).unlink()
        os.write(writer, json.dumps([number, outcome, text]).encode() + b"\n")
        for left in work.glob("mutant*"):
            with suppress(OSError):
                left.unlink()
        if outcome not in GOOD:
            return


def _read_one(each: Format, path: Path) -> tuple[str, str]:
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        each.read(path)
    except LegonetError as error:
        return "refused", str(error)[:200]
    except _TooLongError as error:
        return "time", _place(error)
    except MemoryError as error:
        return "memory", _place(error)
    except BaseException as error:
        return "traceback", f"{type(error).__name__}: {first_line(error)} ({_place(error)})"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "accepted", ""


def _place(error: BaseException) -> str:
    """Where it was raised, the innermost places last."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " > ".join(f"{Path(each.filename).name}:{each.lineno}" for each in frames)
