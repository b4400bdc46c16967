"""Paths whose fit says that they are weak."""

import pytest

from legonet.plan.plan import Plan, PlannedEdge
from legonet.plan.weak import weak

POOR = {"agreement": 0.83, "agreement from": 0.71, "agreement to": 0.91}


@pytest.mark.parametrize(
    ("statistics", "images", "advice"),
    [
        (False, False, "statistics of the teacher"),
        (True, False, "ten images of the category"),
        (True, True, "an adapter with a larger kernel or more layers, or another cut"),
    ],
)
def test_what_would_help_most(statistics: bool, images: bool, advice: str) -> None:
    found = weak("cat:classify", POOR, statistics=statistics, images=images)
    assert str(found) == (
        "cat:classify: a weak path: expected to decide as its teacher on 83% of images (71% to 91%); "
        f"most help would be {advice}"
    )


@pytest.mark.parametrize("quality", [{"agreement": 0.95}, {}, {"residual": 0.2}])
def test_what_is_not_weak(quality: dict[str, float]) -> None:
    assert weak("cat:classify", quality, statistics=True, images=False) is None


def test_a_plan_says_which_kept_paths_are_weak() -> None:
    found = weak("cat:classify", POOR, statistics=True, images=False)
    assert found is not None
    plan = Plan("animals", (PlannedEdge("cat:classify", "keep", "nothing changed"),), weak=(found,))
    assert f"! {found}" in str(plan).splitlines()
    assert plan.data()["weak"][0]["agreement"] == 0.83
    many = Plan("animals", plan.edges, weak=(found,) * 23)
    assert "! and 3 more weak paths" in str(many)
