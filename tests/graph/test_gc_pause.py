"""The collector is paused, and left as it was."""

from __future__ import annotations

import gc

import pytest

from legonet.graph.gc_pause import paused


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_left_as_it_was(enabled: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with paused():
            assert not gc.isenabled()
        assert gc.isenabled() == enabled
        with pytest.raises(ZeroDivisionError), paused():
            print(1 / 0)
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()
