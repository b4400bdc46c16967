"""A remote that only a file names is never asked; what is secret is kept nowhere; nothing is needed "
"without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import legonet
from legonet.errors import StoreError
from legonet.graph.lock import lock_path
from legonet.progress import Bars
from legonet.remote.address import RemoteAddress
from legonet.remote.consent import remember
from legonet.sharing.pull import pull
from legonet.store.settings import all_listed
from tests.remote.servers import Served


def with_remote(file: Path, url: str) -> Path:
    file.write_text(file.read_text() + f"remote: {url}\n")
    return file


def listed(settings: Path) -> dict[str, list[str]]:
    return all_listed(settings / "remotes.yaml", "file of remotes", "s3://bucket/zoo")


def test_a_remote_of_a_graph_file_is_not_asked_until_the_user_names_it(
    zoo: Path, s3: Served, settings: Path
) -> None:
    with_remote(zoo, s3.url)
    network = legonet.load(zoo)
    assert network.graph.remote == s3.url
    network.plan()
    network.compile("dog:classify")
    network.transplant(progress=None)
    for call in (lambda: network.push(progress=None), lambda: legonet.Network.pull(str(zoo), progress=None)):
        with pytest.raises(StoreError, match=r"whoever wrote the file may have chosen that.*remotes\.yaml"):
            call()
    assert s3.requests == []
    network.push(s3.url, progress=None)
    assert listed(settings) == {str(zoo.parents[1].resolve()): [s3.url]}
    s3.requests.clear()
    network.push(progress=None)
    assert s3.requests


def test_a_record_of_a_stranger_lets_nobody_be_asked(
    zoo: Path, s3: Served, tmp_path: Path, settings: Path
) -> None:
    legonet.load(zoo).push(s3.url, progress=None)
    there = legonet.Network.pull(s3.url, tmp_path / "there", paths="dog:classify", progress=None).path
    assert there is not None
    (settings / "remotes.yaml").unlink()  # as on the machine of somebody who cloned the workspace
    s3.requests.clear()
    network = legonet.load(there)
    assert {edge.action for edge in network.plan().changes} == {"refit"}  # what is not here
    with pytest.raises(StoreError, match="there is no blob"):
        network.compile("cat:classify")
    assert s3.requests == []


def test_another_address_or_another_workspace_is_not_allowed_with_it(
    zoo: Path, s3: Served, settings: Path
) -> None:
    settings.mkdir(parents=True)
    (settings / "remotes.yaml").write_text(f"{zoo.parents[1]}: [{s3.url}-mine]\n/elsewhere: ['{s3.url}']\n")
    with pytest.raises(StoreError, match="may have chosen that"):
        legonet.load(with_remote(zoo, s3.url)).push(progress=None)
    assert s3.requests == []


def test_what_the_user_has_written_stays(tmp_path: Path, settings: Path) -> None:
    settings.mkdir(parents=True)
    file = settings / "remotes.yaml"
    file.write_text("# mine\n/elsewhere: [s3://a/b]  # the team's\n")
    address = RemoteAddress.read("s3://bucket/zoo/")
    assert "is noted in" in remember(address, tmp_path)
    assert remember(address, tmp_path) == ""
    assert file.read_text().startswith("# mine\n/elsewhere: [s3://a/b]  # the team's\n")
    remember(RemoteAddress.read("s3://bucket/other"), tmp_path)
    assert listed(settings)[str(tmp_path.resolve())] == ["s3://bucket/zoo", "s3://bucket/other"]
    assert listed(settings)["/elsewhere"] == ["s3://a/b"]


def test_a_broken_file_of_settings_is_told_and_kept(zoo: Path, tmp_path: Path, settings: Path) -> None:
    settings.mkdir(parents=True)
    (settings / "remotes.yaml").write_text("- not this\n")
    done = legonet.load(zoo).push(str(tmp_path / "remote"), progress=None)
    assert any("is not noted" in each and "no file of remotes" in each for each in done.notes)
    assert (settings / "remotes.yaml").read_text() == "- not this\n"


def test_secrets_are_kept_nowhere(zoo: Path, http: Served, tmp_path: Path, settings: Path) -> None:
    network = legonet.load(zoo)
    network.push(str(tmp_path / "www" / "zoo"), progress=None)
    url = http.url.replace("http://", "http://me:hunter2@") + "/zoo?token=abcdef"
    done = pull(url, tmp_path / "there", ("dog:classify",), Bars())
    assert "password" in done.notes[0]
    assert "hunter2" not in repr(done)
    http.fault = lambda method, path: 401
    with pytest.raises(StoreError) as caught:
        pull(url, tmp_path / "other", (), Bars())
    assert "hunter2" not in str(caught.value)
    assert "abcdef" not in str(caught.value)
    kept = [each for folder in (tmp_path / "there", settings) for each in folder.rglob("*") if each.is_file()]
    assert len(kept) > 5
    for file in kept:
        assert b"hunter2" not in file.read_bytes(), file
        assert b"abcdef" not in file.read_bytes(), file


def test_a_teachers_source_is_kept_without_its_password(make_model, tmp_path: Path) -> None:
    network = legonet.Network("zoo", (3, 8, 8))
    network.add_teacher(
        "cat",
        make_model(0),
        category="cat",
        task="classify",
        cut="pool1",
        source="https://me:pw@host/cat?sig=1",
    )
    assert network.graph.teachers["cat"].source == "https://host/cat?…"


def test_nothing_of_the_network_is_imported_without_a_remote(zoo: Path) -> None:
    code = (
        "import sys, legonet; net = legonet.load(sys.argv[1]); net.plan(); net.compile('dog:classify')\n"
        "import legonet.cli, legonet.sharing.push, legonet.sharing.pull, legonet.remote.place\n"
        "print([each for each in ('fsspec', 's3fs', 'aiohttp', 'huggingface_hub') if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, zoo], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_folder_that_is_a_link_is_not_written_through(zoo: Path, tmp_path: Path) -> None:
    legonet.load(zoo).push(str(tmp_path / "remote"), progress=None)
    there, outside = tmp_path / "there", tmp_path / "outside"
    outside.mkdir()
    there.mkdir()
    (there / "graphs").symlink_to(outside)
    with pytest.raises(StoreError, match="a link"):
        legonet.Network.pull(str(tmp_path / "remote"), there, progress=None)
    assert list(outside.iterdir()) == []


def test_records_that_are_none_are_passed_over(zoo: Path, tmp_path: Path) -> None:
    root = zoo.parents[1]
    (root / ".legonet" / "remotes").mkdir()
    record = root / ".legonet" / "remotes" / "zoo.json"
    for text in ("", "[]", "{}", json.dumps({"remote": "s3://x", "name": "zoo"}), "[" * 10_000):
        record.write_text(text)
        assert not legonet.load(zoo).plan().changes
    record.unlink()
    record.symlink_to(lock_path(zoo))
    assert not legonet.load(zoo).plan().changes
    with pytest.raises(StoreError, match="a link"):
        legonet.load(zoo).push(str(tmp_path / "remote"), progress=None)
