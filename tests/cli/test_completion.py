"""What Tab offers, in the shells themselves where they are there."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from legonet.cli.completion import SCRIPTS

Run = Callable[..., Any]
GRAPH = """\
legonet: 1
name: zoo
input: {shape: [3, 8, 8]}
categories: {cat: {}, dog: {}}
tasks: {classify: {output: {kind: binary}}}
teachers:
  cat-v1: {category: cat, task: classify, model: small, weights: a.safetensors, cut: a}
adapters: {dog:classify: {}}
applications: {pets: [cat:classify, dog:classify]}
broken: [
"""
ASK = """
import os, sys
os.environ.update(
    _LEGONET_COMPLETE="complete_fish",
    _TYPER_COMPLETE_FISH_ACTION="get-args",
    _TYPER_COMPLETE_ARGS=sys.argv[1],
)
from legonet.cli import main
main([])
print(*({"torch", "numpy", "PIL"} & set(sys.modules)), file=sys.stderr, end="")
"""
STUBS = {
    "bash": 'COMP_LINE="$1"; COMP_POINT=${#1}; _legonet_completion legonet; printf "%s\\n" "${COMPREPLY[@]}"',
    "zsh": 'compadd() { print -l -- $items }; _files() { }; words=("${(@s: :)1}"); CURRENT=$#words; '
    "_legonet_completion",
    "fish": "complete -C $argv[1]",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "zoo.yaml").write_text(GRAPH.replace("broken: [\n", ""))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(line: str, folder: Path) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", ASK, line],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=True,
    )
    assert done.stderr == "", "completing has to be quick"
    return [item.partition("\t")[0] for item in done.stdout.splitlines() if item]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plan graphs/zoo.yaml --sam", ["--samples"]),
        ("render graphs/zoo.yaml --path ", ["cat:classify", "dog:classify", "pets"]),
        ("render graphs/zoo.yaml --path cat:", ["cat:classify"]),
        ("evaluate --path p", ["pets"]),
        ("transplant graphs/zoo.yaml --samples dog", ["dog:classify="]),
        ("finetune graphs/zoo.yaml --category ", ["cat", "dog"]),
        ("connect graphs/zoo.yaml c", ["cat:classify"]),
        ("disconnect graphs/zoo.yaml ", ["dog:classify"]),
        ("remove graphs/zoo.yaml cat", ["cat", "cat-v1"]),
        ("application extend graphs/zoo.yaml p", ["pets"]),
        ("teacher record graphs/zoo.yaml ", ["cat-v1"]),
        ("teacher inspect vgg16", ["vgg16", "vgg16-fcn"]),
        ("render graphs/none.yaml --path ", []),
    ],
)
def test_what_is_offered(place: Path, line: str, expected: list[str]) -> None:
    assert offered(f"legonet {line}", place) == expected


def test_a_broken_graph_file_is_no_trouble(place: Path) -> None:
    (place / "graphs" / "zoo.yaml").write_text(GRAPH)
    assert offered("legonet render graphs/zoo.yaml --path ", place) == []
    (place / "graphs" / "zoo.yaml").write_text("teachers: [1]\napplications: {a: 1}\nadapters: 3\n")
    assert offered("legonet render graphs/zoo.yaml --path ", place) == ["a"]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_in_the_shell(run: Run, place: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    program = place / "bin" / "legonet"
    program.parent.mkdir()
    root = Path(__file__).parents[2]
    program.write_text(f'#!/bin/sh\nPYTHONPATH={root} exec {sys.executable} -m legonet "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    script = place / f"test.{shell}"
    stub = "compdef() { }\n" if shell == "zsh" else ""
    script.write_text(f"{stub}{run('completion', shell).out}\n{STUBS[shell]}\n")
    options = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": str(place)}

    def tab(line: str) -> list[str]:
        command = [shell, *options, str(script), line]
        done = subprocess.run(command, capture_output=True, text=True, cwd=place, env=environment, check=True)
        return [each.partition("\t")[0] for each in done.stdout.splitlines() if each]

    rest = "classify" if shell == "bash" else "cat:classify"  # bash replaces what follows the colon
    assert tab("legonet render graphs/zoo.yaml --path cat:cl") == [rest]
    assert tab("legonet rend") == ["render"]
    assert tab("legonet plan grap") in ([], ["graphs/"])  # files are the shell's own


def test_it_is_installed_once(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/usr/bin/bash")
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / ".bashrc").write_text("alias ll='ls -l'")
    place = tmp_path / ".local/share/legonet/completion.bash"
    for _ in range(2):
        assert run("completion", "--install").out.splitlines()[:2] == [str(place), str(tmp_path / ".bashrc")]
    assert (tmp_path / ".bashrc").read_text() == f"alias ll='ls -l'\nsource '{place}'\n"
    assert place.read_text() == run("completion", "bash").out
    run("completion", "zsh", "--install")
    assert (tmp_path / ".zshrc").read_text().startswith("source '")
    run("completion", "fish", "--install")
    assert (tmp_path / ".config/fish/completions/legonet.fish").read_text() == SCRIPTS["fish"]


def test_a_shell_that_is_not_known(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    outcome = run("completion")
    assert outcome.status == 1
    assert outcome.err == ("completion: the shell is tcsh; expected bash, zsh or fish; name one of them\n")
