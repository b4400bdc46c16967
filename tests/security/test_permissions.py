"""Nothing that lies in a workspace can allow code to be run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from legonet.cli import main
from legonet.teachers.models.allowed import permissions_file

GRAPH = "legonet: 1\nname: zoo\ninput: {shape: [3, 8, 8]}\ncategories: {}\ntasks: {}\nteachers: {}\n"
CODE = """
from pathlib import Path

from torch import nn

Path({canary!r}).touch()
make = nn.ReLU
"""


@pytest.fixture
def clone(tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of a stranger, with a module of his, in the working folder."""
    root = tmp_path / "clone"
    (root / "graphs").mkdir(parents=True)
    (root / "graphs" / "any.yaml").write_text(GRAPH)
    (root / "theirnet.py").write_text(CODE.format(canary=str(canary)))
    (root / ".legonet").mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delitem(sys.modules, "theirnet", raising=False)
    return root


def inspect(*options: str) -> int:
    return main(["teacher", "inspect", "theirnet:make", "--shape", "3,8,8", *options])


def test_a_workspace_allows_nothing_of_its_own(
    clone: Path, canary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("allow-code: ['theirnet:make']\n", f"{clone}: ['theirnet:make']\n"):
        for name in ("settings.yaml", "allowed-code.yaml"):
            for folder in (clone / ".legonet", clone.parent / ".legonet"):  # such as /tmp, of another user
                folder.mkdir(exist_ok=True)
                (folder / name).write_text(text)
    assert inspect() == 1
    assert f"`{clone.resolve()}: [theirnet:make]` in {permissions_file()}" in capsys.readouterr().err
    assert not canary.exists()


def test_what_is_allowed_elsewhere_is_not_allowed_here(clone: Path, canary: Path) -> None:
    permissions_file().parent.mkdir(parents=True)
    permissions_file().write_text(f"{clone.parent / 'mine'}: ['theirnet:make']\n")
    assert inspect() == 1
    assert not canary.exists()


def test_the_user_allows_it(clone: Path, canary: Path) -> None:
    permissions_file().parent.mkdir(parents=True)
    permissions_file().write_text(f"{clone}: ['theirnet:make']\n")
    inspect()
    assert canary.exists()


def test_permission_is_for_the_workspace_s_own_module(
    clone: Path, canary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`theirnet` of the folder that the user happens to work in is another module."""
    mine = tmp_path / "mine"
    (mine / "graphs").mkdir(parents=True)
    (mine / "graphs" / "any.yaml").write_text(GRAPH)
    permissions_file().parent.mkdir(parents=True)
    permissions_file().write_text(f"{mine}: ['theirnet:make']\n")
    add = ["teacher", "add", str(mine / "graphs" / "any.yaml"), "--name", "cat", "--category", "cat"]
    assert main([*add, "--task", "classify", "--cut", "0.5", "--model", "theirnet:make"]) == 1
    assert not canary.exists()


def test_a_module_of_the_workspace_stands_in_for_no_installed_one(clone: Path, canary: Path) -> None:
    (clone / "safetensors.py").write_text(CODE.format(canary=str(canary)))
    (clone / "theirnet.py").write_text("import safetensors\nfrom torch import nn\n\nmake = nn.ReLU\n")
    monkey = {name: each for name, each in sys.modules.items() if name.split(".")[0] == "safetensors"}
    for name in monkey:
        del sys.modules[name]
    try:
        inspect("--allow-code", "theirnet:make")
        assert Path(sys.modules["safetensors"].__file__ or "").parent.parent != clone
    finally:
        sys.modules.update(monkey)
    assert not canary.exists()
