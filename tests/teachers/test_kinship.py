"""Whether two teachers of one architecture have anything in common is told by some of their numbers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import numpy as np
import pytest

from legonet.store.tensors import RawTensor
from legonet.teachers import kinship
from legonet.teachers.kinship import Kinship

SHAPES = {"low.weight": (8, 3, 3, 3), "high.weight": (16, 8, 3, 3), "head.weight": (4, 16), "head.bias": (4,)}


class Source:
    """A teacher that is nothing but its weights."""

    def __init__(self, arrays: Mapping[str, np.ndarray], dtype: str = "F32") -> None:
        form = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}[dtype]
        self._content = {
            name: RawTensor(dtype, each.shape, each.astype(form).tobytes()) for name, each in arrays.items()
        }

    def content(self) -> Mapping[str, RawTensor]:
        return self._content


def arrays(seed: int, moved: float = 0.0, alike: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """A network; `moved` from the one of seed 0 by so much, or the very one in some tensors."""
    found = {}
    for number, (name, shape) in enumerate(SHAPES.items()):
        base, own = (np.random.default_rng([each, number]).normal(size=shape) for each in (0, seed))
        found[name] = base if name in alike else base + moved * own if moved else own
    return found


def strangers(one: Source, other: Source) -> bool:
    return Kinship({"one": one, "other": other}.__getitem__).strangers("one", "other")  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["F16", "F32", "F64"])
def test_from_one_network_or_not(dtype: str) -> None:
    base = Source(arrays(0), dtype)
    assert not strangers(base, Source(arrays(1, moved=0.5), dtype))
    assert strangers(base, Source(arrays(1), dtype))
    assert not strangers(base, base)


def test_what_they_share_says_nothing_of_what_is_above_it() -> None:
    """A category module that was frozen is not their kinship, however large it is."""
    assert strangers(Source(arrays(0)), Source(arrays(1, alike=("low.weight", "high.weight"))))
    assert not strangers(Source(arrays(0)), Source(arrays(1, moved=0.1, alike=("low.weight",))))


def test_where_nothing_tells() -> None:
    other = {"else": np.ones((4, 4)), "low.weight": np.ones((2, 2)), "head.bias": np.ones(4)}
    assert not strangers(Source(arrays(0)), Source(other))
    assert not strangers(Source({}), Source(arrays(0)))
    assert not strangers(Source({"a": np.zeros((2, 2))}), Source({"a": np.ones((2, 2))}))


def test_so_many_teachers_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def source(name: str) -> Source:
        asked.append(name)
        return Source(arrays(len(asked)))

    monkeypatch.setattr(kinship, "LOOKED_AT", 3)
    known = Kinship(source)  # type: ignore[arg-type]
    assert [known.strangers("a", name) for name in "bcdb"] == [True, True, False, True]
    assert asked == ["a", "b", "c"]


def test_it_needs_no_torch() -> None:
    script = "import sys, legonet.teachers.kinship; assert not {'torch'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", script], check=True)
