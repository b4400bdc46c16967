"""What strangers send is refused with a reason, and the next request is answered as if nothing had been."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import pickle
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request
from starlette.testclient import TestClient

from legonet.compile.network import CompiledNetwork
from legonet.serve.bodies import Bodies
from legonet.serve.images import Upload, read_photos
from legonet.web.faults import FaultError
from tests.serve.conftest import HOST, OPTIONS, PORT, encoded, guarded, png

PREDICT = "/api/v1/predict"
RAW = {"content-type": "application/octet-stream"}


@pytest.fixture(autouse=True)
def unharmed(client: TestClient) -> Iterator[None]:
    yield
    assert client.post(PREDICT, files={"image": png()}).status_code == 200


def problems(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    found = answer.json()["problems"]
    assert found
    assert "Traceback" not in answer.text
    return "\n".join(each["text"] for each in found)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG of so many pixels in a few bytes."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(min(height, 100) * (3 * width + 1))))
    return b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")


def array(values: np.ndarray, **keywords: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values, **keywords)
    return file.getvalue()


def lying(shape: tuple[int, ...], kind: str = "|u1") -> bytes:
    """An array whose header promises more than follows."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
    return file.getvalue() + b"\0" * 12


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "found no bytes"),
        (b"nothing", "image 0: cannot be read as an image; expected a PNG, JPEG, BMP or WebP file"),
        (png()[:60], "cannot be read as an image"),
        (bomb(100, 100), "100x100 pixels; expected at most 5,000"),
        (bomb(60_000, 60_000), "3600000000 pixels"),
        (encoded(Image.new("RGB", (8, 8)), "GIF"), "cannot be read as an image"),
        (encoded(Image.new("I;16", (8, 8))), "more than 8 bits"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot be read as an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot be read as an image"),
        (array(np.array([{}], dtype=object), allow_pickle=True), "expected uint8"),
        (array(np.zeros((8, 8), dtype=np.int64)), "expected uint8"),
        (array(np.zeros((8, 8, 3), dtype=np.longdouble)), "expected bytes (uint8), or numbers from 0 to 1"),
        (array(np.zeros((8, 8, 7), dtype=np.uint8)), "1, 3 or 4 channels"),
        (array(np.full((8, 8, 3), 200.0)), "expected numbers from 0 to 1"),
        (array(np.full((8, 8, 3), np.nan)), "expected numbers from 0 to 1"),
        (array(np.zeros((0, 8, 3), dtype=np.uint8)), "expected uint8"),
        (array(np.zeros((80, 80), dtype=np.uint8)), "expected at most 5,000 pixels"),
        (lying((10**9, 10**9, 3)), "another number of bytes"),
        (lying((2, 2), "|O"), "expected uint8"),
        (b"\x93NUMPY\x01\x00\xff\xff{" + b"(" * 300, "NumPy's format"),
        (b"\x93NUMPY\x09\x09", "NumPy's format"),
        (pickle.dumps(print), "cannot be read as an image"),
    ],
)
def test_what_is_no_image_or_too_large_a_one(client: TestClient, data: bytes, said: str) -> None:
    assert said in problems(client.post(PREDICT, content=data, headers=RAW), 422)


def test_each_bad_image_has_its_problem(client: TestClient) -> None:
    files = [("image", ("a.png", png())), ("image", ("b.png", b"no")), ("image", ("c.png", b""))]
    answer = client.post(PREDICT, files=files)
    assert problems(answer, 422).count("\n") == 1
    assert [each["found"].partition(":")[0] for each in answer.json()["problems"]] == ["b.png", "c.png"]


def test_pixels_are_bounded_over_a_whole_request(client: TestClient) -> None:
    image = encoded(Image.new("RGB", (60, 40)))
    assert client.post(PREDICT, files=[("image", image)] * 2).status_code == 200
    answer = client.post(PREDICT, files=[("image", image)] * 3)
    assert "60x40 pixels; expected at most 200" in problems(answer, 422)


def test_images_are_bounded_within_an_array_too(client: TestClient) -> None:
    many = array(np.zeros((5, 8, 8, 3), dtype=np.uint8))
    assert "found 5; expected at most 4" in problems(client.post(PREDICT, content=many, headers=RAW), 422)


def test_too_many_images(client: TestClient) -> None:
    text = base64.b64encode(png()).decode()
    assert "5 images" in problems(client.post(PREDICT, json={"images": [text] * 5}), 413)
    assert problems(client.post(PREDICT, files=[("image", png())] * 5), 400)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, png(), 415),
        ({"content-type": "text/plain"}, png(), 415),
        ({"content-type": "application/x-www-form-urlencoded"}, b"image=1", 415),
        ({"content-type": "multipart/form-data"}, b"x", 400),
        ({"content-type": "multipart/form-data; boundary=x"}, b"x", 400),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x\r\n\r\nx\r\n--x--\r\n", 400),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x--\r\n", 422),
        (
            {"content-type": "multipart/form-data; boundary=x"},
            b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n--x--\r\n',
            400,
        ),
        ({"content-type": "application/json"}, b"", 422),
        ({"content-type": "application/json"}, b"{", 422),
        ({"content-type": "application/json"}, b"[" * 100_000, 422),
        ({"content-type": "application/json"}, b'{"images": []}', 422),
        ({"content-type": "application/json"}, b'{"images": ["?"]}', 422),
        ({"content-type": "application/json"}, b'{"images": [7]}', 422),
        ({"content-type": "application/json"}, b'{"images": ["\xff"]}', 422),
        ({"content-type": "application/json"}, b'{"images": ["aa"], "graph": "other.yaml"}', 422),
        ({"content-type": "application/json"}, b'{"images": ["file:///etc/passwd"]}', 422),
        ({"content-type": "application/json"}, b'{"images": ["data:image/png,xx"]}', 422),
    ],
)
def test_bodies_of_no_form(client: TestClient, headers: dict[str, str], body: bytes, status: int) -> None:
    assert problems(client.post(PREDICT, content=body, headers=headers), status)


