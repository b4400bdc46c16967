"""The code, commands and drop of docs/teachers.md do what is said there."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import legonet
from legonet.cli import main
from legonet.run import inbox
from legonet.run.inbox import Inbox

DOCS = Path(__file__).parents[2] / "docs" / "teachers.md"


def example(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return found


def test_the_three_doors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "graphs").mkdir()
    torch.manual_seed(0)
    (tmp_path / "page.py").write_text(example("python"))
    made = runpy.run_path("page.py")
    assert capsys.readouterr().out == "its weights were converted from float16 to float32\n"
    images = torch.rand(2, 3, 16, 16)
    assert made["app"](images).shape == (2, 1)
    module = ModuleType("mynet")
    module.Net = made["Net"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mynet", module)
    torch.save(made["Net"]().state_dict(), "dog.pt")
    for command in example("sh").replace("\\\n", "").splitlines():
        _, *arguments = shlex.split(command)
        assert main(arguments) == 0, capsys.readouterr().err
    shown = capsys.readouterr().out
    assert "output 1: binary" in shown
    assert "teacher dog added as dog:classify, cut at stem." in shown
    folder = tmp_path / "inbox"
    folder.mkdir()
    torch.save(
        {"state_dict": {f"model.{k}": v for k, v in made["Net"]().state_dict().items()}}, folder / "cow.pt"
    )
    (folder / "cow.yaml").write_text(example("yaml"))
    monkeypatch.setattr(inbox, "SETTLED", 0.0)
    drops = Inbox(folder, Path("graphs/zoo.yaml"))
    (drop,) = drops.ready()
    assert drops.take(drop) == "cow:classify"
    assert list(legonet.load("graphs/zoo.yaml").graph.teachers) == ["cat", "dog", "cow"]
