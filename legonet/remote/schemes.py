"""The kinds of places that networks are kept in, one line each; all are reached by fsspec.

A scheme that is not listed is refused: fsspec's others read archives, other addresses and arbitrary code's
caches, which nobody means who writes down a remote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Swapping = Literal["lock", "marker", "etag", "generation", "commit"]


@dataclass(frozen=True)
class Scheme:
    """A kind of place.

    Attributes:
        protocol: As fsspec calls it.
        package: That it needs, besides fsspec.
        writable: Whether anything can be put there.
        renames: A file is written beside and renamed, since its place shows half of one otherwise.
        streams: It is read as a stream that ends where the reader wants: a server need not keep to a range.
        swap: How a file is exchanged only if it is still what it was: one of `legonet.remote.exchange`.
        opener: What opens it in place of fsspec's own, as `module:class`.
        options: For fsspec.
        at_once: How many transfers it bears at a time: each file of a hub is a commit, ssh is one connection.
    """

    protocol: str
    package: str = ""
    writable: bool = True
    renames: bool = False
    streams: bool = False
    swap: Swapping = "lock"
    opener: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    at_once: int = 8


_S3 = Scheme("s3", "s3fs", swap="etag", opener="legonet.remote.s3:S3Files")
_GOOGLE = Scheme("gcs", "gcsfs", swap="generation", opener="legonet.remote.google:GoogleFiles")
_HTTP = Scheme(
    "http",
    "aiohttp",
    writable=False,
    streams=True,
    # Bytes are taken as they are sent: what is packed would have no bound, and nobody asks for it.
    options={"client_kwargs": {"auto_decompress": False, "headers": {"Accept-Encoding": "identity"}}},
)
_SSH = Scheme(
    "sftp", "paramiko", renames=True, swap="marker", opener="legonet.remote.ssh:SshFiles", at_once=1
)

SCHEMES: Mapping[str, Scheme] = {
    "": Scheme("file", renames=True),  # a folder
    "file": Scheme("file", renames=True),
    "memory": Scheme("memory"),
    "s3": _S3,
    "gs": _GOOGLE,
    "gcs": _GOOGLE,
    "http": _HTTP,
    "https": replace(_HTTP, protocol="https"),
    "hf": Scheme("hf", "huggingface_hub", streams=True, swap="commit", at_once=1),
    "ssh": _SSH,
    "sftp": _SSH,
}