def test_names_are_given_back_as_text(client: TestClient) -> None:
    name = "../../<script>\u202e" + "x" * 500
    answer = client.post(PREDICT, json={"images": [{"name": name[:200], "data": "bm8="}]})
    assert "<script>" in answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    said = problems(client.post(PREDICT, json={"images": [{"name": name, "data": "bm8="}]}), 422)
    assert said.startswith("body.images.0.named.name: String should have at most 200 characters")
    assert "\n" not in said


def test_an_image_of_neither_form(client: TestClient) -> None:
    said = problems(client.post(PREDICT, json={"images": [["bm8="]]}), 422)
    assert said.startswith("body.images.0: Input should be a string of base64, or an object with data")


def test_a_huge_body(client: TestClient) -> None:
    body = b"x" * (OPTIONS.body + 1)
    assert problems(client.post(PREDICT, content=body, headers=RAW), 413)

    def parts() -> Iterator[bytes]:  # of no length that is told before
        yield from [b"x" * 50_000] * 5

    assert problems(client.post(PREDICT, content=parts(), headers=RAW), 413)


def test_bodies_are_bounded_together() -> None:
    """What is held is counted as it comes, and let go of however a request ends."""
    bodies = Bodies(1000)

    def request(*parts: bytes) -> Request:
        messages = [{"type": "http.request", "body": each, "more_body": True} for each in parts]
        messages.append({"type": "http.request", "body": b"", "more_body": False})

        async def receive() -> Any:
            return messages.pop(0)

        return Request({"type": "http", "method": "POST", "headers": []}, receive)

    async def hold() -> None:
        async with bodies.body(request(b"a" * 400, b"b" * 300)) as first:
            assert first == b"a" * 400 + b"b" * 300
            assert bodies.held == 700
            with pytest.raises(FaultError) as refused:
                async with bodies.body(request(b"c" * 200, b"d" * 200)):
                    pass
            assert refused.value.status == 429
            assert refused.value.headers["retry-after"] == "1"
            assert bodies.held == 700
            async with bodies.body(request(b"e" * 300)):
                assert bodies.held == 1000
        assert bodies.held == 0

    asyncio.run(hold())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "zoo.example"}, 421),
        ({"host": "attacker.example:8000"}, 421),
        ({"host": f"{HOST}:{PORT + 1}"}, 421),
        ({"origin": "https://zoo.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_requests_from_elsewhere(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert problems(client.post(PREDICT, files={"image": png()}, headers=headers), status)


def test_other_methods_and_places(client: TestClient) -> None:
    assert problems(client.get(PREDICT), 405)
    assert problems(client.delete("/api/v1/network"), 405)
    assert problems(client.get("/api/v1/../../etc/passwd"), 404)
    assert problems(client.post(f"{PREDICT}?masks=perhaps", files={"image": png()}), 422)
    assert problems(client.post(f"{PREDICT}?path=cat:classify", files={"image": png()}), 422)


def test_a_token_is_wanted_by_all_but_probes(network: CompiledNetwork) -> None:
    token = "t" * 32
    with TestClient(guarded(network, token=token), f"http://{HOST}:{PORT}") as client:
        for path in ("/", "/metrics", "/api/v1/network", "/api/v1/openapi.json"):
            assert problems(client.get(path), 401)
        assert problems(client.post(PREDICT, files={"image": png()}), 401)
        for wrong in ("", "t" * 31, "T" * 32, "ü"):
            headers = {b"authorization": f"Bearer {wrong}".encode()}
            assert problems(client.get("/metrics", headers=headers), 401)
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 200
        right = {"authorization": f"Bearer {token}"}
        assert client.post(PREDICT, files={"image": png()}, headers=right).status_code == 200
        assert client.get("/metrics", headers=right).status_code == 200
        assert client.get("/api/v1/openapi.json", headers=right).json()["security"] == [{"token": []}]


def test_a_slow_body_is_not_waited_for(network: CompiledNetwork) -> None:
    """Bytes that stop coming, and bytes that come one by one."""
    app = guarded(network)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": PREDICT,
        "raw_path": PREDICT.encode(),
        "query_string": b"",
        "headers": [(b"host", f"{HOST}:{PORT}".encode()), (b"content-type", b"image/png")],
        "scheme": "http",
        "server": (HOST, PORT),
        "client": (HOST, 1),
    }

    async def ask(seconds: float) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(seconds)
            return {"type": "http.request", "body": b"x", "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        await app(dict(scope), receive, send)
        return sent

    for seconds in (60, 0.05):
        start, body = asyncio.run(asyncio.wait_for(ask(seconds), 30))
        assert start["status"] == 408
        assert "in time" in json.loads(body["body"])["problems"][0]["text"]


def test_decoding_leaves_no_file_open_or_named() -> None:
    (photo,) = read_photos([Upload("/etc/passwd", png())], 5_000, 4)
    assert isinstance(photo.source, Image.Image)
    assert photo.pixels(3).shape == (3, 10, 12)
