"""`kill -9` on edges between the states of a failed item: those that commands take, and some of the daemon's.

docs/delivery.md has all of them; on those that a delivery takes, test_delivery_crashes.py loses the session.
Here whoever takes the edge is killed within its statement: the item is as it was, the command can be given
again, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.mortal import register
from tests.acceptance.mortal_daemon import SCHEMA, Mortal
from tests.support.command import FILE_SINK, Running, execute

Items = list[tuple[Any, ...]]

ITEMS = (
    "SELECT (key ->> 'id')::int, attempts, next_attempt_at IS NULL, next_attempt_at <= now()"
    " FROM cdc.failed_item ORDER BY 1"
)
DELIVERY = "SELECT revision, snapshot_wanted, scan_until FROM cdc.sink_state"
PARKED: Items = [(3, 5, True, None)]
DUE: Items = [(3, 1, False, True)]


@pytest.fixture
def mortal(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mortal]:
    """All is delivered but one document, which was refused; the sink takes it from now on."""
    monkeypatch.setenv("PYTHONPATH", register(tmp_path / "installed"))
    execute(database, SCHEMA)
    found = Mortal(tmp_path, database, patches=False)
    found.call("install")
    found.call("run", "--once")
    found.tell("refuses")
    execute(database, "UPDATE product SET name = 'b' WHERE id = 3")
    found.call("run", "--once")
    found.tell_no_more("refuses")
    yield found
    found.close()


def rows(mortal: Mortal, query: str) -> Items:
    with psycopg.connect(mortal.dsn) as connection:
        return connection.execute(query).fetchall()  # pyright: ignore[reportArgumentType, reportCallIssue]


def park(mortal: Mortal) -> None:
    execute(mortal.dsn, "UPDATE cdc.failed_item SET attempts = 5, next_attempt_at = NULL")


def make_due(mortal: Mortal) -> None:
    execute(mortal.dsn, "UPDATE cdc.failed_item SET next_attempt_at = now()")


@dataclass(frozen=True)
class Edge:
    """One edge.

    Attributes:
        prepare: brings the item to the state that it begins in, `before`.
        statement: within which the command is killed.
        command: what takes it.
        after: the items once the command was given again.
    """

    prepare: Callable[[Mortal], None]
    before: Items
    statement: str
    command: tuple[str, ...]
    after: Items


RETRIED = "UPDATE ON cdc.failed_item FOR EACH ROW WHEN (NEW.attempts = 0)"
REPLAYED = "INSERT ON cdc.failed_item FOR EACH ROW WHEN (NEW.reason = 'replay')"
FORGOTTEN = "DELETE ON cdc.failed_item FOR EACH ROW"
EDGES = {
    "parked to waiting: retry": Edge(
        park, PARKED, RETRIED, ("retry", "products", "--key", "id=3"), [(3, 0, False, True)]
    ),
    "waiting to waiting: retry": Edge(make_due, DUE, RETRIED, ("retry", "--all"), [(3, 0, False, True)]),
    "parked to waiting: replay of the key": Edge(
        park,
        PARKED,
        REPLAYED,
        ("replay", "mortal", "--feed", "products", "--key", "id=3"),
        [(3, 0, False, True)],
    ),
    "none to waiting: replay of the key": Edge(
        park,
        PARKED,
        REPLAYED,
        ("replay", "mortal", "--feed", "products", "--key", "id=7"),
        [*PARKED, (7, 0, False, True)],
    ),
    "parked to none: replay of all": Edge(park, PARKED, FORGOTTEN, ("replay", "mortal", "--all"), []),
    "parked to none: replay since": Edge(
        park, PARKED, FORGOTTEN, ("replay", "mortal", "--since", "2000-01-01"), []
    ),
}


@pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES)
def test_a_command_that_is_killed_on_an_edge_has_done_nothing(mortal: Mortal, edge: Edge) -> None:
    edge.prepare(mortal)
    delivery = rows(mortal, DELIVERY)
    mortal.kill_within(edge.statement, lambda: mortal.start(*edge.command))
    assert rows(mortal, ITEMS) == edge.before
    assert rows(mortal, DELIVERY) == delivery
    mortal.call(*edge.command)
    assert rows(mortal, ITEMS) == edge.after
    mortal.call("retry", "--all")
    mortal.assert_delivered()
    assert rows(mortal, ITEMS) == []


def test_a_daemon_that_is_killed_while_it_postpones_what_is_due_counts_no_attempt(mortal: Mortal) -> None:
    make_due(mortal)
    mortal.tell("down")

    def act() -> Running:
        return mortal.start()

    postponed = "UPDATE ON cdc.failed_item FOR EACH ROW WHEN (NEW.next_attempt_at > OLD.next_attempt_at)"
    mortal.kill_within(postponed, act)
    assert rows(mortal, ITEMS) == DUE
    mortal.tell_no_more("down")
    mortal.assert_delivered()
    assert rows(mortal, ITEMS) == []


@pytest.mark.parametrize("refuses", [False, True], ids=["taken", "refused"])
def test_a_daemon_that_is_killed_while_a_new_revision_supersedes_what_is_parked(
    mortal: Mortal, *, refuses: bool
) -> None:
    park(mortal)
    if refuses:
        mortal.tell("refuses")

    def act() -> Running:
        daemon = mortal.start()
        execute(mortal.dsn, "UPDATE product SET name = 'c' WHERE id = 3")
        return daemon

    # The refusal is an INSERT … ON CONFLICT.
    statement = FORGOTTEN if not refuses else "INSERT ON cdc.failed_item FOR EACH ROW"
    mortal.kill_within(statement, act)
    assert rows(mortal, ITEMS) == PARKED
    mortal.call("run", "--once")
    if refuses:
        assert [item[:3] for item in rows(mortal, ITEMS)] == [(3, 1, False)]
        mortal.tell_no_more("refuses")
        mortal.call("retry", "--all")
    mortal.assert_delivered()
    assert rows(mortal, ITEMS) == []


def test_an_installer_that_is_killed_while_it_removes_a_sink_removes_it_the_next_time(mortal: Mortal) -> None:
    park(mortal)
    mortal.configure(sinks=FILE_SINK)
    mortal.kill_within(FORGOTTEN, lambda: mortal.start("install"))
    assert rows(mortal, ITEMS) == PARKED
    mortal.call("install")
    for table in ("sink_state", "failed_item", "delivered_document", "delivery_pause"):
        assert rows(mortal, f"SELECT FROM cdc.{table} WHERE sink = 'mortal'") == []
    mortal.configure(sinks=mortal.sink)  # and one that comes back begins with the whole feed
    mortal.call("install")
    mortal.assert_delivered()
