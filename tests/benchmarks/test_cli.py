"""The commands of `python -m benchmarks`, before one of them does anything."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

from benchmarks.cli import main
from benchmarks.cli.app import app

NAMES = [
    "at-once", "paper", "speed", "serve", "scale", "compile", "report", "models", "saving", "sides",
    "peers", "scenes", "messages", "photos", "fuzz", "kills", "cells", "large", "shapes", "ideas",
]  # fmt: skip


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("name", ["", *NAMES])
def test_help(capsys: pytest.CaptureFixture[str], name: str, flag: str) -> None:
    assert main([*name.split(), flag]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"Usage: python -m benchmarks {name}".strip() in out
    if not name:
        assert re.findall(r"^  ([\w-]+) ", out.split("Commands:")[1], re.MULTILINE) == NAMES


def test_each_command_has_a_file_of_its_own() -> None:
    """A file's function is what runs; help is the same however it is reached."""
    for name in NAMES:
        module = importlib.import_module(f"benchmarks.cli.{name.replace('-', '_')}")
        (found,) = [each for each in app.registered_commands if each.name == name]
        assert found.callback is getattr(module, name.replace("-", "_"))


@pytest.mark.parametrize("name", ["paper", "speed", "report", "peers"])
def test_images_of_no_known_split_are_refused(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main([name, "--split", "training"]) == 1
    expected = "--split training: no such split; expected validation or test"
    assert capsys.readouterr().err.strip() == expected


def test_what_the_user_got_wrong_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 1
    assert "No such command 'demo'" in capsys.readouterr().err


def test_a_benchmark_that_was_interrupted_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.scale.run_scale", interrupt)
    assert main(["scale", "--quick"]) == 130
    assert capsys.readouterr().err.endswith("go on from here: python -m benchmarks scale --quick\n")


def test_help_needs_nothing_heavy() -> None:
    script = """
import sys
from benchmarks.cli import main
from benchmarks.cli.app import app
assert main(["paper", "--help"]) == 0
heavy = {"torch", "numpy", "pydantic", "matplotlib", "rich"} & set(sys.modules)
assert not heavy, heavy
"""
    path = {"PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL, env=path)


def test_the_module_is_the_command() -> None:
    path = {"PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-m", "benchmarks", "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "No such command 'nothing'" in done.stderr
