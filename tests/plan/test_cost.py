"""Where estimates come from, the surest first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from legonet.plan.cost import History, JobCost, Took

CAT, DOG = "cat:classify", "dog:classify"
JOBS = [Took(CAT, "auto", 9.0), Took(CAT, "auto", 4.0, 70, 100), Took(DOG, "auto", 8.0, 50, 100)]
ANY = "at the pace of 4 by any method"
LAST, OTHER = "as it took last", "as it took last, for other settings"
COUNTED = "operations are counted; nothing like it has run yet"


@pytest.mark.parametrize(
    ("jobs", "path", "method", "operations", "expected"),
    [
        ([], CAT, "auto", None, None),
        ([], CAT, "auto", 100, JobCost(None, None, COUNTED, 100)),
        (JOBS, CAT, "auto", None, JobCost(4.0, 70, LAST, 100)),
        (JOBS, CAT, "auto", 100, JobCost(4.0, 70, LAST, 100)),
        (JOBS, CAT, "auto", 300, JobCost(12.0, 70, OTHER, 300)),
        (JOBS[:1], CAT, "auto", 300, JobCost(9.0, None, LAST, 300)),
        (JOBS, "cow:classify", "auto", None, JobCost(7.0, 70, "mean of 3 by auto")),
        (JOBS, "cow:classify", "auto", 200, JobCost(12.0, 70, "at the pace of 3 by auto", 200)),
        (JOBS[:1], "cow:classify", "auto", 200, JobCost(9.0, None, "mean of 1 by auto", 200)),
        (JOBS, CAT, "jacobian", None, None),
        (JOBS, CAT, "jacobian", 50, JobCost(3.0, None, "at the pace of 3 by any method", 50)),
        (JOBS, CAT, "auto", 10_001, JobCost(None, 70, COUNTED, 10_001)),  # a hundred times as many as any job
        (JOBS, "cow:classify", "auto", 10_001, JobCost(None, 70, COUNTED, 10_001)),
        ([*JOBS, Took(DOG, "jacobian", 9.0, 80, 9800)], CAT, "auto", 20_000, JobCost(42.0, 70, ANY, 20_000)),
        (JOBS[:1], CAT, "jacobian", 50, JobCost(None, None, COUNTED, 50)),
    ],
)
def test_an_estimate(
    jobs: list[Took], path: str, method: str, operations: int | None, expected: JobCost | None
) -> None:
    history = replace(History.of(jobs), count=lambda path, teacher: operations)
    assert history.estimate(path, method, "teacher") == expected
