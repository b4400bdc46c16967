"""The paper's three experiments, and different bases, as lists of trials. Needs no torch.

A trial is one adapter, fitted once and measured once. Every choice of settings is here, made on validation
images.

Source: Zhang et al., arXiv:1804.10272, sections 4.1 to 4.3.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from legonet.graph.schema import Adapter

SEEDS = 5
COUNTS = (0, 10, 20, 50, 100)
FEW_COUNTS = (0, 10, 100)
ALL = None  # as a number of images: the whole training set
GENERIC = "dog"  # the category whose task module is the generic one
TARGETS = ("cat", "cow", "horse", "sheep")
TEACHER, UNADAPTED = "teacher", "no adapter"
NOTHING = "background everywhere"  # of masks: what an answer is worth that finds nothing
BEST = "auto"  # of our methods: the one that the targets are for

# Of the baselines. On validation images 1,000 steps of 1e-3 are no better for ordinary learning, and about a
# point better for distillation.
STEPS, LEARNING_RATE = 300, 3e-3
HOW = (
    f"Every baseline has {STEPS} steps, `jacobian` half as many. `back-distillation` has the paper's ReLUs "
    "and G in Experiments 1 and 3; in Experiment 2 it has masks in every ReLU, which is better than the "
    "paper's choice without the enlarged G; where there are images it has the task loss beside it."
)

Count = int | None


@dataclass(frozen=True)
class Line:
    """A method with its settings, and the numbers of images that it is measured with.

    Attributes:
        name: as tables and plots have it.
        method: as in a graph file.
        counts: numbers of labelled images of the category; `ALL` is the upper bound.
        control: the numbers that it is also measured with on a category module of random weights.
        main: the numbers, of both, that are measured first; `--quick` measures these only.
    """

    name: str
    method: Mapping[str, Any]
    counts: tuple[Count, ...]
    control: tuple[Count, ...] = ()
    main: tuple[Count, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """One experiment: which edges, which adapters, which methods.

    Attributes:
        name: as `--experiment` takes it.
        title: what it is.
        task: the kind of the task's output.
        categories: whose modules are transplanted to the generic category's task module.
        lines: by adapter, what is fitted; the adapters' names are as tables have them.
        adapters: by name, their shapes as in a graph file.
        joinable: the modules have equal shapes at the cut, so that they can be joined without an adapter.
    """

    name: str
    title: str
    task: Literal["binary", "mask"]
    categories: tuple[str, ...]
    adapters: Mapping[str, Mapping[str, int]]
    lines: Mapping[str, tuple[Line, ...]]
    joinable: bool = True


@dataclass(frozen=True)
class Trial:
    """One adapter to fit and to measure.

    Attributes:
        experiment: its name.
        adapter: its name; empty for the references, which have none.
        method: the line's name, or `TEACHER`, `UNADAPTED` or `NOTHING`.
        spec: the adapter with all its settings and its seed; None for the references.
        images: how many labelled images it is fitted from; `ALL`: all there are.
        seed: of the adapter, of the images' composition, and of the random category module.
        category: whose module is transplanted.
        random_f: the category module has random weights: the control.
    """

    experiment: str
    adapter: str
    method: str
    category: str
    seed: int = 0
    images: Count = 0
    random_f: bool = False
    spec: Mapping[str, Any] | None = field(default=None)

    @property
    def label(self) -> str:
        """What people are told, and what `--only` looks in."""
        parts = [f"experiment {self.experiment}", self.adapter, self.method]
        if self.spec is not None:
            parts.append(f"{'all' if self.images is ALL else self.images} images")
        return ", ".join([*filter(None, parts), *(["random f"] if self.random_f else [])])

    def key(self, surroundings: str) -> str:
        """A hash of the trial and of what it is measured on; the same key is the same result.

        Args:
            surroundings: the data, the split and the frozen modules' hashes.
        """
        text = json.dumps([asdict(self), surroundings], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _methods(mask: bool, paper: Mapping[str, Any], counts: Sequence[int] = COUNTS) -> tuple[Line, ...]:
    """Every method at every number of images where it can be used.

    Args:
        mask: the output is a map: every image has many labels, so batches are smaller.
        paper: settings of the paper's back-distillation in this experiment.
        counts: numbers of images.
    """
    some, batch = tuple(count for count in counts if count), 8 if mask else 16
    schedule = {"steps": STEPS, "learning_rate": LEARNING_RATE}
    return (
        _ordinary(some, batch),
        Line("distillation", {"name": "distillation", **schedule, "batch": batch}, some),
        Line("jacobian", {"name": "jacobian", **schedule, "steps": STEPS // 2, "batch": batch // 2}, some),
        Line(
            "back-distillation",
            {"name": "back-distillation", **schedule, **paper},
            tuple(counts),
            main=(0, 100),
        ),
        *_ours(counts, main=FEW_COUNTS),
        Line("closed-form", {"name": "closed-form"}, (0,)),
        Line("inversion", {"name": "inversion"}, (0,)),
    )


def _ordinary(counts: tuple[Count, ...], batch: int = 16) -> Line:
    settings = {"name": "ordinary", "steps": STEPS, "learning_rate": LEARNING_RATE, "batch": batch}
    return Line("ordinary", settings, counts, main=(10, 100))


def _ours(
    counts: Sequence[int] = COUNTS, control: tuple[Count, ...] = (), main: tuple[Count, ...] = (0,)
) -> tuple[Line, ...]:
    return (
        Line("closed form alone", {"name": "closed-form", "matching": 0}, (0,), main=(0,)),
        Line(BEST, {"name": BEST}, (*counts, ALL), control, main),
    )


def _strangers() -> tuple[Line, ...]:
    return (_ordinary((10, 100)), Line(BEST, {"name": BEST}, (0, 10, 100), main=(0, 10)))


_ONE_1X1, _THREE_1X1 = {"kernel": 1, "depth": 1}, {"kernel": 1, "depth": 3}
_ONE_3X3, _THREE_3X3 = {"kernel": 3, "depth": 1}, {"kernel": 3, "depth": 3}
_TWO_5X5 = {"kernel": 5, "depth": 2, "hidden": 64}
_FIRST = {"gradient": "ones"}
_SECOND: dict[str, Any] = {}
_THIRD = {"relu": "identity", "weight": 1.0}

EXPERIMENTS = {
    each.name: each
    for each in (
        Experiment(
            "1",
            "an adapter inserted into its own net",
            "binary",
            (GENERIC,),
            {"one 3x3": _ONE_3X3, "three 3x3": _THREE_3X3},
            {"one 3x3": _ours(FEW_COUNTS), "three 3x3": _methods(False, _FIRST)},
        ),
        Experiment(
            "2",
            "classification through the dog's task module",
            "binary",
            TARGETS,
            {"three 1x1": _THREE_1X1, "one 3x3": _ONE_3X3},
            {
                "three 1x1": _methods(False, _SECOND),
                "one 3x3": (_ordinary((100,)), *_ours(FEW_COUNTS, (0, 100), (0, 10, 100))),
            },
        ),
        Experiment(
            "3",
            "segmentation through the dog's task module",
            "mask",
            TARGETS,
            {"one 1x1": _ONE_1X1, "one 3x3": _ONE_3X3},
            {"one 1x1": _methods(True, _THIRD), "one 3x3": _ours((0, 10), (0,))},
        ),
        Experiment(
            "bases",
            "classification through the task module of another random initialisation",
            "binary",
            TARGETS,
            {"one 3x3": _ONE_3X3, "two 5x5": _TWO_5X5},
            {"one 3x3": _strangers(), "two 5x5": _strangers()},
        ),
        Experiment(
            "architectures",
            "classification through the task module of another architecture",
            "binary",
            TARGETS,
            {"one 3x3": _ONE_3X3, "two 5x5": _TWO_5X5},
            {"one 3x3": _strangers(), "two 5x5": _strangers()},
            joinable=False,
        ),
    )
}


def trials(
    experiments: Sequence[str], seeds: int = SEEDS, quick: bool = False, only: str = ""
) -> Iterator[Trial]:
    """All trials: the main ones, seed after seed, then the others; a run that is stopped has whole seeds.

    Args:
        experiments: their names.
        seeds: how many, from 0.
        quick: only the main trials, of two categories.
        only: only the trials whose label contains this, and the references.
    """
    for main in (True,) if quick else (True, False):
        for seed in range(seeds):
            for name in experiments:
                experiment = EXPERIMENTS[name]
                for category in experiment.categories[: 2 if quick else None]:
                    if main and not seed:
                        yield from _references(experiment, category)
                    for trial in _fits(experiment, category, seed, main):
                        if only in trial.label:
                            yield trial


def _references(experiment: Experiment, category: str) -> Iterator[Trial]:
    yield Trial(experiment.name, "", TEACHER, category)
    if experiment.joinable:
        yield Trial(experiment.name, "", UNADAPTED, category)
    if experiment.task == "mask":
        yield Trial(experiment.name, "", NOTHING, category)


def _fits(experiment: Experiment, category: str, seed: int, main: bool) -> Iterator[Trial]:
    for random_f in (False, True):
        for adapter, lines in experiment.lines.items():
            for line in lines:
                spec = _complete({**experiment.adapters[adapter], "method": line.method, "seed": seed})
                for count in line.control if random_f else line.counts:
                    if (count in line.main) == main:
                        yield Trial(
                            experiment.name, adapter, line.name, category, seed, count, random_f, spec
                        )


def _complete(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The adapter with its defaults written out, so that another default is another trial."""
    return Adapter.model_validate(dict(spec)).model_dump(mode="json")
