"""The OpenAPI description of the API, made of its operations and their models."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from legonet import __version__
from legonet.studio.models.base import Problems
from legonet.studio.operations import FORM, JSON, Operation
from legonet.web.guard import TOKEN_HEADER

PREFIX = "/api/v1"
_REFERENCE = "#/components/schemas/{model}"
_ALWAYS = (400, 401, 403, 404, 405, 408, 413, 415, 421, 422)
_WORDS = {
    400: "not an HTTP request, or a form that cannot be read",
    401: "no token, or a wrong one",
    403: "of another site, or the studio is read-only",
    404: "there is no such thing",
    405: "this path has other methods",
    408: "the body did not come in time",
    409: "it does not go with what is there by now",
    412: "the file has changed",
    413: "the body is too large",
    415: "the body is of another type",
    421: "the Host header names another server",
    422: "it cannot be done as it was asked for",
    428: "a header is missing",
    429: "too many of these",
}


def describe(operations: Iterable[Operation]) -> dict[str, Any]:
    """The OpenAPI 3.1 document.

    Args:
        operations: Of the API.
    """
    operations = tuple(operations)
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problems, "serialization")]
    for each in operations:
        if each.gives is not None:
            models.append((each.gives, "serialization"))
        for taken in (each.takes, each.query):
            if taken is not None:
                models.append((taken, "validation"))
    named, definitions = models_json_schema(list(dict.fromkeys(models)), ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        item = paths.setdefault(PREFIX + each.path.replace(":path}", "}"), {})
        item[each.method.lower()] = _operation(each, named, definitions["$defs"])
    used = {each.query.__name__ for each in operations if each.query is not None}
    schemas = {name: part for name, part in definitions["$defs"].items() if name not in used}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "legonet studio",
            "version": __version__,
            "description": "What the studio's page asks its server. Every request carries the token of this "
            "start; it is in the address that the command printed.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": TOKEN_HEADER}},
        },
        "security": [{"token": []}],
    }


def _operation(operation: Operation, named: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)", operation.path)
    ]
    if operation.query is not None:
        schema = definitions[operation.query.__name__]
        parameters += [
            {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": part}
            for name, part in schema.get("properties", {}).items()
        ]
    parameters += [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": what,
            "schema": {"type": "string"},
        }
        for name, what in operation.headers.items()
    ]
    good: dict[str, Any] = {"description": operation.summary}
    if operation.gives is not None:
        good["content"] = {JSON: {"schema": named[operation.gives, "serialization"]}}
    else:
        good["content"] = {operation.media: {}}
    refused = {"content": {JSON: {"schema": named[Problems, "serialization"]}}}
    answers = {str(operation.status): good} | {
        str(status): {"description": _WORDS[status], **refused} for status in (*_ALWAYS, *operation.faults)
    }
    found: dict[str, Any] = {
        "operationId": operation.call.__name__.strip("_") + "_" + operation.path.split("/")[1],
        "summary": operation.summary,
        "parameters": parameters,
        "responses": dict(sorted(answers.items())),
    }
    if operation.takes is not None:
        found["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": named[operation.takes, "validation"]}},
        }
    if operation.form:
        schema = {"type": "object", "properties": dict(operation.form), "additionalProperties": False}
        found["requestBody"] = {"required": True, "content": {FORM: {"schema": schema}}}
    return found
