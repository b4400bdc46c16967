"""The commands of docs/remotes.md print what stands there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from legonet.cli import main
from legonet.remote.schemes import SCHEMES
from tests.remote.servers import settings
from tests.sharing.conftest import published

__all__ = ["published", "settings"]
PAGE = (Path(__file__).parents[2] / "docs" / "remotes.md").read_text(encoding="utf-8")


def told() -> list[tuple[str, str]]:
    """The commands that show what they print, and that."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    found = []
    for block in blocks:
        for each in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = each.partition("\n")
            if not command.endswith("\\"):
                found.append((command, output))
    return found


def test_commands(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shutil.copytree(published, tmp_path / "zoo"))
    commands = told()
    assert len(commands) == 5
    for command, output in commands:
        name, *arguments = shlex.split(command)
        assert name == "legonet"
        assert main(arguments) == 0, capsys.readouterr().err
        printed = capsys.readouterr().out.replace(str(tmp_path), "/home/me")
        printed = re.sub(r"^! .*weak path.*\n", "", printed, flags=re.MULTILINE)  # of teachers at random
        assert printed == output, command


def test_every_scheme_is_named() -> None:
    for name, scheme in SCHEMES.items():
        if name not in ("", "http", "gcs", "sftp"):  # other names of those that stand there
            assert f"`{name}://" in PAGE
        assert scheme.package in PAGE
