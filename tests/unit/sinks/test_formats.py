"""What is said of a record, in every format and framing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.formats import Format, FormatName, FormattedSettings, framed
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Sink
from tests.unit.sinks.target import record


class Settings(FormattedSettings, frozen=True):
    """A kind of sink with nothing of its own."""

    type: str = "none"

    def open(self, name: str) -> Sink:
        raise NotImplementedError


FORMATS: tuple[FormatName, ...] = ("records", "documents", "cloudevents", "merge-patch")


def spoken(name: FormatName, **settings: Any) -> Format:
    return Settings(format=name, **settings).format_for("catalog")


def test_a_record_is_said_whole() -> None:
    assert spoken("records").encode(record(7)) == record(7).encode()


def test_a_document_is_said_as_it_is_stored() -> None:
    assert spoken("documents").encode(record(7, b'{"a": 1.10}')) == b'{"a": 1.10}'


def test_a_deleted_document_is_its_key_marked_as_deleted() -> None:
    assert json.loads(spoken("documents").encode(record(7, None))) == {"sku": "p7", "deleted": True}


def test_a_key_column_called_deleted_is_not_given_a_second_meaning() -> None:
    gone = Record("products", b'{"deleted":false, "sku":"a"}', "delete", 1, None, (), "t", None)
    with pytest.raises(SinkUnavailable, match="called deleted") as raised:
        spoken("documents").encode(gone)
    assert raised.value.hint


def test_a_document_that_only_has_deleted_in_a_value_of_its_key_is_deleted_as_any_other() -> None:
    gone = Record("products", b'{"sku":"\\"deleted\\""}', "delete", 1, None, (), "t", None)
    assert json.loads(spoken("documents").encode(gone)) == {"sku": '"deleted"', "deleted": True}


def test_a_cloud_event_has_the_attributes_of_version_1_0() -> None:
    assert json.loads(spoken("cloudevents").encode(record(7, b'{"a":1}'))) == {
        "specversion": "1.0",
        "id": "7",
        "source": "/cdc-daemon/products",
        "type": "cdc.document.upserted",
        "subject": '{"sku":"p7"}',
        "time": "2025-01-02T03:04:05.678901+00:00",
        "revision": "7",
        "datacontenttype": "application/json",
        "data": {"a": 1},
    }


def test_a_cloud_event_of_a_delete_has_no_data() -> None:
    event = json.loads(spoken("cloudevents").encode(record(7, None)))
    assert (event["type"], event["subject"]) == ("cdc.document.deleted", '{"sku":"p7"}')
    assert not {"data", "datacontenttype"} & set(event)


def test_a_replayed_event_is_another_event_of_the_same_revision() -> None:
    event = json.loads(spoken("cloudevents").encode(replace(record(7), snapshot=12)))
    assert (event["id"], event["revision"], event["snapshot"]) == ("7-12", "7", "12")


def test_a_patch_stands_in_the_place_of_the_document_where_it_is_known_what_the_target_has() -> None:
    known = replace(record(7, b'{"a":1.10,"b":2}'), previous=(b'{"a":1.1,"b":2}', b'{"a":1.10,"c":0}'))
    said = json.loads(spoken("merge-patch").encode(known), parse_float=str)
    assert list(said) == ["feed", "key", "op", "revision", "hash", "changed", "captured_at", "patch"]
    assert said["patch"] == {"a": "1.10", "b": 2, "c": None}


@pytest.mark.parametrize(
    "whole",
    [
        record(7),
        record(7, None),
        replace(record(7, None), previous=(b"{}",)),
        replace(record(7, b'{"a":null}'), previous=(b"{}",)),
    ],
    ids=["nothing is known", "a delete", "a delete of what is known", "a new null"],
)
def test_what_is_no_patch_is_said_as_in_records(whole: Record) -> None:
    assert spoken("merge-patch").encode(whole) == whole.encode()


def test_only_patches_want_what_the_target_has() -> None:
    assert [name for name in FORMATS if spoken(name).wants_previous] == ["merge-patch"]


def test_the_source_of_events_is_the_one_that_is_set() -> None:
    event = spoken("cloudevents", event_source="//shop.example/{sink}/{feed}").encode(record(7))
    assert json.loads(event)["source"] == "//shop.example/catalog/products"


@pytest.mark.parametrize("source", ["", "a b", "a{key}", "ä"])
def test_a_source_that_is_no_uri_reference_is_refused(source: str) -> None:
    with pytest.raises(ValidationError):
        spoken("cloudevents", event_source=source)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("digits", [b"1.10", b"12345678901234567890.0123456789", b"1E+400", b"-0.0"])
def test_the_digits_of_a_number_stay_in_every_format(name: FormatName, digits: bytes) -> None:
    assert b'"price":%s}' % digits in spoken(name).encode(record(1, b'{"price":%s}' % digits))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_said_is_one_line(name: FormatName) -> None:
    said = spoken(name).encode(record(1, b'{"rows":[1, \n 2],\r\n"b":"\\n"}'))
    assert b"\n" not in said
    assert b"\r" not in said
    assert b'"rows":[1' in said
    assert b'"b":"\\n"' in said


def test_several_are_an_array_or_lines() -> None:
    assert framed([b'{"a":1}', b'{"b":2}'], "array") == b'[{"a":1},{"b":2}]'
    assert framed([b'{"a":1}', b'{"b":2}'], "ndjson") == b'{"a":1}\n{"b":2}\n'


def test_the_media_type_is_that_of_format_and_framing() -> None:
    assert {name: spoken(name).content_type("array") for name in FORMATS} == {
        "records": "application/json",
        "documents": "application/json",
        "cloudevents": "application/cloudevents-batch+json",
        "merge-patch": "application/json",
    }
    assert {spoken(name).content_type("ndjson") for name in FORMATS} == {"application/x-ndjson"}
    assert spoken("cloudevents").media_type == "application/cloudevents+json"


@pytest.mark.parametrize(
    ("items", "array", "lines"),
    [
        ([], b"[]", b""),
        ([b"1"], b"[1]", b"1\n"),
        ([b"1", b"2"], b"[1,2]", b"1\n2\n"),
        ([b"1", b"2", b"3"], b"[1,2,3]", b"1\n2\n3\n"),
    ],
)
def test_any_number_is_framed(items: list[bytes], array: bytes, lines: bytes) -> None:
    assert (framed(items, "array"), framed(items, "ndjson")) == (array, lines)
