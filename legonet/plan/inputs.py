"""What an adapter is built from, and the hash of it. Needs no torch.

A key is the hash of what is the path's own, the path's samples, and the hash of what all paths of a task with
one adapter have in common.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from legonet.graph.method import METHODS, Method
from legonet.graph.schema import Adapter, Graph, Input
from legonet.graph.select import Givers
from legonet.plan.facts import Facts, TeacherFacts
from legonet.plan.reasons import canonical, fingerprint

NO_SAMPLES = "none"
NO_TEACHER = "none"
NO_STATISTICS = "none"


class Own(NamedTuple):
    """What one path's adapter is built from, besides samples and what its task's paths share.

    Attributes:
        category_module: f.
        teacher: g_T.
        statistics: The hash of the teacher's statistics.
        elsewhere: f', the teacher's own category module, where that is another one than the category's.
    """

    category_module: str
    teacher: str
    statistics: str
    elsewhere: str

    def named(self) -> dict[str, str]:
        """As the lock file names them."""
        named = {
            "category module": self.category_module,
            "teacher": self.teacher,
            "statistics": self.statistics,
        }
        return {**named, "teacher's category module": self.elsewhere} if self.elsewhere else named


class Shared(NamedTuple):
    """What all paths of a task with one adapter have in common.

    Attributes:
        giver: The teacher that gives the task's module.
        module: g_S.
        method: The method by which adapters are fitted.
        digest: Hash of `inputs`.
        inputs: What they have in common, as the lock file names it.
    """

    giver: str | None
    module: str
    method: str
    digest: str
    inputs: Mapping[str, str]


class SharedInputs:
    """What the paths of each task have in common, made once for each adapter that they have.

    Args:
        graph: What the network is.
        facts: What is known of its teachers.
        given: Who gives each of its modules.
    """

    def __init__(self, graph: Graph, facts: Facts, given: Givers) -> None:
        self._graph, self._facts, self._given = graph, facts, given
        self._made: dict[tuple[str, int, bool, int], Shared] = {}

    def of(self, path: str, task: str, untaught: bool = False) -> Shared:
        """What a path shares; the task's module must be given."""
        spec = self._graph.adapters.get(path) or self._graph.tasks[task].adapter
        image = self._graph.input_of(path.partition(":")[0])
        key = task, id(spec), untaught, id(image)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(task, spec, untaught, image)
        return made

    def _make(self, task: str, spec: Adapter, untaught: bool, image: Input) -> Shared:
        giver, settings = self._given.tasks[task], method_settings(spec, untaught)
        taken = donor_input(self._graph, self._given, task)
        generic = self._facts.teachers[giver or ""]
        inputs = {
            "task module": generic.task_module,
            "task module's statistics": generic.statistics or NO_STATISTICS,
            "input": canonical(image.model_dump(mode="json")),
            "output": self._graph.tasks[task].output.key_text(),
            "adapter": canonical(
                spec.model_dump(mode="json", exclude={"method", "seed"})
                | {
                    "activation": spec.activation or "relu"
                }  # what is found follows from what else is in the key
            ),
            "method": canonical(settings.key_settings()),
            "seed": str(spec.seed),
        }
        if self._facts.proxies is not None:
            inputs["proxies"] = self._facts.proxies
        if taken != image:
            inputs["task module's input"] = canonical(taken.model_dump(mode="json"))
        return Shared(giver, generic.task_module, settings.name, fingerprint(inputs), inputs)


def donor_input(graph: Graph, given: Givers, task: str) -> Input:
    """The image that the teacher sees which gives a task's module."""
    giver = graph.teachers.get(given.tasks[task] or "")
    return graph.input if giver is None else graph.input_of(giver.category)


def method_settings(spec: Adapter, untaught: bool) -> Method:
    """How an edge is fitted: as its adapter says, or by `ordinary` if that needs a teacher it has not."""
    settings = spec.settings
    return METHODS.read("ordinary") if untaught and settings.needs_teacher else settings


def adapter_key(own: Own, samples: str, shared: Shared) -> str:
    """The hash of all that an adapter is built from."""
    return hashlib.sha256("\n".join((*own, samples, shared.digest)).encode()).hexdigest()


def adapter_keys(
    category_modules: Iterable[str],
    teachers: Iterable[TeacherFacts],
    samples: Iterable[str],
    digests: Iterable[str],
) -> list[str]:
    """`adapter_key` of many paths, written out: most of the time of a large plan is spent here.

    Args:
        category_modules: f of each path.
        teachers: g_T of each path.
        samples: The fingerprint of each path's samples.
        digests: The hash of what each path shares.
    """
    return [
        hashlib.sha256(
            f"{f}\n{g}\n{statistics or NO_STATISTICS}\n{'' if own == f else own}\n{given}\n{digest}".encode()
        ).hexdigest()
        for f, (own, g, statistics), given, digest in zip(
            category_modules, teachers, samples, digests, strict=True
        )
    ]
