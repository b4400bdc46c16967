"""What `import legonet` gives, and that it stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

import legonet

LIGHT = (
    "legonet",
    "legonet.cli",
    "legonet.compile.bricks",
    "legonet.compile.choose",
    "legonet.compile.passes",
    "legonet.compile.passes.place",
    "legonet.compile.picture",
    "legonet.compile.verdicts",
    "legonet.graph.check",
    "legonet.graph.edit",
    "legonet.methods",
    "legonet.network",
    "legonet.outputs",
    "legonet.plan.diff",
    "legonet.render",
    "legonet.run.jobs",
    "legonet.run.prepare",
    "legonet.run.site",
    "legonet.store.modules",
    "legonet.store.workspace",
    "legonet.teachers.source",
)


def test_the_names() -> None:
    assert legonet.__all__ == [
        "Method",
        "Network",
        "Output",
        "__version__",
        "errors",
        "load",
        "register_method",
        "register_output",
    ]
    assert legonet.__all__ == sorted(legonet.__all__)
    for name in legonet.__all__:
        assert getattr(legonet, name) is not None
    assert set(legonet.__all__) <= set(dir(legonet))


def test_other_names_are_none() -> None:
    with pytest.raises(AttributeError, match="module 'legonet' has no attribute 'netwrok'"):
        legonet.netwrok  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def test_nothing_light_imports_torch() -> None:
    script = f"""
import importlib, sys
for name in {LIGHT!r}:
    importlib.import_module(name)
    heavy = {{"torch", "torchvision", "ray", "matplotlib"}} & set(sys.modules)
    assert not heavy, (name, heavy)
import legonet
assert legonet.Network and legonet.errors and not "torch" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
