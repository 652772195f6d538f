"""What a person may set for a sink, and how a fault is said."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.settings import SinkSettings


@pytest.mark.parametrize("kind", sorted(SINKS))
def test_every_setting_is_described_with_its_unit(kind: str) -> None:
    for name, field in SINKS[kind].model_fields.items():
        assert field.description, name
        unit = name.rpartition("_")[2]
        if unit in {"seconds", "bytes", "records"}:
            assert f"in {unit}" in field.description, name


@pytest.mark.parametrize("kind", sorted(SINKS))
def test_every_kind_is_registered_under_its_own_type(kind: str) -> None:
    assert SINKS[kind].model_fields["type"].default == kind
    assert issubclass(SINKS[kind], SinkSettings)


@pytest.mark.parametrize(
    ("kind", "given", "field", "rule"),
    [
        (
            "file",
            {"path": "out/{fed}.ndjson"},
            "path",
            "unknown placeholder {fed}; known are {feed} and {sink}",
        ),
        ("file", {"path": "out/{feed!r}"}, "path", "unknown placeholder {feed!r}"),
        ("file", {"path": "out/{feed.x}"}, "path", "unknown placeholder {feed.x}"),
        ("file", {"path": "out/{}"}, "path", "unknown placeholder {}"),
        ("file", {"path": "out/{feed"}, "path", "brace is not closed"),
        ("file", {"path": ""}, "path", "at least 1 character"),
        ("file", {}, "path", "Field required"),
        ("file", {"path": "a", "batch_records": 0}, "batch_records", "greater than or equal to 1"),
        ("file", {"path": "a", "timeout_seconds": 0}, "timeout_seconds", "greater than 0"),
        ("file", {"path": "a", "paths": "b"}, "paths", "Extra inputs are not permitted"),
        ("stdout", {"path": "a"}, "path", "Extra inputs are not permitted"),
        ("http", {"url": "ftp://a/"}, "url", "must begin with https:// or http://"),
        ("http", {"url": "https:///a"}, "url", "and a host"),
        ("http", {"url": "https://a/{x}"}, "url", "unknown placeholder {x}"),
        ("http", {"url": "https://me:hush@a/"}, "url", "must not hold a user or password"),
        ("http", {"url": "https://a/#part"}, "url", "fragment"),
        ("http", {"url": "https://a/b c"}, "url", "percent-encode"),
        ("http", {"url": "https://a:99999/"}, "url", "Port out of range"),
        ("http", {"url": "https://a/", "token": "two words"}, "token", "one word of ASCII"),
        ("http", {"url": "https://a/", "token": "a\r\nX: y"}, "token", "one word of ASCII"),
        ("http", {"url": "https://a/", "headers": {"a b": "c"}}, "headers", "can't be the name of a header"),
        ("http", {"url": "https://a/", "headers": {"a": "b\nc"}}, "headers", "the value of a has a line end"),
        (
            "http",
            {"url": "https://a/", "headers": {"HOST": "b"}},
            "headers",
            "HOST is set by the sink itself",
        ),
        (
            "http",
            {"url": "https://a/", "token": "t", "headers": {"authorization": "b"}},
            "",
            "must not have token beside the header Authorization: set one",
        ),
        ("http", {"url": "https://a/", "user": "me"}, "", "must have user and password"),
        ("http", {"url": "https://a/", "password": "p"}, "", "must have user and password"),
        ("http", {"url": "https://a/", "user": "a:b", "password": "p"}, "user", "must not have a colon"),
        (
            "http",
            {"url": "https://a/", "token": "t", "user": "me", "password": "p"},
            "",
            "must not have token beside user and password: set one",
        ),
        ("http", {"url": "https://a/", "oauth2_client_id": "c"}, "", "oauth2_client_secret, or none"),
        ("http", {"url": "https://a/", "oauth2_token_url": "a"}, "oauth2_token_url", "must begin with https"),
        ("http", {"url": "https://a/", "headers": "a b"}, "headers", "must have `Name: value` on every line"),
        ("http", {"url": "https://a/", "headers": {"Webhook-Id": "1"}}, "headers", "set by the sink itself"),
        ("http", {"url": "https://a/", "format": "xml"}, "format", "'records', 'documents'"),
        ("http", {"url": "https://a/", "compression": "lz4"}, "compression", "'none', 'gzip' or 'zstd'"),
        ("http", {"url": "https://a/", "framing": "csv"}, "framing", "'array' or 'ndjson'"),
        ("http", {"url": "https://a/", "in_flight": 0}, "in_flight", "greater than or equal to 1"),
        ("http", {"url": "https://a/", "requests_per_second": 0}, "requests_per_second", "greater than 0"),
        ("http", {"url": "https://a/", "requests_per_second": 0.03}, "", "begin within timeout_seconds"),
    ],
)
def test_a_fault_names_the_field_and_the_rule(
    kind: str, given: dict[str, Any], field: str, rule: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        SINKS[kind].model_validate({"type": kind, **given})
    (error,) = raised.value.errors()
    assert ".".join(map(str, error["loc"])) == field
    assert rule in error["msg"]


def test_the_text_of_a_fault_does_not_repeat_a_secret() -> None:
    with pytest.raises(ValidationError) as raised:
        SINKS["http"].model_validate({"type": "http", "url": "https://me:hush@a/", "token": "hush hush"})
    assert "hush" not in str(raised.value)


def test_braces_may_be_doubled_to_stand_for_themselves() -> None:
    SINKS["file"].model_validate({"type": "file", "path": "out/{{x}}/{feed}"})
