"""From a graph and its teachers to facts for the plan and modules in the store. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from legonet.errors import DamagedError, StoreError
from legonet.graph.lock import Lock, LockedModule, LockedTeacher
from legonet.graph.schema import Graph
from legonet.graph.select import givers, split_path
from legonet.plan.facts import Facts, TeacherFacts
from legonet.plan.reasons import fingerprint
from legonet.store.blobs import BlobStore, sha256
from legonet.store.modules import ModuleKind
from legonet.teachers.sources.source import TeacherSource

Sources = Mapping[str, TeacherSource]


def lock_teachers(sources: Sources, lock: Lock) -> dict[str, LockedTeacher]:
    """The content hashes of every teacher's modules and statistics, as its files are now.

    Raises:
        TeacherError: a teacher's files cannot be read, or do not fit its block and cut.
    """
    return {name: source.locked(lock.teachers.get(name)) for name, source in sources.items()}


def facts(
    teachers: Mapping[str, LockedTeacher],
    lock: Lock,
    store: BlobStore,
    samples: Mapping[str, str],
    labelled: frozenset[str] = frozenset(),
) -> Facts:
    """What the plan depends on besides graph and lock.

    Args:
        teachers: as `lock_teachers` found them.
        lock: what has been built.
        store: asked for the adapters that the lock names.
        samples: fingerprints of the samples that are given, by path.
        labelled: paths whose samples have labels.
    """
    known = {
        name: TeacherFacts(each.category_module, each.task_module, each.statistics)
        for name, each in teachers.items()
    }
    stored = frozenset(each.adapter for each in lock.adapters.values() if store.has(each.adapter))
    return Facts(known, stored, samples, labelled)


def lock_modules(
    graph: Graph, lock: Lock, teachers: Mapping[str, LockedTeacher], store: BlobStore | None = None
) -> Lock:
    """The lock with the modules as they are now; its adapters stay.

    Args:
        graph: every choice settled.
        lock: what has been built.
        teachers: as `lock_teachers` found them.
        store: asked for fine-tuned copies, which only `legonet finetune` makes again: a lost one goes;
            default: not asked, so that whoever reads a lost one hears of it.
    """
    given = givers(graph)
    categories = {
        name: LockedModule(teacher=giver, module=teachers[giver].category_module)
        for name, giver in given.categories.items()
        if giver is not None
    }
    tasks = {
        name: LockedModule(teacher=giver, module=teachers[giver].task_module)
        for name, giver in given.tasks.items()
        if giver is not None
    }
    categories = _tuned(lock, "categories", categories, store)
    tasks = _tuned(lock, "tasks", tasks, store)
    return lock.model_copy(update={"teachers": dict(teachers), "categories": categories, "tasks": tasks})


def _tuned(
    lock: Lock, section: str, modules: dict[str, LockedModule], store: BlobStore | None
) -> dict[str, LockedModule]:
    """Modules with their fine-tuned copies; one goes with its blob, or when what it was tuned with does."""
    known: Mapping[str, LockedModule] = getattr(lock, section)
    renamed = {old.module: name for name, old in known.items() if old.tuned and name not in modules}
    kept = {}
    for name, each in modules.items():
        was = name if name in known else renamed.get(each.module, name)
        old = known.get(was)
        if old is None or old.tuned is None:
            continue
        if store is not None and not store.has(old.tuned):
            continue
        if old.tuned_with == tuning_context(lock, each.module, section, was):
            kept[name] = each.model_copy(update={"tuned": old.tuned, "tuned_with": old.tuned_with})
    return modules | kept


def tuning_context(lock: Lock, module: str, section: str, name: str) -> str:
    """Hash of a module and of the adapters of all paths that use it, whatever these are called."""
    place = 1 if section == "tasks" else 0
    used = [each.adapter for path, each in lock.adapters.items() if split_path(path)[place] == name]
    return fingerprint([module, sorted(used)])


def store_blobs(
    needed: Iterable[str], sources: Sources, teachers: Mapping[str, LockedTeacher], store: BlobStore
) -> None:
    """Put the modules and statistics of these content hashes into the store, from their teachers' files.

    Args:
        needed: content hashes; those that the store has cost nothing.
        sources: the teachers.
        teachers: as `lock_teachers` found them.
        store: where to put them.

    Raises:
        StoreError: the store cannot be written, or a teacher's files give other bytes than were locked.
    """
    missing = {sha for sha in needed if not store.has(sha)}
    for name, locked in teachers.items():
        statistics = locked.statistics
        if statistics is not None and statistics in missing:
            data = sources[name].statistics()
            _expect(name, "statistics", statistics, None if data is None else sha256(data))
            store.put(data or b"")
            missing.discard(statistics)
        for kind, sha in _halves(locked).items():
            if sha in missing:
                half = sources[name].half(kind)
                _expect(name, kind.replace("-", " "), sha, half.sha)
                store.put(half.pieces)
                missing.discard(sha)


def _halves(teacher: LockedTeacher) -> dict[ModuleKind, str]:
    return {"category-module": teacher.category_module, "task-module": teacher.task_module}


def mend_blobs(
    needed: Iterable[str], sources: Sources, teachers: Mapping[str, LockedTeacher], store: BlobStore
) -> tuple[str, ...]:
    """`store_blobs`, and those that are there but damaged are set aside and put there again.

    Returns:
        What was damaged, for people.

    Raises:
        StoreError: as of `store_blobs`.
    """
    needed = set(needed)
    damaged = set_aside(needed, store)
    store_blobs(needed, sources, teachers, store)
    return tuple(f"{each}; it was built again" for each in damaged)


def set_aside(needed: Iterable[str], store: BlobStore) -> tuple[str, ...]:
    """Read what the store has of some blobs; damaged ones are set aside: they are missing then.

    Returns:
        What was damaged, for people.

    Raises:
        StoreError: a blob cannot be read.
    """
    damaged = []
    for sha in sorted(set(needed)):
        try:
            if store.has(sha):
                store.map(sha)
        except DamagedError as error:
            damaged.append(str(error))
    return tuple(damaged)


def _expect(name: str, what: str, locked: str, found: str | None) -> None:
    """The files may have changed since they were hashed, or the lock file may have been edited."""
    if found != locked:
        raise StoreError(
            f"teachers.{name}: its {what} is {found and found[:10]}; the lock file says {locked[:10]}; "
            "expected what the teacher's files give; run the command again, or delete its entry in the "
            "lock file"
        )
