"""From a graph and its teachers to facts for the plan and modules in the store. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from legonet.errors import DamagedError, StoreError
from legonet.graph.lock import Lock, LockedModule, LockedTeacher
from legonet.graph.schema import Graph
from legonet.graph.select import givers, split_path
from legonet.plan.facts import Facts, TeacherFacts
from legonet.plan.reasons import fingerprint
from legonet.run.journal import Journal
from legonet.store.blobs import BlobStore, sha256
from legonet.store.modules import ModuleKind
from legonet.teachers.sources.source import TeacherSource

NO_KEY = "0" * 64
Sources = Mapping[str, TeacherSource]


def lock_teachers(sources: Sources, lock: Lock) -> dict[str, LockedTeacher]:
    """The content hashes of every teacher's modules and statistics, as its files are now.

    Raises:
        TeacherError: A teacher's files cannot be read, or do not fit its block and cut.
    """
    return {name: source.locked(lock.teachers.get(name)) for name, source in sources.items()}


def without_doubtful(lock: Lock, journal: Journal) -> Lock:
    """The lock, where no two adapters of different keys are one, unless this machine fitted it for both.

    An adapter does not say what it was fitted from, so that one hash put in the place of another would go
    unnoticed; entries that such a change may have made lose their key, and so are built again.
    """
    if journal.path is None:  # nobody else has written the lock
        return lock
    keys: dict[str, set[str]] = {}
    for each in lock.adapters.values():
        keys.setdefault(each.adapter, set()).add(each.key)
    if len(keys) == len(lock.adapters) or not any(len(each) > 1 for each in keys.values()):
        return lock
    asked = {key for each in keys.values() if len(each) > 1 for key in each}
    known = {key: each.adapter for key, each in journal.fitted(asked).items()}
    adapters = {
        path: each.model_copy(update={"key": NO_KEY})
        if each.key in asked and known.get(each.key) != each.adapter
        else each
        for path, each in lock.adapters.items()
    }
    return lock.model_copy(update={"adapters": adapters})


def facts(
    teachers: Mapping[str, LockedTeacher],
    lock: Lock,
    store: BlobStore,
    samples: Mapping[str, str],
    labelled: frozenset[str] = frozenset(),
    proxies: str | None = None,
) -> Facts:
    """What the plan depends on besides graph and lock.

    Args:
        teachers: The teachers, as `lock_teachers` found them.
        lock: What has been built.
        store: Asked for the adapters that the lock names.
        samples: Fingerprints of the samples that are given, by path.
        labelled: Paths whose samples have labels.
        proxies: The content hash of the photos that the graph names.
    """
    known = {
        name: TeacherFacts(each.category_module, each.task_module, each.statistics)
        for name, each in teachers.items()
    }
    stored = frozenset(
        each.adapter for each in lock.adapters.values() if store.looks_whole(each.adapter, "adapter")
    )
    return Facts(known, stored, samples, labelled, proxies)


def lock_modules(
    graph: Graph, lock: Lock, teachers: Mapping[str, LockedTeacher], store: BlobStore | None = None
) -> Lock:
    """The lock with the modules as they are now; its adapters stay.

    Args:
        graph: Every choice settled.
        lock: What has been built.
        teachers: The teachers, as `lock_teachers` found them.
        store: Asked for fine-tuned copies, which only `legonet finetune` makes again: a lost one goes;
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
    kind: ModuleKind = "category-module" if section == "categories" else "task-module"
    kept = {}
    for name, each in modules.items():
        was = name if name in known else renamed.get(each.module, name)
        old = known.get(was)
        if old is None or old.tuned is None:
            continue
        if store is not None and not store.looks_whole(old.tuned, kind):
            continue
        if old.tuned_with == tuning_context(lock, each.module, section, was):
            kept[name] = each.model_copy(update={"tuned": old.tuned, "tuned_with": old.tuned_with})
    return modules | kept


def tuning_context(lock: Lock, module: str, section: str, name: str) -> str:
    """The hash of a module together with the adapters of the paths that use it, whatever their names."""
    place = 1 if section == "tasks" else 0
    used = [each.adapter for path, each in lock.adapters.items() if split_path(path)[place] == name]
    return fingerprint([module, sorted(used)])


def store_blobs(
    needed: Iterable[str], sources: Sources, teachers: Mapping[str, LockedTeacher], store: BlobStore
) -> None:
    """Put the modules and statistics of these content hashes into the store, from their teachers' files.

    Args:
        needed: Content hashes; those that the store has cost nothing.
        sources: The teachers.
        teachers: The teachers, as `lock_teachers` found them.
        store: The store that they are put into.

    Raises:
        StoreError: The store cannot be written, or a teacher's files give other bytes than were locked.
    """
    missing = {sha for sha in needed if not store.looks_whole(sha)}
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
        StoreError: As of `store_blobs`.
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
        StoreError: A blob cannot be read.
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
