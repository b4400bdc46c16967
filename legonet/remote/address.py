"""Where a remote is, as one value that is read once: what fsspec takes, and what may be shown and kept."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from legonet.errors import StoreError
from legonet.graph.address import has_secrets, scheme_of, without_secrets
from legonet.remote.schemes import SCHEMES, Scheme

_LONGEST = 2048


@dataclass(frozen=True)
class RemoteAddress:
    """Where a remote is.

    Attributes:
        url: For fsspec; it may hold a password.
        scheme: The kind of place.
        folder: The folder, if it is one of this machine.
    """

    url: str = field(repr=False)
    scheme: Scheme
    folder: Path | None = None

    @classmethod
    def read(cls, text: str, base: Path | None = None) -> RemoteAddress:
        """Read an address as a user gives it.

        Args:
            text: Such as `s3://bucket/zoo`, or a folder.
            base: The folder that a path is relative to; default: the working folder.

        Raises:
            StoreError: It is none, or of a kind that is not known.
        """
        shown, name = without_secrets(text), scheme_of(text)
        if not text.strip() or len(text) > _LONGEST or not text.isprintable():
            raise StoreError(
                f"{shown[:80]!r}: is not an address; expected a folder, or such as s3://bucket/zoo; correct "
                "it"
            )
        scheme = SCHEMES.get(name)
        if scheme is None or "::" in text:
            known = ", ".join(f"{each}://" for each in SCHEMES if each)
            raise StoreError(
                f"{shown}: no such kind of remote; expected a folder, or one of {known}; correct it"
            )
        if scheme.protocol == "file":
            path = Path(text.removeprefix("file://") if name else text).expanduser()
            folder = Path(os.path.normpath((base or Path.cwd()) / path))
            return cls(str(folder), scheme, folder)
        return cls(text.rstrip("/"), scheme)

    @property
    def shown(self) -> str:
        """As messages name it, without passwords."""
        return without_secrets(self.url)

    @property
    def secret(self) -> bool:
        """Whether it holds what must not be kept."""
        return has_secrets(self.url)

    def scrubbed(self, text: str) -> str:
        """A text of somebody else's, without the secrets of this address and of any other."""
        return without_secrets(text.replace(self.url, self.shown))
