"""A record that a sink refuses: it stands aside, the others go on, and it is tried again until it is parked.

docs/delivery.md has the states and the edges between them; each edge is here, and with a crash on it in
test_delivery_crashes.py.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import orjson
import pytest

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.feeds.changes import Changes
from cdc_daemon.log import Throttle
from cdc_daemon.sinks.record import Record
from cdc_daemon.workers import chosen_items, failed_items
from cdc_daemon.workers.failed_items import FailedItems, Refused
from tests.conftest import Connect
from tests.support.caseless import CASELESS
from tests.support.delivering import Delivering, installed

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]


def test_a_refused_record_stands_aside_and_the_others_arrive(delivering: Delivering) -> None:
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    assert len(delivering.sink.taken) == 49
    assert delivering.failed("key ->> 'sku', attempts, status, reason") == [
        ("sku7", 1, "422", "does not like it")
    ]


def test_records_that_are_refused_by_name_stand_aside_without_a_second_call(delivering: Delivering) -> None:
    delivering.sink.named = {"sku7", "sku9"}
    delivering.catch_up()
    assert len(delivering.sink.calls) == 1
    assert delivering.failed("key ->> 'sku', attempts, status, reason") == [
        ("sku7", 1, "E7", "not this one"),
        ("sku9", 1, "E7", "not this one"),
    ]


def test_it_is_tried_again_when_its_time_has_come_and_not_before(delivering: Delivering) -> None:
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    delivering.execute("UPDATE cdc.failed_item SET next_attempt_at = now() + interval '1 hour'")
    calls = len(delivering.sink.calls)
    delivering.deliver()
    assert len(delivering.sink.calls) == calls
    delivering.make_due()
    delivering.deliver()
    assert delivering.failed() == [("sku7", 2, False)]
    delivering.sink.refused = set()
    delivering.make_due()
    delivering.deliver()
    assert delivering.failed() == []
    assert delivering.sink.taken_keys().count(b'{"sku":"sku7"}') == 1


def test_after_its_last_attempt_it_is_parked(delivering: Delivering) -> None:
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    for _ in range(3):
        delivering.make_due()
        delivering.deliver()
    assert delivering.failed() == [("sku7", 3, True)]
    calls = len(delivering.sink.calls)
    delivering.deliver()
    assert len(delivering.sink.calls) == calls


def test_with_one_attempt_it_is_parked_at_once(delivering: Delivering) -> None:
    delivering.max_attempts = 1
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    assert delivering.failed() == [("sku7", 1, True)]


def test_pauses_are_random_and_their_longest_doubles_to_an_hour(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_items, "BASE_SECONDS", 2.0)  # that of a daemon
    records = [Record("products", b'{"sku":"%d"}' % n, "delete", n, None, (), "", None) for n in range(1, 51)]
    with delivering.session() as session:
        items = FailedItems(session, "target", "products", 100, str, Throttle(), nullcontext)
        for attempts, longest in ((1, 4.0), (3, 16.0), (30, 3600.0)):
            session.execute("UPDATE cdc.failed_item SET attempts = %s", [attempts - 1])
            started = session.execute("SELECT clock_timestamp()").fetchone()
            items.refuse([Refused(record, "no", None) for record in records])
            rows = session.execute(
                "SELECT attempts, EXTRACT(epoch FROM next_attempt_at - %s)::float8 FROM cdc.failed_item",
                started,
            ).fetchall()
            assert {row[0] for row in rows} == {attempts}
            pauses = [row[1] for row in rows]
            assert len(set(pauses)) == 50
            # Of fifty some are in each half, but for one case in 2 ^ 49. The statement takes a moment.
            assert longest / 2 < max(pauses) <= longest + 1
            assert min(pauses) < longest / 2 + 1


def test_a_new_revision_goes_out_in_its_order_and_clears_what_was_refused(delivering: Delivering) -> None:
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    delivering.sink.refused = set()
    delivering.catch_up("UPDATE product SET name = 'b' WHERE id = 7")
    assert delivering.failed() == []
    assert delivering.sink.taken_keys()[-1] == b'{"sku":"sku7"}'


@pytest.mark.parametrize("parked", [False, True])
def test_a_new_revision_that_is_refused_begins_its_attempts_anew(
    delivering: Delivering, parked: bool
) -> None:
    delivering.max_attempts = 2 if parked else 9
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    delivering.make_due()
    delivering.deliver()
    assert delivering.failed() == [("sku7", 2, parked)]
    delivering.catch_up("UPDATE product SET name = 'b' WHERE id = 7")
    assert delivering.failed() == [("sku7", 1, False)]


def test_a_parked_one_goes_out_with_a_new_revision(delivering: Delivering) -> None:
    delivering.max_attempts = 1
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    delivering.sink.refused = set()
    delivering.catch_up("UPDATE product SET name = 'b' WHERE id = 7")
    assert delivering.failed() == []


def test_a_due_one_whose_document_has_changed_is_left_to_the_normal_order(delivering: Delivering) -> None:
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    delivering.sink.refused = set()
    delivering.make_due()
    delivering.sink.is_down = True
    with pytest.raises(SinkUnavailable):
        delivering.catch_up("UPDATE product SET name = 'b' WHERE id = 7")
    delivering.sink.is_down = False
    delivering.make_due()
    delivering.deliver()
    taken = [record for record in delivering.sink.taken if record.key == b'{"sku":"sku7"}']
    assert [record.data for record in taken] == [b'{"id":7,"sku":"sku7","name":"b"}']


def test_asked_to_retry_parked_ones_have_all_their_attempts_before_them(delivering: Delivering) -> None:
    delivering.max_attempts = 1
    delivering.sink.refused = {"sku7", "sku8"}
    delivering.catch_up()
    with delivering.session() as session:
        assert (
            chosen_items.retry_items(session, chosen_items.ItemChoice(["products"], where={"sku": "sku8"}))
            == 1
        )
    assert delivering.failed() == [("sku7", 1, True), ("sku8", 0, False)]
    delivering.deliver()
    assert delivering.failed() == [("sku7", 1, True), ("sku8", 1, True)]
    delivering.sink.refused = set()
    with delivering.session() as session:
        assert chosen_items.retry_items(session, chosen_items.ItemChoice(["products"], where={})) == 2
    delivering.deliver()
    assert delivering.failed() == []
    assert len(delivering.sink.taken) == 50


def test_a_document_that_is_stored_no_more_is_no_failed_item(delivering: Delivering) -> None:
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    delivering.execute("DELETE FROM cdc.feed_products WHERE sku = 'sku7'")
    delivering.make_due()
    delivering.deliver()
    assert delivering.failed() == []


def test_a_document_that_is_gone_is_delivered_as_a_delete(delivering: Delivering) -> None:
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    delivering.catch_up("DELETE FROM product WHERE id = 7")
    assert delivering.failed() == [("sku7", 1, False)]
    delivering.sink.refused = set()
    delivering.make_due()
    delivering.deliver()
    assert (delivering.sink.taken[-1].op, delivering.failed()) == ("delete", [])


def test_keys_of_composite_types_and_arrays_are_found_again(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    connect().execute(
        "CREATE TYPE place AS (shelf text, box int);"
        "CREATE DOMAIN code AS text;"
        "CREATE TABLE product"
        " (id bigint PRIMARY KEY, at place NOT NULL, tags text[] NOT NULL, code code NOT NULL);"
        """INSERT INTO product SELECT n, ROW('a "b", c', n)::place, ARRAY['x', '{' || n], 'c' || n"""
        " FROM generate_series(1, 5) AS n"
    )
    query, key = "SELECT id, at, tags, code FROM product", ("at", "tags", "code")
    delivering = installed(database, tmp_path, query, key)
    delivering.sink.refused = {"c3"}
    delivering.catch_up()
    assert delivering.failed("key ->> 'code', attempts") == [("c3", 1)]
    delivering.sink.refused = set()
    delivering.make_due()
    delivering.deliver()
    assert delivering.failed() == []
    assert len(delivering.sink.taken) == 5


def test_a_sink_that_is_down_keeps_its_place_and_says_why(delivering: Delivering) -> None:
    delivering.sink.is_down = True
    with pytest.raises(SinkUnavailable):
        delivering.catch_up()
    assert delivering.rows("SELECT revision, failure FROM cdc.sink_state") == [(0, "products: is down")]
    delivering.sink.is_down = False
    delivering.deliver()
    assert len(set(delivering.sink.taken_keys())) == len(delivering.sink.taken) == 50


def test_an_attempt_while_the_sink_is_down_does_not_count(delivering: Delivering) -> None:
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    delivering.sink.is_down = True
    delivering.make_due()
    delivering.deliver()
    assert delivering.failed() == [("sku7", 1, False)]
    (waits,) = delivering.failed("next_attempt_at > now() + interval '10 seconds'")
    assert waits == (True,)


SPELLED = {
    # Type of the key, its values, and what two of them become.
    "a number": ("numeric", "1.50, 2.5, 3.5", "1.5", "2.50"),
    "a text": ("caseless", "'a', 'b', 'c'", "'A'", "'B'"),
}


@pytest.mark.parametrize("kind", SPELLED)
def test_a_refused_delete_of_an_old_spelling_is_an_item_beside_the_document_under_the_new_one(
    connect: Connect, database: str, tmp_path: Path, kind: str
) -> None:
    type_, values, first, second = SPELLED[kind]
    with connect() as session:
        session.execute(CASELESS.encode())
        session.execute(f"CREATE TABLE t (id int PRIMARY KEY, k {type_}, v int)".encode())
        session.execute(
            f"INSERT INTO t SELECT n, k, n FROM unnest(ARRAY[{values}]) WITH ORDINALITY AS u (k, n)".encode()
        )
    delivering = installed(database, tmp_path, "SELECT id, k, v FROM t", ("k",))
    delivering.catch_up()
    old = [record.key for record in delivering.sink.taken]
    sink = delivering.sink
    sink.named = {"k"}  # which every key has
    delivering.catch_up(f"UPDATE t SET k = {first} WHERE id = 1; UPDATE t SET k = {second} WHERE id = 2")
    assert len(delivering.failed("id")) == 4
    definition = delivering.registry.definition("products")
    assert definition is not None
    with connect() as session:
        shown = Changes(definition).refused_documents(session, {})
    assert sorted(document == b"null" for _, document in shown.values()) == [False, False, True, True]
    sink.named = set()
    before = len(sink.taken)
    delivering.make_due()
    delivering.deliver()
    assert delivering.failed("id") == []
    taken = sink.taken[before:]
    deletes = {record.key: record.revision for record in taken if record.op == "delete"}
    upserts = {orjson.loads(record.data)["id"]: record for record in taken if record.data}
    assert set(deletes) == set(old[:2])
    assert set(upserts) == {1, 2}
    for number, record in upserts.items():
        assert record.key not in old
        # A receiver for which both spellings are one key ends with the document.
        assert deletes[old[number - 1]] < record.revision
