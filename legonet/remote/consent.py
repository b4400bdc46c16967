"""Which remotes a workspace may talk to: those that the user has named, never those that only its files name.

Whoever makes a workspace writes its graph file, so a `remote:` there is a proposal. It counts once the user
has named the same address, on a command line or in code, or in `legonet/remotes.yaml` in the folder of
settings, where commands note what was named:

    /home/me/zoo: [s3://bucket/zoo]
"""

from __future__ import annotations

from pathlib import Path

from legonet.errors import LegonetError, StoreError
from legonet.graph.address import without_secrets
from legonet.graph.editing.dump import dump_yaml
from legonet.graph.reading.source import read_source
from legonet.remote.address import RemoteAddress
from legonet.store.locks import WritersLock
from legonet.store.plain_files import write_file
from legonet.store.settings import all_listed, listed_for, settings_file

FILE = "remotes.yaml"
_WHAT, _EXAMPLE = "file of remotes", "s3://bucket/zoo"


def allowed(workspace: Path) -> list[str]:
    """The addresses that the user has named for a workspace.

    Raises:
        StoreError: The file that lists them cannot be read.
    """
    return listed_for(workspace, FILE, _WHAT, _EXAMPLE)


def is_allowed(address: RemoteAddress, workspace: Path) -> bool:
    """Whether the user has named this address for a workspace."""
    return any(RemoteAddress.read(each, workspace).url == address.url for each in allowed(workspace))


def remember(address: RemoteAddress, workspace: Path) -> str:
    """Note that the user has named an address for a workspace.

    Returns:
        A sentence for people, without a full stop: where it was noted, or why it was not; empty if it was
        there already.
    """
    if address.secret:
        return f"{address.shown} is not noted, since the address holds a password: name it again each time"
    try:
        path = settings_file(FILE)
        with WritersLock(path.with_name(".remotes.lock")):
            return _noted(address, str(workspace.resolve()), path)
    except RuntimeError:
        return f"{address.shown} is not noted: there is no home folder"
    except LegonetError as error:
        return f"{address.shown} is not noted: {error}"


def _noted(address: RemoteAddress, root: str, path: Path) -> str:
    known = all_listed(path, _WHAT, _EXAMPLE)
    if address.url in known.get(root, ()):
        return ""
    if root in known or not path.exists():
        text = dump_yaml({**known, root: [*known.get(root, ()), address.url]})
    else:  # what the user has written stays as it is
        before = read_source(path, _WHAT)
        text = before.rstrip("\n") + ("\n" if before.strip() else "") + dump_yaml({root: [address.url]})
    write_file(path, text.encode())
    if all_listed(path, _WHAT, _EXAMPLE).get(root, [])[-1:] != [address.url]:
        raise StoreError(
            f"{path}: {address.shown} could not be added to it; expected lines such as "
            f"`/path/of/a/workspace: [{_EXAMPLE}]`; add it by hand"
        )
    return f"{address.shown} is noted in {path} as a remote of {root}"


def choose(given: str | None, named: str | None, workspace: Path, where: str) -> RemoteAddress:
    """The remote that a command talks to.

    Args:
        given: What the user named, which is consent.
        named: What the graph file names.
        workspace: Its root.
        where: What messages call the graph file.

    Raises:
        StoreError: There is none, or the user has not allowed it.
    """
    if given is not None:
        return RemoteAddress.read(given)
    if named is not None:
        address = RemoteAddress.read(named, workspace)
        if is_allowed(address, workspace):
            return address
        raise StoreError(
            f"{where}: remote: names {address.shown}, and whoever wrote the file may have chosen that; "
            "expected a remote that you have allowed: name it once on the command line, or in "
            f"{settings_file(FILE)}"
        )
    known = allowed(workspace)
    if len(known) == 1:
        return RemoteAddress.read(known[0], workspace)
    found = "no remote" if not known else f"several remotes, {', '.join(map(without_secrets, known))}"
    raise StoreError(
        f"{where}: {found}; expected one; name it, such as s3://bucket/zoo, or write `remote: …` into the "
        "graph file"
    )
