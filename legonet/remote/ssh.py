"""Folders of another machine by ssh, as fsspec opens them, but only of machines whose keys are known.

fsspec's own takes whatever key a machine shows, and connects once.
"""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

from legonet.errors import StoreError

_KNOWN = Path("/etc/ssh/ssh_known_hosts")


class SshFiles(SFTPFileSystem):
    """Files by sftp; it connects when it is first asked, and again once its connection is cut.

    Args:
        host: A name, or one of `~/.ssh/config`, whose HostName, Port, User and IdentityFile count.
        port: Default: as there, or 22.
        username: Default: as there, or that of whoever asks.
        password: Default: a key does.
        options: Of fsspec's.
    """

    cachable = False

    def __init__(
        self,
        host: str,
        port: int | None = None,
        username: str | None = None,
        password: str | None = None,
        **options: Any,
    ) -> None:
        self._client: Any = None
        self._files: Any = None
        given = {"port": port, "username": username, "password": password}
        super().__init__(host, **{key: value for key, value in given.items() if value is not None})

    def _connect(self) -> None:
        """Nothing, until it is asked."""

    @property
    def ftp(self) -> Any:
        """The connection.

        Raises:
            StoreError: The machine's key is not known, or another one.
        """
        transport = None if self._client is None else self._client.get_transport()
        if transport is None or not transport.is_active():
            self._client = self._connected()
            self._files = self._client.open_sftp()
        return self._files

    def _connected(self) -> Any:
        settings = paramiko.SSHConfig()
        if (file := Path("~/.ssh/config").expanduser()).is_file():
            settings = paramiko.SSHConfig.from_path(str(file))
        found = settings.lookup(self.host)
        options = dict(self.ssh_kwargs)
        options.setdefault("port", int(found.get("port", 22)))
        if "user" in found:
            options.setdefault("username", found["user"])
        if "identityfile" in found:
            options.setdefault("key_filename", found["identityfile"])
        client = paramiko.SSHClient()
        client.load_system_host_keys()
        if _KNOWN.is_file():
            client.load_system_host_keys(str(_KNOWN))
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            client.connect(found["hostname"], timeout=20, **options)
        except paramiko.BadHostKeyException:
            raise StoreError(
                f"{self.host}: shows another key than the one that is known; expected the same: somebody may "
                "stand between; ask who runs it, and then correct ~/.ssh/known_hosts"
            ) from None
        except paramiko.SSHException as error:
            client.close()
            if "known_hosts" in str(error):
                raise StoreError(
                    f"{self.host}: its key is not known; expected one in ~/.ssh/known_hosts; run: "
                    f"ssh {self.host}, and compare the key that it shows"
                ) from None
            if "authentication" in str(error).lower():
                raise PermissionError(str(error)) from error
            raise
        return client

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        """A file's bytes, asked for all at once: each answer takes as long as the way there and back."""
        with self.ftp.open(self._strip_protocol(path)) as file:
            size = file.stat().st_size
            begin, last = start or 0, size if end is None else min(size, end)
            if begin >= last:
                return b""
            return b"".join(file.readv([(begin, last - begin)]))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        """Write a file, whose pieces are sent without waiting for each to be there; its size is asked for."""
        if mode != "overwrite":
            return super().pipe_file(path, value, mode, **options)
        self.ftp.putfo(io.BytesIO(value), self._strip_protocol(path))
        return None

    def make(self, path: str) -> bool:
        """Make an empty file; whether there was none, which only one can be told."""
        try:
            self.ftp.open(path, "wx").close()
        except OSError:  # sftp has no word for why
            with suppress(FileNotFoundError):
                self.ftp.stat(path)
                return False
            raise
        return True
