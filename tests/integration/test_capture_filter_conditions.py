"""Capture takes the rows that a query's own condition takes, for every type and operator that moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bed import Bed
from tests.support.filtered_shop import (
    Connect,
    Session,
)
from tests.support.planted import plant

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

TYPES = """
CREATE TYPE mood AS ENUM ('calm', 'sad');
CREATE DOMAIN whole AS int;
CREATE DOMAIN word AS varchar(9) CHECK (value <> 'never');
CREATE DOMAIN word_of_words AS word;
CREATE DOMAIN feeling AS mood;
CREATE TABLE item (
    id int PRIMARY KEY, note text, i int, s smallint, b bigint, n numeric, t text, v varchar(9), c char(4),
    f boolean, u uuid, d date, ts timestamp, tz timestamptz, m mood, di whole, dv word, ds word_of_words,
    dm feeling, j json
);
"""


VALUES = {
    "i": ("NULL", "1", "2", "-1", "73"),
    "s": ("NULL", "1", "2", "-1", "73"),
    "b": ("NULL", "1", "5000000000", "-1", "2"),
    "n": ("NULL", "1", "1.00", "'NaN'", "-1.5"),
    "t": ("NULL", "'x'", "'X'", "''", r"'a\b'"),
    "v": ("NULL", "'x'", "'x '", "'it''s'", "'y'"),
    "c": ("NULL", "'x'", "'x '", "'abcd'", "'y'"),
    "f": ("NULL", "true", "false", "true", "false"),
    "u": ("NULL", *(f"'00000000-0000-0000-0000-00000000000{n}'" for n in range(4))),
    "d": ("NULL", "'2024-01-01'", "'2024-01-02'", "'infinity'", "'2023-12-31'"),
    "ts": ("NULL", "'2024-01-01'", "'2024-01-01 00:00:00.000001'", "'-infinity'", "'2023-01-01'"),
    "tz": ("NULL", "'2024-01-01 00:00+00'", "'2023-12-31 23:59+00'", "'infinity'", "'2024-01-01 01:00+02'"),
    "m": ("NULL", "'calm'", "'sad'", "'calm'", "'sad'"),
    "di": ("NULL", "1", "2", "-1", "73"),
    "dv": ("NULL", "'x'", "'x '", "'it''s'", "'y'"),
    "ds": ("NULL", "'x'", "'x '", "'it''s'", "'y'"),
    "dm": ("NULL", "'calm'", "'sad'", "'calm'", "'sad'"),
    "j": ("NULL", "'{}'", "'1'", "'null'", "'[]'"),
}
"""Per column its values in the rows, one after the other."""


MOVED = [
    "i = 73", "73 = i", "i <> 1", "i < 2", "2 > i", "i IN (1, 73)", "i NOT IN (1, 73)", "i = -1",
    "i BETWEEN 0 AND 2", "i NOT BETWEEN 0 AND 2", "NOT (i = 1)", "NOT (i IN (1, 2) OR s IS NULL)",
    "i IS NULL", "i IS NOT NULL", "s = 1", "s IN (1, 2)", "s > 40000", "b = 5000000000",
    "b IN (1, 5000000000)", "b = 1",
    "n = 1", "n = 1.000", "n IN (1, -1.5)", "n > 1.5", "n = 'NaN'", "n < 'NaN'", "t = 'x'", "t <> 'x'",
    "t = ''", r"t = 'a\b'", "t >= 'X'", "v = 'x'", "v = 'it''s'", "v IN ('x', 'y')", "v <> 'x'", "c = 'x'",
    "c IN ('x ', 'abcd')", "f", "NOT f", "f = true", "f IS NULL",
    "u = '00000000-0000-0000-0000-000000000001'",
    "d = '2024-01-01'", "d > '2024-01-01'", "d IN ('2024-01-01', 'infinity')", "ts > '2024-01-01'",
    "ts = '-infinity'", "tz >= '2024-01-01 00:00+00'", "m IS NULL", "j IS NOT NULL",
    "m = 'calm'", "'calm' <> m", "m IN ('calm', 'sad')", "m NOT IN ('sad')", "NOT (m = 'sad')",
    "di = 73", "di IN (1, 73)", "di > 1", "dv = 'x'", "dv <> 'it''s'", "ds IN ('x', 'y')",
    "(i = 1 AND t = 'x') OR (i = 2 AND f IS NOT NULL) OR d IS NULL",
]  # fmt: skip


NOT_MOVED = [
    "m > 'calm'", "m::text = 'calm'", "dm::mood = 'calm'",
    "tz >= DATE '2024-01-01'", "lower(t) = 'x'", "t LIKE 'x'", "i + 1 = 2",
    "i IS DISTINCT FROM 1",
    "t = 'x' COLLATE \"C\"", "i = 1 OR i = id", "j::text = '1'",
]  # fmt: skip


def fill(session: Session) -> None:
    session.execute(TYPES)
    for number, row in enumerate(zip(*VALUES.values(), strict=True)):
        session.execute(f"INSERT INTO item VALUES ({number}, 'old', {', '.join(row)})".encode())


@pytest.mark.parametrize("condition", [*MOVED, *NOT_MOVED])
def test_capture_takes_the_rows_that_the_query_s_own_condition_takes(
    condition: str, connect: Connect, database: str, tmp_path: Path
) -> None:
    shop = connect()
    fill(shop)
    daemon = Bed(tmp_path, database)
    daemon.add_feed("items", f"SELECT id, note FROM item WHERE {condition}", key=["id"])
    daemon.install()
    # What a session of the application may have set.
    shop.execute(
        "SET standard_conforming_strings = off; SET backslash_quote = on; SET DateStyle = 'German, DMY';"
        "SET TimeZone = 'Pacific/Kiritimati'; SET IntervalStyle = iso_8601; SET escape_string_warning = off"
    )
    shop.execute("UPDATE item SET note = 'new'")
    captured = shop.execute("SELECT unnest(id) FROM cdc.changelog_public_item ORDER BY 1").fetchall()
    shop.execute("RESET ALL")
    wanted = "true" if condition in NOT_MOVED else condition
    assert captured == shop.execute(f"SELECT id FROM item WHERE {wanted} ORDER BY 1".encode()).fetchall()
    unknown = shop.execute("SELECT count(*) FROM cdc.changelog_public_item WHERE rows IS NULL").fetchone()
    assert unknown == (0,)


def test_what_a_writer_plants_in_its_search_path_is_never_called(
    connect: Connect, database: str, tmp_path: Path
) -> None:
    shop = connect()
    fill(shop)
    daemon = Bed(tmp_path, database)
    for number, condition in enumerate(MOVED):
        daemon.add_feed(f"f{number}", f"SELECT id, note FROM item WHERE {condition}", key=["id"])
    daemon.install()
    plant(shop)
    shop.execute("SET search_path = evil, pg_catalog, public")
    shop.execute("SELECT 1 = 1, 1 IN (1, 2)")
    assert shop.execute("SELECT count(*) OPERATOR(pg_catalog.>) 0 FROM evil.called").fetchone() is not None
    shop.execute("TRUNCATE evil.called")
    shop.execute("UPDATE item SET note = 'new'; INSERT INTO item VALUES (77, 'n', 73); DELETE FROM item")
    shop.execute("RESET search_path")
    assert shop.execute("SELECT what FROM evil.called").fetchall() == []
    unknown = shop.execute("SELECT count(*) FROM cdc.changelog_public_item WHERE rows IS NULL").fetchone()
    assert unknown == (0,)
    assert daemon.uninstall() == []
