from __future__ import annotations

import pytest

from legonet.distill.fitting.estimate import estimate


@pytest.mark.parametrize("common", [True, False])
def test_more_that_is_seen_lets_more_be_expected(common: bool) -> None:
    low, high = estimate(0.8, 320, common), estimate(0.95, 320, common)
    assert low.agreement < high.agreement
    for found in (low, high):
        assert 0 < found.least < found.agreement < found.most < 1


def test_nothing_is_certain() -> None:
    assert estimate(1.0, 100, common=True).least < 1
    assert estimate(0.0, 100, common=True).most > 0
    assert estimate(1.0, 10, common=True).least < estimate(1.0, 1000, common=True).least


def test_without_a_common_base_less_is_expected_and_less_is_known() -> None:
    known, unknown = (estimate(0.94, 320, common) for common in (True, False))
    assert unknown.agreement < known.agreement
    assert unknown.most - unknown.least > known.most - known.least
