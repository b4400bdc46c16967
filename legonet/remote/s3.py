"""Buckets of S3 as fsspec's s3fs opens them: what tries again is ours, and what a server sends has an end."""

from __future__ import annotations

from typing import Any

from aiobotocore.httpsession import AIOHTTPSession
from s3fs import S3FileSystem

from legonet.remote.bounded import BoundedResponse


class _Session(AIOHTTPSession):
    async def _get_session(self, proxy_url: Any) -> Any:
        session = await super()._get_session(proxy_url)
        session._response_class = BoundedResponse  # there is no argument for it
        return session


class S3Files(S3FileSystem):
    """Buckets of S3."""

    def __init__(self, **options: Any) -> None:
        settings = {
            "retries": {"total_max_attempts": 1},
            "connect_timeout": 20,
            "http_session_cls": _Session,
        }
        super().__init__(config_kwargs=settings, **options)
