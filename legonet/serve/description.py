"""What a server answers, as OpenAPI 3.1 says it: made from the models and from the network that is served."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from legonet import __version__
from legonet.compile.signature import Signature
from legonet.serve.answers import Answer
from legonet.serve.bodies import ImagesBody
from legonet.serve.options import ServeOptions

PREDICT, NETWORK, DESCRIPTION = "/api/v1/predict", "/api/v1/network", "/api/v1/openapi.json"
HEALTH, READY, METRICS = "/health", "/ready", "/metrics"
FREE = (HEALTH, READY)  # of the token: they say nothing of the network
BYTES = {"type": "string", "contentMediaType": "application/octet-stream"}


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    text: str
    file: str
    line: int | None
    column: int | None
    key: str
    found: str
    expected: str
    advice: str


class Faults(BaseModel):
    """Why a request was refused."""

    problems: list[Fault]


class State(BaseModel):
    """How the server is."""

    status: str


class NetworkData(BaseModel):
    """What is served: `Signature.data()`, and the bounds of requests."""

    model_config = ConfigDict(extra="allow")
    name: str
    version: str
    input: Annotated[list[int], Field(min_length=3, max_length=3)]
    outputs: dict[str, dict[str, Any]]
    limits: dict[str, float]


def network_data(signature: Signature, options: ServeOptions) -> dict[str, Any]:
    """What is served, as plain data."""
    limits = {name: getattr(options, name) for name in ("images", "pixels", "body", "batch", "queue")}
    return {**signature.data(), "version": __version__, "limits": limits}


def description(signature: Signature, options: ServeOptions, secured: bool) -> dict[str, Any]:
    """The OpenAPI description.

    Args:
        signature: Of the network.
        options: How much a request may have.
        secured: Whether requests need a token.
    """
    models = (ImagesBody, Answer, Faults, State, NetworkData)
    _, schemas = models_json_schema(
        [(each, "validation") for each in models], ref_template="#/components/schemas/{model}"
    )
    paths = ", ".join(signature.outputs)
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": signature.name,
            "version": __version__,
            "description": f"Says what is on images, by the paths {paths} of one network.",
        },
        "paths": {
            PREDICT: {"post": _predict(options)},
            NETWORK: {"get": _get("network", "What is served: paths, labels, bounds.", "NetworkData")},
            DESCRIPTION: {"get": _get("description", "This description.", None)},
            HEALTH: {"get": _get("health", "Whether the process answers.", "State")},
            READY: {"get": _ready()},
            METRICS: {"get": _metrics()},
        },
        "components": {"schemas": schemas["$defs"]},
    }
    if secured:
        found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"token": []}]
        for path in FREE:
            found["paths"][path]["get"]["security"] = []
    return found


def _predict(options: ServeOptions) -> dict[str, Any]:
    one = {"description": "One image: PNG, JPEG, BMP, WebP, or an array as numpy.save writes it.", **BYTES}
    several = {
        "type": "object",
        "description": "One file for each image; its name is the answer's.",
        "additionalProperties": BYTES,
        "minProperties": 1,
    }
    masks = {
        "name": "masks",
        "in": "query",
        "description": "Whether masks are answered as PNG.",
        "schema": {"type": "string", "enum": ["true", "false"]},
    }
    return {
        "operationId": "predict",
        "summary": "Say what is on one image or on several.",
        "description": (
            f"At most {options.images} images, {options.pixels:,} pixels and {options.body:,} bytes. "
            "Requests that come at the same time are computed together."
        ),
        "parameters": [masks],
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": several},
                "application/json": {"schema": _ref("ImagesBody")},
                "application/octet-stream": {"schema": one},
                "image/*": {"schema": one},
            },
        },
        "responses": {
            "200": _response("What each path says of each image, in their order.", "Answer"),
            **{
                status: _response(words, "Faults")
                for status, words in {
                    "400": "The body cannot be split into parts, or the request cannot be read.",
                    "408": "The body did not come in time.",
                    "413": "More bytes or images than are taken.",
                    "415": "A Content-Type that is not taken.",
                    "422": "Something is not an image; each such image has a problem.",
                }.items()
            },
            "429": _later("Too many images wait already."),
            "503": _later("The server is stopping."),
            "default": _response("Refused: a foreign Host or Origin, no token; or a bug.", "Faults"),
        },
    }


def _get(name: str, summary: str, model: str | None) -> dict[str, Any]:
    schema = {"type": "object"} if model is None else _ref(model)
    answered = {"description": summary, "content": {"application/json": {"schema": schema}}}
    refused = _response("Refused: a foreign Host or Origin, or no token.", "Faults")
    return {"operationId": name, "summary": summary, "responses": {"200": answered, "default": refused}}


def _ready() -> dict[str, Any]:
    found = _get("ready", "Whether it takes requests.", "State")
    found["responses"]["503"] = _response("It is stopping.", "State")
    return found


def _metrics() -> dict[str, Any]:
    found = _get("metrics", "Requests, latencies, batches and the queue, for Prometheus.", None)
    found["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    return found


def _response(words: str, model: str) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": _ref(model)}}}


def _later(words: str) -> dict[str, Any]:
    after = {"description": "Seconds after which to ask again.", "schema": {"type": "integer", "minimum": 1}}
    return {**_response(words, "Faults"), "headers": {"Retry-After": after}}


def _ref(model: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model}"}
