"""What is tried again, how often, and what is said when it does not help. Imports nothing of the network."""

from __future__ import annotations

import errno
import random
import re
import time
from collections.abc import Callable
from typing import Literal, TypeVar

from legonet.errors import LegonetError, StoreError, first_line

ATTEMPTS = 6
FIRST_PAUSE = 0.5  # seconds; twice as many before each further attempt
LONGEST_PAUSE = 20.0

Verdict = Literal["missing", "refused", "again", "no"]
_Got = TypeVar("_Got")

_NO = frozenset({errno.EINVAL, errno.EPERM, errno.ENAMETOOLONG, errno.ENOSYS, errno.ENOSPC, errno.EROFS})
_NETWORKS = frozenset(
    (
        "aiohttp",
        "botocore",
        "aiobotocore",
        "huggingface_hub",
        "httpx",
        "httpx2",
        "httpcore",
        "requests",
        "paramiko",
        "gcsfs",
    )
)
_REFUSED = re.compile("Credentials|GoogleAuthError|RefreshError")
_ADVICE = {
    "refused": "check your credentials, and that they may do this; see docs/remotes.md",
    "again": "check the connection, and run the command again: it goes on where it was",
    "no": "check the address and its settings",
}


def verdict_of(error: BaseException) -> Verdict:
    """What an error of fsspec, or of what it stands on, means for the call that raised it."""
    status = status_of(error)
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return "missing"
    if isinstance(error, PermissionError) or status in (401, 403) or _REFUSED.search(type(error).__name__):
        return "refused"
    if status is not None and status not in (408, 425, 429) and status < 500:
        return "no"
    if isinstance(error, OSError):
        stays = isinstance(error, IsADirectoryError | NotADirectoryError | FileExistsError)
        return "no" if stays or error.errno in _NO else "again"
    if isinstance(error, TimeoutError | EOFError):
        return "again"
    return "again" if type(error).__module__.partition(".")[0] in _NETWORKS else "no"


def status_of(error: BaseException) -> int | None:
    """The status of HTTP that an error carries, be it aiohttp's, of the hub, of S3, or of Google's."""
    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict):  # botocore's
            found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        else:
            found = getattr(each, "status", None) or getattr(response, "status_code", None)
            if type(each).__module__ == "gcsfs.retry":
                found = getattr(each, "code", None)
        if isinstance(found, int) and found >= 300:
            return found
    return None


def persist(call: Callable[[], _Got], where: str, scrubbed: Callable[[str], str]) -> _Got:
    """Do something of the network; what may go better is tried again, with pauses that grow and have an end.

    Args:
        call: Does it; it may be done twice.
        where: What messages name.
        scrubbed: Takes secrets out of others' texts.

    Raises:
        FileNotFoundError: There is nothing of this name.
        StoreError: It does not work.
    """
    pause = FIRST_PAUSE
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return call()
        except LegonetError:
            raise
        except Exception as error:  # what stands under fsspec raises anything
            verdict = verdict_of(error)
            if verdict == "missing":
                raise FileNotFoundError(errno.ENOENT, "no such object", where) from None
            if verdict != "again" or attempt == ATTEMPTS:
                times = f", {attempt} times" if attempt > 1 else ""
                said = scrubbed(f"{type(error).__name__}: {first_line(error)}")
                # Without its cause: others' texts name addresses with their passwords.
                raise StoreError(
                    f"{where}: failed{times} ({said}); expected a remote that answers; {_ADVICE[verdict]}"
                ) from None
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - many who wait are not to wake at once
        pause = min(2 * pause, LONGEST_PAUSE)
    raise AssertionError("unreachable")  # pragma: no cover
