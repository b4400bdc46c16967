"""`legonet push` and `legonet pull`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.remote.servers import settings
from tests.sharing.conftest import published

__all__ = ["published", "settings"]
Run = Callable[..., Any]


@pytest.fixture
def zoo(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "zoo")) / "graphs" / "zoo.yaml"


def test_there_and_back(run: Run, zoo: Path, tmp_path: Path) -> None:
    url = tmp_path / "remote"
    done = run("push", zoo, url)
    assert done.status == 0, done.err
    assert "sent, " in done.out
    assert "is noted in" in done.err
    assert run("push", zoo).out == f"{url}: Nothing to send: all of it is there already.\n"
    done = run("pull", url, tmp_path / "there", "--path", "dog:classify")
    assert done.status == 0, done.err
    there = tmp_path / "there" / "graphs" / "zoo.yaml"
    assert "3 fetched, 0.1 MiB; 0 were there already; 6 are fetched when they are read." in done.out
    assert f"Run: legonet plan {there}" in done.out
    assert "Nothing to do" in run("plan", there).out
    assert "licences: MIT (2 of 3 teachers), CC-BY-4.0 (1 of 3 teachers)" in run("plan", there).out
    done = run("pull", there)
    assert done.status == 0, done.err
    assert "6 fetched" in done.out


def test_for_machines(run: Run, zoo: Path, tmp_path: Path) -> None:
    url = tmp_path / "remote"
    sent = json.loads(run("push", zoo, url, "--json", "--path", "dog:classify").out)
    assert sent["remote"] == str(url)
    assert sent["sent"] > 3
    pulled = json.loads(run("pull", url, tmp_path / "there", "--path", "dog:classify", "--json").out)
    assert pulled["graph"] == str(tmp_path / "there" / "graphs" / "zoo.yaml")
    assert (pulled["fetched"], pulled["joined"]) == (3, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pull", "nowhere"), "no network was pushed there"),
        (("pull", "ftp://host/x"), "no such kind of remote"),
        (("pull", "graphs/none.yaml"), "no network was pushed there"),
        (("push", "{zoo}"), "no remote; expected one"),
        (("push", "{zoo}", "http://127.0.0.1:1/zoo"), "is read-only"),
        (("push", "{zoo}", "{zoo}/x"), "NotADirectoryError"),
        (("push", "{zoo}", "remote", "--path", "cat:none"), "no task 'none'"),
    ],
)
def test_faults_of_users(
    run: Run,
    zoo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*(each.format(zoo=zoo) for each in arguments))
    assert done.status == 1, done.err
    assert said in done.err


def test_a_path_that_is_none(run: Run, zoo: Path, tmp_path: Path) -> None:
    run("push", zoo, tmp_path / "remote")
    done = run("pull", tmp_path / "remote", tmp_path / "there", "--path", "dog:clasify")
    assert done.status == 1
    assert "Did you mean 'classify'?" in done.err
