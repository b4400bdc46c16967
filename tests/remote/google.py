"""Google's storage on loopback: gcp-storage-emulator, which writes on condition here as the real one does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from tests.remote.servers import Served


@pytest.fixture
def gs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A bucket of its own at `gs://…`, with faults to ask for."""
    import fsspec.config
    from gcp_storage_emulator.exceptions import NotFound
    from gcp_storage_emulator.handlers.buckets import create_bucket
    from gcp_storage_emulator.server import RequestHandler
    from gcp_storage_emulator.storage import Storage

    served, storage, one_at_a_time = Served("gs://bucket/zoo"), Storage(use_memory_fs=True), threading.Lock()

    class Handler(RequestHandler):
        def handle_one_request(self) -> None:
            super().handle_one_request()
            self.close_connection = True

        def asked(self, answer: Any) -> None:
            url = urlparse(self.path)
            wanted = served.fault(self.command, url.path)
            with one_at_a_time:
                served.requests.append((self.command, url.path))
                if wanted is None and not self.still(parse_qs(url.query)):
                    wanted = 412
                if wanted is None:
                    answer()
                    return
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_error(wanted)

        def still(self, query: dict[str, list[str]]) -> bool:
            """Whether an object has the generation that a request asks for."""
            if "ifGenerationMatch" not in query:
                return True
            try:
                found = storage.get_file_obj("bucket", query["name"][0])["generation"]
            except NotFound:
                found = "0"
            return query["ifGenerationMatch"] == [found]

        def __getattribute__(self, name: str) -> Any:
            found = super().__getattribute__(name)
            return partial(self.asked, found) if name.startswith("do_") else found

    create_bucket("bucket", storage)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, storage))
    server.handle_error = lambda request, client_address: None  # a client that has what it needs leaves
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setitem(fsspec.config.conf, "gs", {"token": "anon"})
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
