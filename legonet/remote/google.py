"""Google's storage as fsspec's gcsfs opens it, with one mechanism that tries again: ours."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import quote

from gcsfs.core import GCSFileSystem

from legonet.remote.bounded import BoundedResponse

# Without the decorator that waits a minute, and logs tracebacks.
_request = getattr(GCSFileSystem._request, "__wrapped__", GCSFileSystem._request)


class GoogleFiles(GCSFileSystem):
    """Buckets of Google's storage."""

    protocol = "gs", "gcs"

    def __init__(self, **options: Any) -> None:
        super().__init__(session_kwargs={"response_class": BoundedResponse}, **options)

    async def _request(self, *args: Any, **options: Any) -> Any:
        if isinstance(data := options.get("data"), bytes):
            options["data"] = BytesIO(data)  # aiohttp warns of many bytes at once
        try:
            return await _request(self, *args, **options)
        except OSError as error:
            if str(error).startswith("Forbidden"):  # gcsfs knows no other kind of error for it
                raise PermissionError(*error.args) from error
            raise

    def exchange(self, path: str, data: bytes, generation: str) -> None:
        """Write a file if its generation still is one.

        Args:
            path: Of the file.
            data: Its bytes.
            generation: That it has; 0: it is not there.

        Raises:
            FileExistsError: It has another one.
        """
        bucket, key, _ = self.split_path(path)
        self.call(
            "POST",
            f"{self._location}/upload/storage/v1/b/{quote(bucket, safe='')}/o",
            uploadType="media",
            name=key,
            ifGenerationMatch=generation,
            headers={"Content-Type": "application/octet-stream"},
            data=data,
        )
