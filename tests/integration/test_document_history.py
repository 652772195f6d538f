"""The history of documents: revisions with their causes, recomputations without a change, deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdc_daemon.insight import history
from cdc_daemon.pg.session import Connection, connect
from cdc_daemon.workers import control
from cdc_daemon.workers.history_segments import SEGMENTS, HistoryBounds
from tests.support.command import Feed, eventually
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

WITH_STOCK = Feed(
    "SELECT i.id, i.code, i.price, s.n > 0 AS sold FROM item AS i LEFT JOIN stock AS s USING (id)"
)

STOCK = """
CREATE TABLE item (id int PRIMARY KEY, code text, price numeric, note text);
INSERT INTO item SELECT n, 'c' || n, n + 0.50, '' FROM generate_series(1, 5) AS n;
CREATE TABLE stock (id int PRIMARY KEY, n int);
INSERT INTO stock SELECT n, 7 FROM generate_series(1, 5) AS n;
"""

MEGABYTE = 1 << 20


@pytest.fixture
def items(tmp_path: Path, database: str) -> Synced:
    items = Synced(tmp_path, database, schema=STOCK, feeds={"items": WITH_STOCK})
    items.sync()
    return items


@pytest.fixture
def session(items: Synced) -> Iterator[Connection]:
    with connect(items.dsn, search_path="public") as session:
        yield session


def revisions(session: Connection, key: int) -> list[history.Revision]:
    return history.revisions(session, "items", revision(session, key))


def revision(session: Connection, key: int) -> int:
    row = session.execute("SELECT revision FROM cdc.feed_items WHERE id = %s", (key,)).fetchone()
    assert row is not None
    return int(row[0])


def count(session: Connection, table: str) -> int:
    row = session.execute(f"SELECT count(*) FROM cdc.{table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_a_document_has_its_revisions_with_the_changed_fields(items: Synced, session: Connection) -> None:
    items.sync("UPDATE item SET price = 9 WHERE id = 3")
    items.sync(
        "UPDATE item SET price = 10, code = 'new' WHERE id = 3", "UPDATE item SET price = 1 WHERE id = 4"
    )
    items.sync("DELETE FROM item WHERE id = 3")
    found = revisions(session, 3)
    assert [(each.deleted, each.changed_fields) for each in found] == [
        (True, []),
        (False, ["code", "price"]),
        (False, ["price"]),
        (False, None),
    ]
    assert [each.revision for each in found] == sorted((each.revision for each in found), reverse=True)
    assert [request.reason for request in found[-1].requests] == ["first sync"]
    assert found[0].pass_id > found[1].pass_id


def test_a_revision_names_the_transactions_that_its_pass_read(items: Synced, session: Connection) -> None:
    with session.transaction():
        row = session.execute("SELECT pg_current_xact_id()::text").fetchone()
        session.execute("UPDATE item SET price = 9 WHERE id < 3")
    items.sync("UPDATE stock SET n = 0 WHERE id = 5")
    assert row is not None
    causes = revisions(session, 1)[0].causes
    assert [(cause.table, cause.rows) for cause in causes] == [("public.item", 2), ("public.stock", 1)]
    assert causes[0].transaction == int(row[0])
    assert causes[0].captured_at <= revisions(session, 1)[0].stored_at


def test_a_pass_that_changed_nothing_is_found_by_the_entity(items: Synced, session: Connection) -> None:
    before = revision(session, 2)
    items.sync("UPDATE stock SET n = 6 WHERE id = 2")
    assert revision(session, 2) == before
    last, first = history.recomputations(session, "items", ("2",))
    assert not last.changed(before)
    assert [(cause.table, cause.rows) for cause in last.causes] == [("public.stock", 1)]
    assert first.changed(before)
    assert history.recomputations(session, "items", ("77",)) == []


def test_a_large_change_names_its_causes_although_chunks_store_it(
    items: Synced, session: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdc_daemon.workers.affected_entities.MANY_ROWS", 3)
    monkeypatch.setattr("cdc_daemon.workers.pace.FEWEST_TOO_MANY", 2)
    monkeypatch.setattr("cdc_daemon.workers.pace.PASS_SECONDS", 0.0)
    monkeypatch.setattr("cdc_daemon.workers.pace.FEWEST_TIMED", 1)
    items.sync("UPDATE item SET price = price + 1")
    items.sync("UPDATE item SET price = price + 1")
    newest = revisions(session, 1)[0]
    causes = [cause for request in newest.requests for cause in request.causes] or newest.causes
    assert [(cause.table, cause.rows) for cause in causes] == [("public.item", 5)]


def test_a_delivery_is_known_by_the_page(items: Synced, session: Connection) -> None:
    items.sync("UPDATE item SET price = 9 WHERE id = 3")
    new = revision(session, 3)
    (delivery,) = history.deliveries(session, "items", new)
    assert (delivery.sink, delivery.kind, delivery.records) == ("file", "page", 1)
    assert delivery.delivered_at >= revisions(session, 3)[0].stored_at
    (first,) = history.deliveries(session, "items", revision(session, 1))
    assert (first.kind, first.snapshot is not None, first.records) == ("scan", True, 5)


def test_a_history_that_is_off_keeps_nothing(tmp_path: Path, database: str) -> None:
    items = Synced(tmp_path, database)
    items.config.write_text(items.config.read_text() + "\n[history]\nenabled = false\n")
    items.sync("UPDATE item SET price = 9 WHERE id = 3")
    items.sync("UPDATE item SET price = 8 WHERE id = 3", "DELETE FROM item WHERE id = 1")
    with connect(items.dsn) as session:
        assert [count(session, f"history_{part}") for part in ("pass", "change", "delivery")] == [0, 0, 0]


def test_segments_that_are_too_old_go_whole(items: Synced, session: Connection) -> None:
    bounds = HistoryBounds(days=7, max_bytes=64 * MEGABYTE)
    bounds.keep(session)
    assert count(session, "history_pass_0") == 1
    session.execute("UPDATE cdc.history_segment SET began_at = began_at - interval '25 hours'")
    bounds.keep(session)
    items.sync("UPDATE item SET price = 9 WHERE id = 3")
    assert (count(session, "history_pass_0"), count(session, "history_pass_1")) == (1, 1)
    assert len(revisions(session, 3)) == 2
    session.execute("UPDATE cdc.history_segment SET began_at = began_at - interval '6.9 days'")
    bounds.keep(session)
    assert (count(session, "history_pass_0"), count(session, "history_pass_1")) == (1, 1)
    session.execute("UPDATE cdc.history_segment SET began_at = began_at - interval '3 hours'")
    bounds.keep(session)
    assert (count(session, "history_pass_0"), count(session, "history_pass_1")) == (0, 1)
    assert len(revisions(session, 3)) == 1
    assert history.known_since(session) is not None


def test_segments_that_are_too_large_go_whole_and_the_newest_stays(
    items: Synced, session: Connection
) -> None:
    sizes = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname ~ '^history_.*_0$'"
    (size,) = session.execute(sizes).fetchone() or (0,)
    bounds = HistoryBounds(days=7, max_bytes=(SEGMENTS - 2) * int(size))
    for n in range(2 * SEGMENTS):
        items.sync(f"UPDATE item SET price = {100 + n} WHERE id = 3")
        bounds.keep(session)
    total = sum(count(session, f"history_pass_{n}") for n in range(SEGMENTS))
    assert 1 < total < SEGMENTS
    assert 1 < len(revisions(session, 3)) <= total


def test_a_segment_that_somebody_reads_is_left_alone(items: Synced, session: Connection) -> None:
    session.execute("UPDATE cdc.history_segment SET began_at = began_at - interval '25 hours'")
    bounds = HistoryBounds(days=7, max_bytes=64 * MEGABYTE)
    bounds.keep(session)
    session.execute("UPDATE cdc.history_segment SET began_at = began_at - interval '8 days'")
    with connect(items.dsn) as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM cdc.history_pass")
        bounds.keep(session)
        assert count(session, "history_pass_0") == 1
    bounds.keep(session)
    assert count(session, "history_pass_0") == 0


def test_a_cause_tells_the_operation_and_the_writer_where_it_is_asked_for(
    items: Synced, session: Connection
) -> None:
    def newest() -> set[tuple[str | None, str | None, str | None]]:
        return {
            (each.operation, each.application, each.user)
            for key in (1, 2, 3)
            for each in revisions(session, key)[0].causes
        }

    session.execute("SET application_name = 'shop admin'")
    session.execute("UPDATE item SET price = 9 WHERE id = 1")
    session.execute("DELETE FROM item WHERE id = 2")
    items.sync()
    assert newest() == {("update", None, None), ("delete", None, None)}
    items.config.write_text(items.config.read_text() + "\n[capture]\ncontext = true\n")
    items.install()
    session.execute("UPDATE item SET price = 10 WHERE id < 4")
    session.execute("INSERT INTO item VALUES (2, 'new', 2)")
    items.sync()
    user = session.info.user
    assert newest() == {("update", "shop admin", user), ("insert", "shop admin", user)}
    items.config.write_text(items.config.read_text().replace("context = true", "context = false"))
    items.install()
    session.execute("UPDATE item SET price = 11 WHERE id < 4")
    items.sync()
    assert newest() == {("update", None, None)}


def test_a_daemon_that_is_killed_between_storing_and_delivering_leaves_one_of_each(
    items: Synced, session: Connection
) -> None:
    before = count(session, "history_delivery")
    control.pause(session, "file", None, reason=None)
    daemon = items.start()
    session.execute("UPDATE item SET price = 9 WHERE id = 3")
    eventually("the new revision is stored", lambda: len(revisions(session, 3)) == 2)
    daemon.kill()
    assert history.deliveries(session, "items", revision(session, 3)) == []
    control.resume(session, "file", None)
    items.sync()
    assert len(revisions(session, 3)) == 2
    (delivery,) = history.deliveries(session, "items", revision(session, 3))
    assert delivery.delivered_at > revisions(session, 3)[0].stored_at
    assert count(session, "history_delivery") == before + 1
