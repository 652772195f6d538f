"""The postgres sink beyond what all sinks promise: its tables, its cursor, its tombstones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cdc_daemon.errors import RecordsRefused, SinkUnavailable
from cdc_daemon.sinks.record import Record
from tests.receivers.kinds import unique
from tests.receivers.postgres import PostgresReceiver
from tests.receivers.records import FEED, delete, upsert


@pytest.fixture
def receiver() -> Iterator[PostgresReceiver]:
    made = PostgresReceiver(unique())
    yield made
    made.close()


@pytest.fixture
def target(receiver: PostgresReceiver) -> Iterator[psycopg.Connection]:
    with receiver.connect() as connection:
        yield connection


def test_what_was_committed_can_be_checked_against_its_hash(
    receiver: PostgresReceiver, target: psycopg.Connection
) -> None:
    document = b'{"price": 1.10,\n "name": "Gr\xc3\xb6\xc3\x9fe"}'
    record = replace(upsert("a", 1, document), hash=hashlib.sha256(document).hexdigest())
    receiver.sink().deliver(FEED, [record])
    query = "SELECT encode(sha256(convert_to(document::text, 'UTF8')), 'hex') = hash FROM products"
    assert target.execute(query).fetchall() == [(True,)]


def test_the_cursor_is_committed_with_the_documents(
    receiver: PostgresReceiver, target: psycopg.Connection
) -> None:
    sink = receiver.sink()
    sink.deliver(FEED, [upsert("a", 7), upsert("b", 5)])
    assert target.execute("SELECT sink, feed, revision FROM cdc_cursor").fetchall() == [("target", FEED, 7)]
    target.execute("ALTER TABLE products ADD CHECK (document->>'name' <> 'no') NOT VALID")
    with pytest.raises(RecordsRefused) as raised:
        sink.deliver(FEED, [upsert("c", 9), upsert("d", 10, b'{"name":"no"}')])
    assert raised.value.status == "23514"
    sink.close()
    assert target.execute("SELECT revision FROM cdc_cursor").fetchall() == [(7,)]
    assert target.execute("SELECT count(*) FROM products").fetchone() == (2,)


def test_what_comes_again_writes_no_row(receiver: PostgresReceiver, target: psycopg.Connection) -> None:
    sink = receiver.sink()
    records = [upsert("a", 1), delete("b", 2)]
    rows = "SELECT xmin, ctid FROM products UNION ALL SELECT xmin, ctid FROM products_deleted"
    sink.deliver(FEED, records)
    before = target.execute(rows).fetchall()
    sink.deliver(FEED, records)
    sink.close()
    assert target.execute(rows).fetchall() == before


def test_a_record_of_a_snapshot_is_written_also_at_the_same_revision(
    receiver: PostgresReceiver, target: psycopg.Connection
) -> None:
    sink = receiver.sink()
    sink.deliver(FEED, [upsert("a", 1)])
    sink.deliver(FEED, [replace(upsert("b", 9), last_snapshot=5)])  # of after that snapshot
    target.execute("UPDATE products SET document = '{}'")
    sink.deliver(FEED, [replace(upsert("a", 1), snapshot=5), replace(upsert("b", 3), snapshot=5)])
    sink.close()
    assert receiver.documents(FEED) == {'{"sku": "a"}': {"name": "a 1"}, '{"sku": "b"}': {}}


def test_a_daemon_that_was_suspended_in_a_send_waits_for_the_other_and_revives_nothing(
    receiver: PostgresReceiver, target: psycopg.Connection
) -> None:
    sink, suspended = receiver.sink(), receiver.sink()
    sink.deliver(FEED, [upsert("a", 1)])
    suspended.deliver(FEED, [])
    with receiver.connect() as other, other.transaction(), ThreadPoolExecutor() as pool:
        # Holds what a delivery holds, so that both sends are under way at the same time.
        other.execute("SELECT FROM cdc_cursor FOR UPDATE")
        deletion = pool.submit(sink.deliver, FEED, [delete("a", 2)])
        _await_waiting(target, 1)
        late = pool.submit(suspended.deliver, FEED, [upsert("a", 1)])
        _await_waiting(target, 2)
        other.execute("COMMIT")
        deletion.result()
        late.result()
    sink.close()
    suspended.close()
    assert receiver.documents(FEED) == {}


def _await_waiting(target: psycopg.Connection, sessions: int) -> None:
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    for _ in range(10_000):
        if target.execute(query).fetchone() == (sessions,):
            return
    raise AssertionError(f"{sessions} sessions never waited")


def test_tables_may_be_made_before_by_somebody_with_more_rights(
    receiver: PostgresReceiver, target: psycopg.Connection
) -> None:
    receiver.sink().deliver(FEED, [upsert("a", 1)])
    role = unique()
    target.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'".encode())
    try:
        target.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        for table in ("products", "products_deleted", "cdc_cursor"):
            target.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}".encode())
        dsn = make_conninfo(str(receiver.settings()["dsn"]), user=role, password=role)
        sink = receiver.sink(dsn=dsn)
        sink.deliver(FEED, [upsert("a", 2)])
        sink.close()
        other = receiver.sink(dsn=dsn, table="other")
        with pytest.raises(SinkUnavailable, match="permission denied") as raised:
            other.deliver(FEED, [upsert("a", 2)])
        assert "grant" in str(raised.value.hint)
        other.close()
    finally:
        target.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
    assert receiver.documents(FEED) == {'{"sku": "a"}': {"name": "a 2"}}


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ("ALTER TABLE products DROP COLUMN hash", "lacks a column"),
        ("ALTER TABLE products DROP CONSTRAINT products_pkey", "primary key"),
        ("ALTER TABLE products ALTER hash TYPE int USING 1", "another type"),
        ("DROP TABLE products", "make the table"),
    ],
)
@pytest.mark.parametrize("records", [[], [upsert("a", 2)]])
def test_a_table_that_is_not_as_the_sink_needs_it_is_said(
    receiver: PostgresReceiver, target: psycopg.Connection, change: str, hint: str, records: list[Record]
) -> None:
    receiver.sink().deliver(FEED, [upsert("a", 1)])
    target.execute(change.encode())
    with pytest.raises(SinkUnavailable) as raised:
        receiver.sink(create=False).deliver(FEED, records)
    assert hint in str(raised.value.hint)


def test_a_table_that_was_dropped_while_the_sink_ran_is_made_again(
    receiver: PostgresReceiver, target: psycopg.Connection
) -> None:
    sink = receiver.sink()
    sink.deliver(FEED, [upsert("a", 1)])
    target.execute("DROP TABLE products")
    with pytest.raises(SinkUnavailable):
        sink.deliver(FEED, [upsert("b", 2)])
    sink.deliver(FEED, [upsert("b", 2)])
    sink.close()
    assert list(receiver.documents(FEED)) == ['{"sku": "b"}']


def test_more_columns_than_the_sinks_own_may_stand_in_the_table(
    receiver: PostgresReceiver, target: psycopg.Connection
) -> None:
    target.execute(
        "CREATE SCHEMA shop; CREATE TABLE shop.items (key jsonb PRIMARY KEY, document jsonb, revision int8,"
        " hash text, captured_at timestamptz, name text GENERATED ALWAYS AS (document->>'name') STORED)"
    )
    sink = receiver.sink(table="shop.items", document_type="jsonb")
    sink.deliver(FEED, [upsert("a", 1)])
    sink.close()
    assert target.execute("SELECT name FROM shop.items").fetchall() == [("a 1",)]
    assert target.execute("SELECT feed FROM shop.cdc_cursor").fetchall() == [(FEED,)]


def test_jsonb_can_not_hold_every_text_and_refuses_that_record(receiver: PostgresReceiver) -> None:
    sink = receiver.sink(document_type="jsonb")
    with pytest.raises(RecordsRefused) as raised:
        sink.deliver(FEED, [upsert("a", 1, b'{"name":"\\u0000"}')])
    assert "\\u0000" in raised.value.what
    sink.close()


def test_a_key_too_long_for_an_index_is_refused(receiver: PostgresReceiver) -> None:
    sink = receiver.sink()
    noise = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(200))
    with pytest.raises(RecordsRefused, match="index row"):
        sink.deliver(FEED, [upsert(noise, 1)])
    sink.close()


def test_old_tombstones_are_forgotten(receiver: PostgresReceiver, target: psycopg.Connection) -> None:
    receiver.sink().deliver(FEED, [delete("a", 1), delete("b", 2)])
    target.execute("UPDATE products_deleted SET deleted_at = now() - interval '8 days' WHERE revision = 1")
    receiver.sink().deliver(FEED, [upsert("c", 3)])
    assert target.execute("SELECT revision FROM products_deleted").fetchall() == [(2,)]


def test_two_feeds_that_begin_at_once_make_their_tables_once(receiver: PostgresReceiver) -> None:
    def begin(number: int) -> None:
        sink = receiver.sink()
        sink.deliver(FEED, [upsert(f"p{number}", number)])
        sink.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begin, range(1, 9)))
    assert len(receiver.documents(FEED)) == 8


def test_a_lock_that_is_held_over_there_does_not_hold_the_sink(
    receiver: PostgresReceiver, target: psycopg.Connection
) -> None:
    sink = receiver.sink(timeout_seconds=2.0)
    sink.deliver(FEED, [upsert("a", 1)])
    with target.transaction():
        target.execute("LOCK TABLE products")
        with pytest.raises(SinkUnavailable) as raised:
            sink.deliver(FEED, [upsert("a", 2)])
        assert raised.value.hint
    sink.deliver(FEED, [upsert("a", 2)])
    sink.close()
