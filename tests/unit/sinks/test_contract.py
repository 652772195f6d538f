"""The sinks that write records as they are: what arrives is what is documented, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cdc_daemon.sinks.batches import split
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.sink import Sink
from tests.receivers.http import Target
from tests.unit.sinks.target import record


@dataclass
class Case:
    sink: Sink
    _texts: Callable[[], list[bytes]]
    _seen: list[bytes] = field(default_factory=list)

    def arrived(self) -> list[dict[str, Any]]:
        """Every record that the target has, with the digits of numbers as they came."""
        return [json.loads(text, parse_float=str, parse_int=str) for text in self._texts()]


@pytest.fixture(params=("file", "http", "stdout"))
def case(
    request: pytest.FixtureRequest, tmp_path: Path, target: Target, capfdbinary: pytest.CaptureFixture[bytes]
) -> Iterator[Case]:
    shared = {"type": request.param, "batch_records": 3, "batch_bytes": 1000}
    printed: list[bytes] = []

    def stdout() -> list[bytes]:
        printed.append(capfdbinary.readouterr().out)
        return b"".join(printed).splitlines()

    def file() -> list[bytes]:
        return (tmp_path / "made" / "products.ndjson").read_bytes().splitlines()

    def http() -> list[bytes]:
        # A record begins where the key `feed` stands: enough to cut the array without parsing numbers.
        return [
            b'{"feed"' + piece
            for r in target.requests
            for piece in r.body[1:-1].replace(b',{"feed"', b"\n").replace(b'{"feed"', b"").split(b"\n")
        ]

    own: dict[str, dict[str, object]] = {
        "stdout": {},
        "file": {"path": str(tmp_path / "made" / "{feed}.ndjson")},
        "http": {"url": target.url},
    }
    texts = {"stdout": stdout, "file": file, "http": http}[request.param]
    sink = SINKS[request.param].model_validate(shared | own[request.param]).open("target")
    yield Case(sink, texts)
    sink.close()


def test_every_record_arrives_in_order(case: Case) -> None:
    records = [record(number, b'{"n":%d}' % number) for number in range(1, 11)]
    for batch in split(records, case.sink.batch_records, case.sink.batch_bytes):
        case.sink.deliver("products", batch)
    assert [(r["key"]["sku"], r["revision"]) for r in case.arrived()] == [
        (f"p{number}", str(number)) for number in range(1, 11)
    ]


def test_changes_of_one_key_keep_their_order(case: Case) -> None:
    for revision in (1, 2, 3):
        latest = Record("products", b'{"sku":"a"}', "upsert", revision, "00", ("n",), "t", b"{}")
        case.sink.deliver("products", [latest])
    assert [r["revision"] for r in case.arrived()] == ["1", "2", "3"]


def test_a_record_has_exactly_the_documented_fields_in_their_order(case: Case) -> None:
    case.sink.deliver("products", [record(7, b'{"a":1}')])
    (arrived,) = case.arrived()
    assert list(arrived.items()) == [
        ("feed", "products"),
        ("key", {"sku": "p7"}),
        ("op", "upsert"),
        ("revision", "7"),
        ("hash", "00" * 32),
        ("changed", ["a"]),
        ("captured_at", "2025-01-02T03:04:05.678901+00:00"),
        ("data", {"a": "1"}),
    ]


def test_a_delete_has_no_document_and_no_hash(case: Case) -> None:
    case.sink.deliver("products", [record(7, None)])
    (arrived,) = case.arrived()
    assert (arrived["op"], arrived["data"], arrived["hash"], arrived["changed"]) == ("delete", None, None, [])


@pytest.mark.parametrize("digits", ["1.10", "12345678901234567890.0123456789", "1E+400", "-0.0", "0.000"])
def test_the_digits_of_a_number_stay(case: Case, digits: str) -> None:
    case.sink.deliver("products", [record(1, b'{"price": %s}' % digits.encode())])
    (arrived,) = case.arrived()
    assert arrived["data"] == {"price": digits}


@pytest.mark.parametrize("text", ["Größe 😀", "a\u2028b", 'tab\tend\nquote"\\', "\u0000"])
def test_text_stays(case: Case, text: str) -> None:
    document = json.dumps({"name": text}, ensure_ascii=False).encode()
    case.sink.deliver("products", [record(1, document)])
    (arrived,) = case.arrived()
    assert arrived["data"] == {"name": text}


def test_white_space_between_tokens_makes_no_second_line(case: Case) -> None:
    case.sink.deliver("products", [record(1, b'{"rows":[{"a":1}, \n {"a":2}],\r\n"b":"\\n"}')])
    (arrived,) = case.arrived()
    assert arrived["data"] == {"rows": [{"a": "1"}, {"a": "2"}], "b": "\n"}


def test_a_document_larger_than_a_batch_goes_alone(case: Case) -> None:
    large = b'{"t":"%s"}' % (b"x" * 300_000)
    records = [record(1), record(2, large), record(3)]
    batches = list(split(records, case.sink.batch_records, case.sink.batch_bytes))
    assert [len(batch) for batch in batches] == [1, 1, 1]
    for batch in batches:
        case.sink.deliver("products", batch)
    assert [len(r["data"].get("t", "")) for r in case.arrived()] == [0, 300_000, 0]


def test_a_closed_sink_delivers_again(case: Case) -> None:
    case.sink.deliver("products", [record(1)])
    case.sink.close()
    case.sink.close()
    case.sink.deliver("products", [record(2)])
    assert [r["revision"] for r in case.arrived()] == ["1", "2"]


def test_the_settings_are_those_of_the_sink(case: Case) -> None:
    assert (case.sink.name, case.sink.batch_records, case.sink.batch_bytes) == ("target", 3, 1000)
    assert case.sink.timeout_seconds == 30.0
