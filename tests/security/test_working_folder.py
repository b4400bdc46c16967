"""Modules that lie in the working folder are not run, whatever they are called."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXTRA = ("onnx", "tensorboard", "sitecustomize_of_theirs")
Legonet = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(trapped: Path) -> Legonet:
    """Runs Python in it as a user does, without PYTHONPATH naming the working folder."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        root = str(Path(__file__).parents[2])
        environment = {**os.environ, "PYTHONPATH": root}
        environment.pop("PYTHONSAFEPATH", None)
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=trapped, env=environment, capture_output=True, text=True, check=False
        )

    return run


FITTED = "2 fitted."
TRANSPLANT = ("-m", "legonet", "transplant", "graphs/zoo.yaml")


@pytest.mark.usefixtures("briefly")
@pytest.mark.parametrize("more", [(), ("--workers", "2")], ids=["inline", "process"])
def test_a_run(run: Legonet, canary: Path, more: tuple[str, ...]) -> None:
    done = run(*TRANSPLANT, *more)
    assert FITTED in done.stdout, done.stderr
    assert not canary.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("briefly")
def test_a_run_with_ray(run: Legonet, canary: Path) -> None:
    pytest.importorskip("ray")
    done = run(*TRANSPLANT, "--executor", "ray")
    assert FITTED in done.stdout, done.stderr
    assert not canary.exists()


@pytest.mark.usefixtures("at_once")
def test_watching(run: Legonet, canary: Path, trapped: Path) -> None:
    (trapped / "inbox").mkdir()
    done = run("-m", "legonet", "watch", "inbox", "graphs/zoo.yaml", "--once", "--workers", "2")
    assert done.stdout.count(": fitted: ") == 2, done.stderr
    assert not canary.exists()


@pytest.mark.usefixtures("at_once")
def test_workers_of_a_script_that_python_was_given_as_text(run: Legonet, canary: Path, trapped: Path) -> None:
    """Its own working folder is first on its path; that of its workers is not."""
    for trap in trapped.glob("*.py"):  # which the script itself would run
        trap.rename(trap.with_suffix(".trap"))
    script = """if True:
        import legonet
        from pathlib import Path

        network = legonet.load("graphs/zoo.yaml")
        import legonet.run.transplant, rich.console
        for trap in Path().glob("*.trap"):
            trap.rename(trap.with_suffix(".py"))
        print(network.transplant(options=legonet.RunOptions(workers=2)))
    """
    done = run("-c", script)
    assert "<Run: 2 fitted" in done.stdout, done.stderr
    assert not canary.exists()
