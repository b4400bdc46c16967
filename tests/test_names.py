"""Names in letters of any script, all the way: files, plans, pictures, exports, the shell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

import legonet
from legonet.cli import main
from legonet.compile.export import export
from legonet.tables import columns

METHOD = {"name": "closed-form", "draws": 2, "matching": 0}


@pytest.fixture
def network(make_model: Callable[..., nn.Module], tmp_path: Path) -> legonet.Network:
    network = legonet.Network("Tiere-für-猫", (3, 8, 8))
    network.add_task("prüfen", {"kind": "binary"}, {"kernel": 1, "method": METHOD})
    network.add_teacher("été-1", make_model(0), category="été", task="prüfen", cut="pool1")
    network.add_teacher("プロト", make_model(1), category="猫", task="prüfen", cut="pool1")
    path = network.save(tmp_path / "zoo" / "graphs" / "動物.yaml")
    network = legonet.load(path)
    network.transplant()
    return network


def test_files_plan_and_shell(network: legonet.Network, capsys: pytest.CaptureFixture[str]) -> None:
    assert network.path is not None
    assert "  猫: {}\n" in network.path.read_text(encoding="utf-8")  # as people write it: no quotes
    assert legonet.load(network.path).plan().changes == ()
    assert main(["plan", str(network.path)]) == 0
    assert "猫:prüfen" in capsys.readouterr().out
    assert (
        main(["render", str(network.path), "--path", "猫:prüfen", "-o", str(network.path.with_name("a.dot"))])
        == 0
    )
    assert "été-1" in network.path.with_name("a.dot").read_text(encoding="utf-8")


@pytest.mark.parametrize("target", ["out.pt2", "out"])
def test_exports(network: legonet.Network, tmp_path: Path, target: str) -> None:
    app = network.compile()
    assert export(app, tmp_path / target).difference < 1e-5
    if target == "out":
        code = "import sys, torch, model; print(*model.load()(torch.zeros(1, 3, 8, 8)))"
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-c", code],
            capture_output=True,
            text=True,
            cwd=tmp_path / target,
            check=True,
        )
        assert done.stdout.split() == ["été:prüfen", "猫:prüfen"]
        text = (tmp_path / target / "model.py").read_text(encoding="utf-8")
        assert "été:prüfen, 猫:prüfen" in text.split("\n")[0]
        assert "self.tasks_pr_fen" in text


def test_pictures(network: legonet.Network, tmp_path: Path) -> None:
    for ending in ("svg", "mmd", "html"):
        assert "猫" in network.render(tmp_path / f"a.{ending}").read_text(encoding="utf-8")


def test_columns_stand_below_each_other_on_a_terminal() -> None:
    assert columns([("猫", "1"), ("cat", "22")], right=[1]) == ["猫    1", "cat  22"]
