"""What is answered is what `net.predict` says, whatever form images come in."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
import torch
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

import legonet
from legonet.compile.network import CompiledNetwork
from legonet.outputs.results import Mask
from legonet.serve.app import make_app
from legonet.serve.options import ServeOptions
from legonet.serve.service import Service
from tests.serve.conftest import HOST, OPTIONS, PORT, guarded, png

PREDICT = "/api/v1/predict"
URL = f"http://{HOST}:{PORT}"
PATHS = ["cat:classify", "dog:mark"]


@asynccontextmanager
async def asked(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that runs."""
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=URL) as client,
    ):
        yield client


def results(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [each["results"] for each in answer.json()["predictions"]]


def wanted(network: CompiledNetwork, *images: bytes) -> list[dict[str, Any]]:
    pictures = [Image.open(io.BytesIO(each)) for each in images]
    found = network.predict(pictures, batch=1, progress=None)
    return [{path: result.data() for path, result in each.results.items()} for each in found]


def test_every_form_of_an_image_gives_the_same(client: TestClient, network: CompiledNetwork) -> None:
    image = png()
    array = io.BytesIO()
    np.save(array, np.asarray(Image.open(io.BytesIO(image))))
    text = base64.b64encode(image).decode()
    kind = {"content-type": "image/png"}
    answers = [
        client.post(PREDICT, content=image, headers=kind),
        client.post(PREDICT, content=array.getvalue(), headers={"content-type": "application/x-npy"}),
        client.post(PREDICT, files={"image": ("image 0", image)}),
        client.post(PREDICT, json={"images": [text]}),
        client.post(PREDICT, json={"images": [{"data": f"data:image/png;base64,{text}"}]}),
    ]
    for each in answers:
        assert results(each) == wanted(network, image)
        assert each.json() == answers[0].json()


def test_several_images_keep_their_order_and_names(client: TestClient, network: CompiledNetwork) -> None:
    images = [png(1), png(2, 9, 7), png(3)]
    files = [("image", (f"{number}.png", each)) for number, each in enumerate(images)]
    answer = client.post(PREDICT, files=files)
    assert results(answer) == wanted(network, *images)
    found = answer.json()["predictions"]
    assert [(each["image"], each["height"], each["width"]) for each in found] == [
        ("0.png", 10, 12),
        ("1.png", 9, 7),
        ("2.png", 10, 12),
    ]


def test_an_array_of_several_images(client: TestClient, network: CompiledNetwork) -> None:
    values = np.random.default_rng(0).random((3, 10, 12, 3), dtype=np.float32)
    array = io.BytesIO()
    np.save(array, np.asfortranarray(values))
    answer = client.post(PREDICT, files={"image": ("many.npy", array.getvalue())})
    found = network.predict(list(values), batch=3, progress=None)
    assert results(answer) == [
        {path: result.data() for path, result in each.results.items()} for each in found
    ]
    assert [each["image"] for each in answer.json()["predictions"]] == [f"many.npy[{n}]" for n in range(3)]


def test_masks_come_as_png_when_asked_for(client: TestClient, network: CompiledNetwork) -> None:
    image = png()
    (plain,) = results(client.post(PREDICT, files={"image": image}))
    assert not any("mask" in each for each in plain.values())
    text = base64.b64encode(image).decode()
    for answer in (
        client.post(f"{PREDICT}?masks=true", files={"image": image}),
        client.post(PREDICT, json={"images": [text], "masks": True}),
    ):
        (found,) = results(answer)
        assert "mask" not in found["cat:classify"]
        kind, _, data = found["dog:mark"]["mask"].partition(",")
        assert kind == "data:image/png;base64"
        mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
        said = network.predict(Image.open(io.BytesIO(image)), progress=None)[0]["dog:mark"]
        assert isinstance(said, Mask)
        assert mask.shape == (10, 12)
        assert np.array_equal(mask > 0, said.mask.numpy() > 0)


def test_requests_at_the_same_time_are_computed_together_bit_for_bit(network: CompiledNetwork) -> None:
    options = ServeOptions(batch=4, wait_ms=5_000)
    service = Service(network, options)
    images = [png(seed) for seed in range(4)]
    batches = list[dict[str, Any]]()
    compute = service.batcher._compute

    def spying(photos: Any) -> Any:
        found = compute(photos)
        batches.append({photo.name: each for photo, each in zip(photos, found, strict=True)})
        return found

    service.batcher._compute = spying

    async def ask() -> list[httpx.Response]:
        async with asked(make_app(network, options, service=service)) as client:
            files = [{"image": (str(number), each)} for number, each in enumerate(images)]
            return await asyncio.gather(*(client.post(PREDICT, files=each) for each in files))

    answers = asyncio.run(ask())
    (found,) = batches
    order = [int(name) for name in found]  # in which they came to be decoded
    pictures = [Image.open(io.BytesIO(images[number])) for number in order]
    together: Any = network.predict(pictures, batch=4, progress=None)
    alone: Any = network.predict(pictures, batch=1, progress=None)
    for number, each, same, near in zip(order, found.values(), together, alone, strict=True):
        assert results(answers[number]) == [{path: result.data() for path, result in same.results.items()}]
        assert each["cat:classify"].score == same["cat:classify"].score
        assert torch.equal(each["dog:mark"].mask, same["dog:mark"].mask)
        assert each["cat:classify"].score == pytest.approx(near["cat:classify"].score, abs=1e-5)


def test_a_full_queue_answers_429_with_a_time(network: CompiledNetwork) -> None:
    service = Service(network, OPTIONS)

    async def ask() -> httpx.Response:
        async with asked(make_app(network, OPTIONS, service=service)) as client:
            service.batcher.bounds = service.batcher.bounds.__class__(4, 0, 1, 10**9, 10**9)
            return await client.post(PREDICT, files=[("image", png()), ("image", png())])

    answer = asyncio.run(ask())
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "ask again in" in answer.json()["problems"][0]["advice"]


def test_a_server_that_stops_answers_503_and_is_not_ready(network: CompiledNetwork) -> None:
    app = make_app(network, OPTIONS)

    async def ask() -> list[httpx.Response]:
        async with asked(app) as client:
            before = await client.get("/ready")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client:
            return [before, await client.get("/ready"), await client.post(PREDICT, files={"image": png()})]

    before, after, refused = asyncio.run(ask())
    assert [before.status_code, after.status_code, refused.status_code] == [200, 503, 503]
    assert int(refused.headers["retry-after"]) >= 1


def test_what_the_network_is_and_how_the_server_is(client: TestClient) -> None:
    network = client.get("/api/v1/network").json()
    assert list(network["outputs"]) == PATHS
    assert network["outputs"]["cat:classify"]["kind"] == "binary"
    assert network["limits"]["images"] == OPTIONS.images
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}


