"""The API, asked at random by its own OpenAPI document, answers as the document says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from cdc_daemon.dashboard.api import PREFIX
from cdc_daemon.dashboard.application import dashboard
from cdc_daemon.dashboard.asking import Sources
from cdc_daemon.dashboard.routes import ACTIONS, VIEWS
from cdc_daemon.settings.http import WebSettings
from tests.dashboard.conftest import HERE

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

EXAMPLES = hypothesis.settings().max_examples // 10
"""Requests of each kind; `make test-nightly` makes many more."""

KNOWN = {"feed": "items", "sink": "file", "key": '{"id":1}', "number": "1"}
"""Parts of paths that exist: a random name finds a feed hardly ever."""


@pytest.fixture(scope="module")
def schema(sources: Sources) -> OpenApiSchema:
    """The document of a small shop's dashboard, with every right; the dashboard is called in this process."""
    settings = sources.settings.model_copy(update={"http": WebSettings(actions=True)})
    served = dashboard(replace(sources, current=lambda: settings))
    return schemathesis.openapi.from_asgi(f"{PREFIX}/openapi.json", served, headers=_HEADERS)


@pytest.mark.parametrize("name", [each.name for each in (*VIEWS, *ACTIONS)])
def test_the_api_answers_as_its_document_says(schema: OpenApiSchema, name: str) -> None:
    operation = schema.find_operation_by_id(name)
    parts = {part.name for part in operation.path_parameters}
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        for known in ({}, {part: KNOWN[part] for part in parts}) if parts else ({},):
            _ask(operation, mode, known)


_SLOW_OR_RARE = (
    hypothesis.HealthCheck.too_slow,
    hypothesis.HealthCheck.filter_too_much,
    hypothesis.HealthCheck.data_too_large,
    hypothesis.HealthCheck.large_base_example,
)
"""What hypothesis would complain about: a request takes some milliseconds, few names are names of feeds."""

_HEADERS = {"Host": HERE.removeprefix("http://")}


def _ask(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, known: dict[str, str]) -> None:
    strategy = operation.as_strategy(generation_mode=mode, path_parameters=known or None)

    @hypothesis.given(case=strategy)
    @hypothesis.settings(max_examples=EXAMPLES, suppress_health_check=_SLOW_OR_RARE, deadline=None)
    def ask(case: schemathesis.Case[Any]) -> None:
        case.validate_response(case.call(headers=_HEADERS), checks=CHECKS)

    try:
        ask()
    except Unsatisfiable:
        assert mode == GenerationMode.NEGATIVE  # a question without values can't be asked wrongly
