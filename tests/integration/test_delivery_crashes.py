"""A delivery loses its session, as in a crash, in the middle of each statement; a new one goes on.

Every statement of a delivery is a transaction of its own, so a crash is between two of them or within one,
which then did not happen. Each edge between the states of a failed item (docs/delivery.md) is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.delivering import Delivering

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]


def _refuse(delivering: Delivering) -> None:
    delivering.sink.refused = {"sku7"}


def _refuse_once(delivering: Delivering) -> None:
    delivering.max_attempts = 1
    _refuse(delivering)


def _wait_for_its_time(delivering: Delivering) -> None:
    """One refused item whose next attempt has come."""
    _refuse(delivering)
    delivering.catch_up()
    delivering.make_due()


def _before_its_last_attempt(delivering: Delivering) -> None:
    delivering.max_attempts = 2
    _wait_for_its_time(delivering)


def _take_it(delivering: Delivering) -> None:
    """The target was mended meanwhile."""
    _wait_for_its_time(delivering)
    delivering.sink.refused = set()


def _park(delivering: Delivering) -> None:
    delivering.max_attempts = 1
    _refuse(delivering)
    delivering.catch_up()


def _change(delivering: Delivering) -> None:
    delivering.execute("UPDATE product SET name = 'b' WHERE id = 7")


def _change_and_take_a_waiting_one(delivering: Delivering) -> None:
    _wait_for_its_time(delivering)
    delivering.sink.refused = set()
    _change(delivering)


def _change_and_refuse_a_waiting_one(delivering: Delivering) -> None:
    _wait_for_its_time(delivering)
    delivering.max_attempts = 5
    _change(delivering)


def _change_and_take(delivering: Delivering) -> None:
    _park(delivering)
    delivering.sink.refused = set()
    _change(delivering)


def _change_and_refuse(delivering: Delivering) -> None:
    _park(delivering)
    delivering.max_attempts = 5
    _change(delivering)


def _vanish(delivering: Delivering) -> None:
    _wait_for_its_time(delivering)
    delivering.execute("DELETE FROM cdc.feed_products WHERE sku = 'sku7'")


@dataclass(frozen=True)
class Edge:
    """One edge: what stands before it, the statement that is it, and the items in the end."""

    prepare: Callable[[Delivering], None]
    operation: str
    when: str
    after: list[tuple[Any, ...]]


EDGES = {
    "none to waiting": Edge(_refuse, "INSERT", "NEW.attempts = 1", [("sku7", 1, False)]),
    "none to parked": Edge(_refuse_once, "INSERT", "NEW.next_attempt_at IS NULL", [("sku7", 1, True)]),
    "waiting to waiting": Edge(_wait_for_its_time, "UPDATE", "NEW.attempts = 2", [("sku7", 2, False)]),
    "waiting to parked": Edge(
        _before_its_last_attempt, "UPDATE", "NEW.next_attempt_at IS NULL", [("sku7", 2, True)]
    ),
    "waiting to none: taken": Edge(_take_it, "DELETE", "OLD.attempts = 1", []),
    "waiting to none: a new revision is taken": Edge(
        _change_and_take_a_waiting_one, "DELETE", "OLD.attempts = 1", []
    ),
    "waiting to waiting: a new revision is refused": Edge(
        _change_and_refuse_a_waiting_one, "UPDATE", "NEW.revision > OLD.revision", [("sku7", 1, False)]
    ),
    "parked to none: a new revision is taken": Edge(_change_and_take, "DELETE", "OLD.attempts = 1", []),
    "parked to waiting: a new revision is refused": Edge(
        _change_and_refuse, "UPDATE", "NEW.revision > OLD.revision", [("sku7", 1, False)]
    ),
    "waiting to none: stored no more": Edge(_vanish, "DELETE", "OLD.attempts = 1", []),
}


@pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES)
def test_a_crash_on_an_edge_between_the_states_of_a_failed_item(delivering: Delivering, edge: Edge) -> None:
    edge.prepare(delivering)
    before = delivering.failed() if delivering.rows("SELECT 1 FROM cdc.sink_state") else []
    delivering.lose_session_at("cdc.failed_item", edge.operation, edge.when, delivering.catch_up)
    assert delivering.failed() == before
    delivering.catch_up()
    assert delivering.failed() == edge.after
    expected = {key for key in _stored(delivering) if key != b'{"sku":"sku7"}' or not edge.after}
    assert expected <= set(delivering.sink.taken_keys())


LEASE = ("cdc.sink_state", "UPDATE", "NEW.leased_by IS NOT NULL AND OLD.leased_by IS NULL")
CURSOR = ("cdc.sink_state", "UPDATE", "NEW.revision > OLD.revision")
SEND = ("cdc.delivered_document", "INSERT", "true")
ANSWER = ("cdc.delivered_document", "UPDATE", "cardinality(NEW.documents) < cardinality(OLD.documents)")


@pytest.mark.parametrize(
    ("statement", "wants_previous"),
    [(LEASE, False), (CURSOR, False), (CURSOR, True), (SEND, True), (ANSWER, True)],
    ids=["lease", "cursor", "cursor, with patches", "before the send", "before the answer is noted"],
)
def test_a_crash_at_a_step_of_a_delivery_loses_nothing_and_keeps_the_order(
    delivering: Delivering, statement: tuple[str, str, str], wants_previous: bool
) -> None:
    delivering.sink.wants_previous = wants_previous
    table, operation, when = statement
    delivering.lose_session_at(table, operation, when, delivering.catch_up)
    delivering.catch_up("UPDATE product SET name = 'b' WHERE id <= 10", "DELETE FROM product WHERE id = 50")
    last = {record.key: (record.revision, record.data) for record in delivering.sink.taken}
    stored = {key: value for key, value in _stored(delivering).items() if value[1] is not None}
    assert {key: value for key, value in last.items() if value[1] is not None} == stored
    for key in last:
        revisions = [record.revision for record in delivering.sink.taken if record.key == key]
        assert revisions == sorted(revisions)


def _stored(delivering: Delivering) -> dict[bytes, tuple[int, bytes | None]]:
    rows = delivering.rows("SELECT sku, revision, document::text FROM cdc.feed_products")
    return {
        f'{{"sku":"{sku}"}}'.encode(): (revision, document.encode() if document else None)
        for sku, revision, document in rows
    }
