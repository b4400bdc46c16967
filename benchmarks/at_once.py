"""Commands that work on one workspace at once, mixed at random; after each, nothing may be lost.

Each command is a process of its own, forked from one that has imported torch. What must hold is looked at
under the writers' lock after every command: the files can be read, every teacher whose addition succeeded is
in the graph file, and every adapter that the lock file names is whole in the store. At the end the network is
built, and once more from nothing, to the same lock file.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

import legonet
from legonet.cli import main
from legonet.graph.lock import lock_path, read_lock
from legonet.store.workspace import Workspace
from legonet.tables import columns

SHAPE = (3, 8, 8)
METHOD = {"name": "closed-form", "draws": 2, "matching": 0}
IMAGES = 8
MESSAGES = (  # of refusals that are no fault: somebody else was quicker, or is at work
    "another run is at work on this network",
    "another command has changed it meanwhile",
    "is there already",
    "not fitted; expected every path",
    "got worse by more than",
    "has changed since it was planned",
)


@dataclass
class Outcome:
    """What came of a run of this.

    Attributes:
        done: How many commands of each kind ended well.
        refused: How many were refused for a reason that is no fault.
        broken: What did not hold, in words.
        added: Teachers that were added.
    """

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    added: int = 0


def model(seed: int) -> nn.Sequential:
    """A teacher with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv1=nn.Conv2d(3, 4, 3, padding=1),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(4, 6, 3, padding=1),
            relu2=nn.ReLU(),
            flatten=nn.Flatten(),
            fc=nn.Linear(96, 1),
        )
    return nn.Sequential(layers)


def prepare(root: Path) -> None:
    """Make the workspace: three teachers, images to record statistics on and to predict."""
    network = legonet.Network("zoo", SHAPE)
    network.add_task("classify", {"kind": "binary"}, {"kernel": 1, "method": METHOD})
    for seed, category in enumerate(("cat", "dog", "cow")):
        network.add_teacher(f"{category}-v1", model(seed), category=category, task="classify", cut="pool1")
    network.save(root / "graphs" / "zoo.yaml")
    from PIL import Image

    chance = random.Random(0)  # noqa: S311 - the same images each time
    for category in ("cat", "dog", "cow"):
        for number in range(IMAGES):
            file = root / "images" / category / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.frombytes("RGB", SHAPE[1:], chance.randbytes(192)).save(file)
    (root / "new").mkdir()
    (root / "inbox").mkdir()


def command_of(root: Path, chance: random.Random, number: int) -> tuple[str, list[str], str | None]:
    """A command by chance: its kind, its arguments, and the teacher that it adds, if any."""
    graph = str(root / "graphs" / "zoo.yaml")
    kind = chance.choices(
        ["add", "transplant", "gc", "record", "finetune", "watch", "plan", "predict", "render"],
        [22, 22, 18, 8, 6, 8, 6, 6, 4],
    )[0]
    images = str(root / "images")
    match kind:
        case "add":
            name, file = f"t{number}", root / "new" / f"t{number}.safetensors"
            safetensors.torch.save_file(model(number + 10).state_dict(), file)
            given = ["--name", name, "--category", f"c{number}", "--task", "classify", "--cut", "pool1"]
            return kind, ["teacher", "add", graph, *given, "--model", "cat-v1", "--weights", str(file)], name
        case "watch":
            name = f"w{number}"
            drop = root / "inbox" / f"{name}.safetensors"
            safetensors.torch.save_file(model(number + 10).state_dict(), drop)
            said = root / "inbox" / f"{name}.yaml"
            said.write_text(f"{{category: d{number}, task: classify, model: cat-v1, cut: pool1}}\n")
            for file in (said, drop):
                os.utime(file, (1, 1))
            return kind, ["watch", str(root / "inbox"), graph, "--once"], None
        case "record":
            return kind, ["teacher", "record", graph, "cat-v1", "--data", images], None
        case "finetune":
            return kind, ["finetune", graph, "--task", "classify", "--steps", "2", "--tolerance", "9"], None
        case "transplant":
            return kind, ["transplant", graph, *chance.choice([["--wait"], ["--wait"], []])], None
        case "gc":
            return kind, ["gc", graph, "--delete", "--age", chance.choice(["0", "0", "1h"])], None
        case "predict":
            return kind, ["predict", graph, str(root / "images" / "cat"), "--path", "cat:classify"], None
        case "render":
            return kind, ["render", graph, "-o", str(root / f"{number}.svg")], None
        case _:
            return kind, ["plan", graph], None


def in_a_process(work: Callable[[], int]) -> tuple[int, str]:
    """Do something in a process of its own: how it ended, and what it said."""
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            status = 3
            try:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                torch.set_num_threads(1)
                out = io.TextIOWrapper(os.fdopen(os.dup(1), "wb"))
                with out, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                    try:
                        status = work()
                    except BaseException:
                        traceback.print_exc()
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        return status, said.read()


