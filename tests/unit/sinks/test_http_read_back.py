"""The HTTP sink asks `verify_url` for what the receiver holds, page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from cdc_daemon.errors import CannotReadBack, SinkUnavailable
from cdc_daemon.sinks.http import HttpSettings
from cdc_daemon.sinks.http.sink import HttpSink
from cdc_daemon.sinks.read_back import Held
from tests.receivers.http import Target, answer, serving


@pytest.fixture
def target() -> Iterator[Target]:
    yield from serving(None)


def sink(target: Target) -> HttpSink:
    url = f"http://127.0.0.1:{target.port}"
    settings = HttpSettings.model_validate(
        {"type": "http", "url": f"{url}/{{feed}}", "verify_url": f"{url}/{{feed}}/held?all=1", "token": "t"}
    )
    return settings.open("catalog")


def page(documents: list[object], following: str | None) -> bytes:
    return json.dumps({"documents": documents, "next": following}).encode()


def test_every_page_is_asked_for_and_each_document_comes_with_its_hash(target: Target) -> None:
    target.script.append(answer(200, page([{"key": {"sku": "a"}, "revision": 5, "hash": "aa"}], "x&1")))
    target.script.append(answer(200, page([{"key": {"sku": "b"}, "revision": 6, "hash": "bb"}], None)))
    pages = list(sink(target).read_back("items", ("sku",)))
    assert pages == [
        [Held('{"sku":"a"}', 5, None, hash="aa", key='{"sku":"a"}')],
        [Held('{"sku":"b"}', 6, None, hash="bb", key='{"sku":"b"}')],
    ]
    assert [request.path for request in target.requests] == [
        "/items/held?all=1",
        "/items/held?all=1&after=x%261",
    ]
    assert target.requests[0].headers["Authorization"] == "Bearer t"


@pytest.mark.parametrize("body", [b"[]", b"no", b'{"documents": [{}]}', b'{"documents": 5}'])
def test_an_answer_of_another_form_is_told(target: Target, body: bytes) -> None:
    target.script.append(answer(200, body))
    with pytest.raises(SinkUnavailable, match="something else than a page of documents"):
        list(sink(target).read_back("items", ("sku",)))


def test_a_page_that_leads_to_itself_ends(target: Target) -> None:
    target.script.extend([answer(200, page([], "x")), answer(200, page([], "x"))])
    with pytest.raises(SinkUnavailable, match="names the same page again"):
        list(sink(target).read_back("items", ("sku",)))


def test_without_verify_url_it_can_not_be_read_back(target: Target) -> None:
    settings = HttpSettings.model_validate({"type": "http", "url": f"http://127.0.0.1:{target.port}/"})
    with pytest.raises(CannotReadBack, match="can't be read back"):
        list(settings.open("catalog").read_back("items", ("sku",)))


def test_credentials_go_to_the_origin_of_url_alone() -> None:
    given = {"type": "http", "url": "https://a.test/", "verify_url": "https://b.test/held"}
    with pytest.raises(ValidationError, match="at the origin of url"):
        HttpSettings.model_validate(given)
