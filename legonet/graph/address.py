"""Addresses of what lies elsewhere, such as `s3://bucket/zoo`, and how they are shown. Needs no network."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Who asks stands before the host; a password may hold a slash, a port is none.
_ADDRESS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)"
    r"(?P<user>[^/\s?#]*@|[^/\s?#:@]+:(?!\d+(?:/|$))[^\s?#@]*@)?"
    r"(?P<place>[^\s?#]*)(?P<query>\?[^\s#]*)?"
)
_NAMED_USERS = ("ssh", "sftp")  # whose user is no secret


def is_address(text: str) -> bool:
    """Whether a text is an address with a scheme, such as `https://…`, and no path of this machine."""
    return _SCHEME.match(text) is not None


def scheme_of(text: str) -> str:
    """The scheme of an address in small letters, such as `s3`; empty for a path."""
    return text.partition("://")[0].lower() if is_address(text) else ""


def without_secrets(text: str) -> str:
    """A text whose addresses name no password, no token, and nothing of what a signed query holds."""
    return _ADDRESS.sub(_shown, text)


def has_secrets(address: str) -> bool:
    """Whether an address holds what is not to be shown, nor kept."""
    return without_secrets(address) != address


def _shown(found: re.Match[str]) -> str:
    scheme, user, place, query = found["scheme"], found["user"] or "", found["place"], found["query"]
    name = user.removesuffix("@").partition(":")[0]
    said = f"{name}@" if name and scheme.removesuffix("://").lower() in _NAMED_USERS else ""
    return f"{scheme}{said}{place}{'?…' if query else ''}"
