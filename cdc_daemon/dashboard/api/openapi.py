"""Makes the OpenAPI document from the route table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from cdc_daemon import __version__
from cdc_daemon.dashboard.access.origin import TOKEN_HEADER
from cdc_daemon.dashboard.api import PREFIX
from cdc_daemon.dashboard.definitions import Action, View

_CONVERTER = re.compile(r"\{(\w+):\w+\}")
_REFERENCES = "#/components/schemas/{model}"

_FAILURES: Mapping[int, str] = {
    401: "Nobody is logged in.",
    403: "A right is missing, or the request comes from another site.",
    404: "There is no such feed, sink or document.",
    409: "It can't be done now; the answer says why.",
    422: "A value is missing, unknown or not valid.",
    503: "The database can't be reached.",
}


def document(views: Sequence[View], actions: Sequence[Action]) -> dict[str, Any]:
    """Return the OpenAPI document of a route table."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for view in views:
        paths.setdefault(_path(view), {})["get"] = _view(view, schemas)
    for action in actions:
        paths.setdefault(_path(action), {})["post"] = _action(action, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cdc-daemon",
            "version": __version__,
            "description": "What the dashboard shows, and what a person may do there.",
        },
        "paths": paths,
        "components": {
            "schemas": {**schemas.found, "Failure": _FAILURE},
            "securitySchemes": {
                "user": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"user": []}, {}],
    }


_FAILURE: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["what", "where", "hint"],
            "properties": {
                "what": {"type": "string", "description": "What is wrong."},
                "where": {"type": ["string", "null"], "description": "What it concerns."},
                "hint": {"type": ["string", "null"], "description": "What to do about it."},
            },
        }
    },
}


class _Schemas:
    """The JSON schemas of dataclasses, each with the definitions that it uses."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def of(self, dataclass: type[Any], mode: JsonSchemaMode) -> dict[str, Any]:
        """Return the schema of a dataclass; what it refers to is among `found`."""
        schema = TypeAdapter(dataclass).json_schema(mode=mode, ref_template=_REFERENCES)
        self.found.update(schema.pop("$defs", {}))
        return schema

    def refer(self, dataclass: type[Any]) -> dict[str, str]:
        """Return a reference to the schema of an answer."""
        self.found[dataclass.__name__] = self.of(dataclass, "serialization")
        return {"$ref": _REFERENCES.format(model=dataclass.__name__)}


def _view(view: View, schemas: _Schemas) -> dict[str, Any]:
    return {
        "operationId": view.name,
        "summary": view.title,
        "parameters": list(_parameters(view, schemas)),
        "responses": _responses(view, schemas, (401, 403, 404, 409, 422, 503)),
    }


def _action(action: Action, schemas: _Schemas) -> dict[str, Any]:
    question = schemas.of(action.question, "validation")
    in_path = _in_path(action)
    properties = {name: each for name, each in question.get("properties", {}).items() if name not in in_path}
    body: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required := [name for name in question.get("required", []) if name in properties]:
        body["required"] = required
    token = {
        "name": TOKEN_HEADER,
        "in": "header",
        "description": "The token of a page; programs without a cookie need none.",
        "schema": {"type": "string"},
    }
    return {
        "operationId": action.name,
        "summary": action.title,
        "parameters": [*(each for each in _parameters(action, schemas) if each["in"] == "path"), token],
        "requestBody": {"required": bool(required), "content": {"application/json": {"schema": body}}},
        "responses": _responses(action, schemas, tuple(_FAILURES)),
    }


def _parameters(routed: View | Action, schemas: _Schemas) -> Iterator[dict[str, Any]]:
    schema = schemas.of(routed.question, "validation")
    in_path = _in_path(routed)
    for name, each in cast("dict[str, Any]", schema.get("properties", {})).items():
        yield {
            "name": name,
            "in": "path" if name in in_path else "query",
            "required": name in in_path or name in schema.get("required", []),
            "schema": each,
        }


def _responses(routed: View | Action, schemas: _Schemas, failures: Sequence[int]) -> dict[str, Any]:
    failure = {"application/json": {"schema": {"$ref": _REFERENCES.format(model="Failure")}}}
    answer = {"application/json": {"schema": schemas.refer(routed.answer)}}
    return {
        "200": {"description": "The answer.", "content": answer},
        **{str(status): {"description": _FAILURES[status], "content": failure} for status in failures},
    }


def _path(routed: View | Action) -> str:
    return PREFIX + _CONVERTER.sub(r"{\1}", routed.path)


def _in_path(routed: View | Action) -> set[str]:
    return set(re.findall(r"\{(\w+)", routed.path))
