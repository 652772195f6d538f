"""`estimate` as people and programs read it: a table, JSON as documented."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from click.testing import CliRunner, Result

from cdc_daemon.cli import main
from cdc_daemon.cli.estimate_text import count, seconds, size
from cdc_daemon.estimate.arithmetic import Range

REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"
SHOP = """
CREATE TABLE product (id integer PRIMARY KEY, sku text NOT NULL UNIQUE);
INSERT INTO product SELECT n, 'sku-' || n FROM generate_series(1, 300) AS n;
"""

Connect = Callable[..., psycopg.Connection[tuple[Any, ...]]]
Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, database: str, connect: Connect) -> Call:
    connect().execute(SHOP)
    (tmp_path / "feed.sql").write_text("SELECT p.id, p.sku FROM product AS p")
    (tmp_path / "dsn").write_text(database)
    (tmp_path / "cdc.toml").write_text(
        """
        [database]
        dsn_file = "dsn"
        [feeds.first]
        query = "feed.sql"
        key = ["sku"]
        [feeds.second]
        query = "feed.sql"
        key = ["sku"]
        sinks = ["catalog"]
        [feeds.third]
        query = "feed.sql"
        key = ["sku"]
        sinks = []
        [sinks.catalog]
        type = "http"
        url = "http://127.0.0.1:9/{feed}"
        batch_records = 10
        requests_per_second = 0.1
        [sinks.out]
        type = "file"
        path = "out/{feed}.ndjson"
        """
    )

    def _call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--config", str(tmp_path / "cdc.toml"), *arguments])

    return _call


def fields(value: object, path: str = "") -> Iterator[str]:
    """The paths of all fields, as the reference writes them; feeds and sinks are one as the other."""
    if not isinstance(value, dict):
        yield path
        return
    named = path.rpartition(".")[2] in {"feeds", "sinks"}
    for name, each in value.items():
        yield from fields(each, f"{path}.{'NAME' if named else name}".lstrip("."))


def documented() -> set[str]:
    section = REFERENCE.read_text("utf-8").split("### `cdc-daemon estimate", 1)[1].split("\n### ", 1)[0]
    ranges = {"bytes", "requests", "recompute_seconds", "delivery_seconds", "seconds"}
    found: set[str] = set()
    for line in section.splitlines():
        if not re.match(r"\| (feeds\.|sinks\.|recompute_)", line):
            continue
        first, *others = line.split("|")[1].strip().split(", ")
        parent = first.rpartition(".")[0]
        for path in (first, *(parent + other for other in others)):
            if path.rpartition(".")[2] in ranges:
                found |= {f"{path}.{end}" for end in ("low", "likely", "high")}
            else:
                found.add(path)
    return found


def test_the_json_has_the_fields_that_the_reference_lists(call: Call) -> None:
    told = set(fields(orjson.loads(call("estimate", "--json").stdout)))
    # A sink without a rate has null there.
    told -= {path for path in told if path.endswith(".delivery_seconds")}
    assert told == documented()


def test_the_table_has_a_row_for_each_feed_and_sink_and_one_for_all_that_a_sink_gets(call: Call) -> None:
    rows = [line.split() for line in call("estimate").stdout.splitlines()]
    assert rows[0] == ["feed", "documents", "bytes", "recompute", "sink", "requests", "time"]
    found = [(row[0], row[-4:]) for row in rows[1:] if "catalog" in row]
    assert found == [
        ("first", ["catalog", "31", "5.2", "min"]),
        ("second", ["catalog", "31", "5.2", "min"]),
        ("all", ["catalog", "62", "10", "min"]),
    ]
    (third,) = (row for row in rows if row[0] == "third")
    assert third[1] == "300"
    assert third[-3:] == ["-", "-", "-"]
    assert [row[0] for row in rows[1:]] == ["first", "out", "second", "third", "all", "all"]


def test_of_one_feed_there_is_no_sum(call: Call) -> None:
    result = call("estimate", "second")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["feed", "second"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Range.exactly(0), "0 B"),
        (Range.exactly(999), "999 B"),
        (Range(1_210, 1_240, 1_300), "1.2 kB (1.2–1.3)"),
        (Range(9_940_000, 9_990_000, 1e7), "10 MB (9.9–10)"),
        (Range.exactly(123_456_789_000), "123 GB"),
    ],
)
def test_bytes_have_two_digits_or_all_before_the_point_and_a_range_in_the_same_unit(
    number: Range, text: str
) -> None:
    assert size(number) == text


def test_times_and_numbers_are_written_likewise() -> None:
    assert seconds(Range.exactly(200)) == "3.3 min"
    assert seconds(Range(0.0051, 0.0102, 0.02)) == "10 ms (5.1–20)"
    assert seconds(Range.exactly(0)) == "0 ms"
    assert count(Range(1000, 1000, 1250)) == "1,000 (1,000–1,250)"
