"""OpenSSH's server on loopback, for who has the key that is made for it; skipped where none is installed."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
_SETTINGS = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/me.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
StrictModes no
PidFile none
MaxStartups 100
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Machine:
    """A machine that can be reached by ssh.

    Attributes:
        url: Of a folder there that is not yet made.
        home: The folder of whoever asks, with `.ssh`.
        folder: The same folder, from here.
    """

    url: str
    home: Path
    folder: Path


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port, and the folder of the keys."""
    program = shutil.which("sshd", path=_PLACES)
    if program is None or shutil.which("ssh-keygen") is None:
        pytest.skip("no sshd here")
    if os.getuid() == 0:  # it wants this folder, which Debian makes when a machine starts
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "me"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config").write_text(_SETTINGS.format(port=port, folder=folder))
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([program, "-D", "-e", "-f", str(folder / "config")], stderr=log)
    while True:
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert server.poll() is None, (folder / "log").read_text()
        time.sleep(0.01)
    yield port, folder
    server.terminate()
    server.wait()


@pytest.fixture
def ssh(sshd: tuple[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine called `zoo`, known to whoever asks."""
    port, keys = sshd
    home, folder = tmp_path / "home", tmp_path / "srv" / "zoo"
    (home / ".ssh").mkdir(parents=True)
    told = {"HostName": "127.0.0.1", "Port": port, "User": getpass.getuser(), "IdentityFile": keys / "me"}
    lines = ["Host zoo", *(f"  {key} {value}" for key, value in told.items())]
    (home / ".ssh" / "config").write_text("\n".join(lines))
    key = " ".join((keys / "host.pub").read_text().split()[:2])
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return Machine(f"ssh://zoo{folder}", home, folder)
