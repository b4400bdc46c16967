from __future__ import annotations

import threading

import pytest

from legonet.remote.together import together

AT_ONCE = 4


def test_some_at_a_time() -> None:
    begun = threading.Barrier(AT_ONCE, timeout=30)  # which passes only if so many run at once

    def do(number: int) -> int:
        begun.wait()
        return number

    assert sorted(together(do, range(2 * AT_ONCE), AT_ONCE)) == list(range(2 * AT_ONCE))
    assert list(together(do, [], AT_ONCE)) == []


def test_nothing_is_begun_after_a_failure() -> None:
    begun: list[int] = []

    def do(number: int) -> None:
        begun.append(number)
        raise ValueError(str(number))

    with pytest.raises(ValueError, match=r"\d"):
        list(together(do, range(1000), AT_ONCE))
    assert len(begun) <= 2 * AT_ONCE