def check(root: Path) -> int:
    """Look at what must hold; what does not is raised."""
    graph, workspace = root / "graphs" / "zoo.yaml", Workspace(root)
    with workspace.writing():
        network = legonet.load(graph)
        added = [name for file in root.glob("added-*") for name in file.read_text().split()]
        lost = set(added) - set(network.graph.teachers)
        if lost:
            raise AssertionError(f"teachers lost: {', '.join(sorted(lost))}")
        for path, each in read_lock(lock_path(graph)).adapters.items():
            if not workspace.store.looks_whole(each.adapter, "adapter"):
                raise AssertionError(f"{path}: its adapter {each.adapter[:10]} is gone")
        for name, teacher in network.graph.teachers.items():
            if not (graph.parent / teacher.weights).is_file():
                raise AssertionError(f"{name}: its weights are gone")
    return 0


def work_off(root: Path, seed: int, worker: int, numbers: Sequence[int]) -> Outcome:
    """One of the processes: its commands, one after the other."""
    chance = random.Random(f"{seed}, {worker}")  # noqa: S311 - the same commands each time
    found = Outcome()
    for number in numbers:
        kind, arguments, name = command_of(root, chance, number)
        status, said = in_a_process(partial(main, arguments))
        why = next((each for each in MESSAGES if each in said), None)
        if status == 0:
            found.done[kind] += 1
            if name is not None:
                with (root / f"added-{worker}").open("a") as file:
                    file.write(f"{name}\n")
                found.added += 1
        elif status == 1 and why is not None:
            found.refused[f"{kind}: {why}"] += 1
        else:
            found.broken.append(f"{number}: {' '.join(arguments)}: {status}: {said[-2000:]}")
        status, said = in_a_process(partial(check, root))
        if status:
            found.broken.append(f"after {number}: {kind}: {said[-2000:]}")
    return found


def build(graph: Path) -> int:
    """Build what is left to be built; a second time there is nothing to do."""
    status = main(["transplant", str(graph), "--verify"])
    again = legonet.load(graph).transplant()
    return status or int(bool(again.results or again.reused or again.removed))


def warm_up(root: Path) -> None:
    """Import what commands import, so that each of them begins at once; nothing is computed here.

    A process that has computed with autograd could not be forked.
    """
    graph, image = str(root / "graphs" / "zoo.yaml"), str(root / "images" / "cat")

    def use() -> int:
        prepare(root)
        for arguments in (
            ["transplant", graph],
            ["finetune", graph, "--task", "classify", "--steps", "1"],
            ["teacher", "record", graph, "--data", str(root / "images")],
            ["predict", graph, image],
            ["render", graph, "-o", str(root / "zoo.svg")],
            ["watch", str(root / "inbox"), graph, "--once"],
            ["gc", graph],
        ):
            main(arguments)
        print(*sys.modules, sep="\n")
        return 0

    _, said = in_a_process(use)
    for name in said.split():
        if name.partition(".")[0] in (
            "legonet",
            "torch",
            "torchvision",
            "PIL",
            "rich",
            "safetensors",
            "pydantic",
        ):
            with contextlib.suppress(Exception):  # a line that names no module
                importlib.import_module(name)


def at_once(commands: int, processes: int, seed: int, root: Path) -> Outcome:
    """Run so many commands over so many processes.

    Args:
        commands: In all.
        processes: At once.
        seed: Of what is chosen by chance; what happens first is not.
        root: An empty folder.
    """
    whole = Outcome()
    warm_up(root.with_name(f"{root.name}-warm"))
    status, said = in_a_process(lambda: prepare(root) or 0)
    if status:
        raise AssertionError(said)
    shares = [(root, seed, each, range(each, commands, processes)) for each in range(processes)]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        results = pool.starmap(work_off, shares)
    for each in results:
        whole.done += each.done
        whole.refused += each.refused
        whole.broken += each.broken
        whole.added += each.added
    graph = root / "graphs" / "zoo.yaml"
    wanted = bare_copy(root, root.with_name(f"{root.name}-anew"))
    for place in (graph, wanted):
        status, said = in_a_process(partial(build, place))
        if status:
            whole.broken.append(f"at the end: {place}: {said[-2000:]}")
    found, anew = (read_lock(lock_path(each)).adapters for each in (graph, wanted))
    if found != anew:
        whole.broken.append("at the end: the adapters are not those that are built from nothing")
    return whole


def bare_copy(root: Path, target: Path) -> Path:
    """What people wrote of a workspace, without anything that was built."""
    ignored = shutil.ignore_patterns(".legonet", "*.lock.json")
    shutil.copytree(root, target, ignore=ignored)
    return target / "graphs" / "zoo.yaml"


def text_of(found: Outcome) -> str:
    """What came of it, as a table and what is broken."""
    rows = [("command", "times")]
    rows += [(kind, str(count)) for kind, count in sorted(found.done.items())]
    rows += [(f"refused: {why}", str(count)) for why, count in sorted(found.refused.items())]
    lines = [*columns(rows, right=(1,)), "", f"{found.added} teachers added; {len(found.broken)} faults"]
    return "\n".join([*lines, *found.broken])