def test_numbers_that_are_none_become_null(network: CompiledNetwork) -> None:
    from legonet.outputs.results import Numbers
    from legonet.serve.answers import _result

    assert _result(Numbers({"age": float("nan"), "size": 1.5}), None) == {
        "values": {"age": None, "size": 1.5}
    }


def test_metrics_count_requests_batches_and_refusals(network: CompiledNetwork) -> None:
    with TestClient(guarded(network), URL) as client:
        client.post(PREDICT, files=[("image", png(1)), ("image", png(2))])
        client.post(PREDICT, content=b"x", headers={"content-type": "image/png"})
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    assert 'legonet_requests_total{status="200"} 1.0' in lines
    assert 'legonet_requests_total{status="422"} 1.0' in lines
    assert "legonet_request_seconds_count 2.0" in lines
    assert "legonet_batch_images_sum 2.0" in lines
    assert "legonet_queue_images 0.0" in lines
    assert f'legonet_info{{network="zoo",version="{legonet.__version__}"}} 1.0' in lines


def test_answers_are_as_the_description_says(client: TestClient) -> None:
    described = client.get("/api/v1/openapi.json").json()
    assert described["openapi"] == "3.1.0"
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if method == "get":
                answers = [client.get(path)]
            else:
                answers = [
                    client.post(f"{path}?masks=true", files={"image": png()}),
                    client.post(path, files={"image": b"nothing"}),
                ]
            for answer in answers:
                said = operation["responses"][str(answer.status_code)]["content"]
                schema = said.get("application/json", {}).get("schema")
                if schema:
                    components = {"components": described["components"]}
                    jsonschema.Draft202012Validator({**schema, **components}).validate(answer.json())


def test_the_page_shows_paths_and_fetches_nothing(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert all(path in answer.text for path in [*PATHS, PREDICT])
    assert f"{URL}{PREDICT}" in answer.text
    assert "<script" not in answer.text
    assert "src=" not in answer.text
    assert "href=" not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")


def test_a_network_that_takes_images_by_category_is_refused(served: Path) -> None:
    network = legonet.load(served).compile(separate_inputs=True)
    with pytest.raises(legonet.errors.DataError, match="for images by category"):
        make_app(network, OPTIONS)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"batch": 0}, "batch: found 0"),
        ({"wait_ms": -1.0}, "wait_ms: found -1"),
        ({"images": 9, "queue": 8}, "images: found 9"),
    ],
)
def test_options_that_make_no_sense(settings: dict[str, Any], found: str) -> None:
    with pytest.raises(legonet.errors.DataError, match=found):
        ServeOptions(**settings)
