"""What a plan depends on besides the graph and the lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class TeacherFacts(NamedTuple):
    """What is known of a teacher's files: content hashes."""

    category_module: str
    task_module: str
    statistics: str | None = None


@dataclass(frozen=True)
class StoredAdapter:
    """An adapter that was fitted before and lies in the store.

    Attributes:
        path: The path that it was fitted for.
        adapter: The adapter's content hash.
        seed: The seed of the fit.
        quality: Measured by the fit.
    """

    path: str
    adapter: str
    seed: int = 0
    quality: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """What is known of the teachers' files, the store, the samples and of earlier runs.

    Attributes:
        teachers: The facts of every teacher of the graph, by name.
        stored: Content hashes of the adapters that the store holds.
        samples: Fingerprint of the samples given for a path. A path without an entry is kept with the
            samples that it was fitted with, but fitted again without any.
        labelled: Paths whose samples have labels.
        proxies: The content hash of the photos that the graph names.
        fitted: Stored adapters that the lock does not name, by key: orphans, and those of a run that was cut
            short before it could write the lock.
    """

    teachers: Mapping[str, TeacherFacts]
    stored: frozenset[str] = frozenset()
    samples: Mapping[str, str] = field(default_factory=dict)
    labelled: frozenset[str] = frozenset()
    proxies: str | None = None
    fitted: Mapping[str, StoredAdapter] = field(default_factory=dict)
