"""A run with Ray starts a cluster of its own, which nobody else reaches, unless it is given an address."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

from legonet.run.executors.ray import RayExecutor
from legonet.store.blobs import MemoryStore

# As the kernel writes it, in the order of the machine's bytes: 127.0.0.1, the same in a socket of IPv6, ::1.
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """How clusters were begun; none is."""
    found: list[dict[str, Any]] = []
    constants = importlib.import_module("ray._private.ray_constants")

    def init(**settings: Any) -> None:
        found.append(settings | {"reaches": constants.ENABLE_RAY_CLUSTER})

    monkeypatch.setattr(importlib.import_module("ray"), "init", init)
    return found


def test_without_an_address_no_cluster_is_joined(
    begun: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray itself would join the one of RAY_ADDRESS, or whatever runs on the machine."""
    monkeypatch.setenv("RAY_ADDRESS", "198.51.100.7:6379")
    constants: Any = importlib.import_module("ray._private.ray_constants")
    monkeypatch.setattr(constants, "ENABLE_RAY_CLUSTER", True)
    RayExecutor()._begin()
    (settings,) = begun
    assert (settings["address"], settings["_node_ip_address"]) == ("local", "127.0.0.1")
    assert not settings["reaches"]
    assert not settings["include_dashboard"]
    assert settings["runtime_env"]["env_vars"]["PYTHONSAFEPATH"] == "1"
    assert constants.ENABLE_RAY_CLUSTER, "as it was"


def test_the_address_that_is_given_is_joined(begun: list[dict[str, Any]]) -> None:
    RayExecutor(address="ray://there:10001")._begin()
    assert [each["address"] for each in begun] == ["ray://there:10001"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc")
def test_nothing_of_it_listens_to_other_machines() -> None:
    with RayExecutor().open(MemoryStore()):
        heads = [*_running("gcs_server"), *_running("raylet")]
        places = {place for pid in heads for place in _listening(pid)}
    assert heads
    assert places
    assert places <= LOOPBACK


def _running(program: str) -> list[int]:
    return [int(each.parent.name) for each in Path("/proc").glob("[0-9]*/cmdline") if _is(each, program)]


def _is(command: Path, program: str) -> bool:
    try:
        return Path(command.read_bytes().split(b"\0")[0].decode()).name == program
    except OSError:  # it has ended meanwhile
        return False


def _listening(pid: int) -> set[str]:
    """Addresses that a process listens to, as the kernel writes them."""
    own = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(handle.readlink())
        except OSError:  # closed meanwhile
            continue
        if target.startswith("socket:["):
            own.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and rest[5] in own:
                found.add(local.split(":")[0])
    return found
