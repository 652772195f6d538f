"""`kill -9` on edges between the states of a failed item: those that commands take, and some of the daemon's.

docs/delivery.md has all of them; on those that a delivery takes, test_delivery_crashes.py loses the session.
Here whoever takes the edge is killed within its statement: the item is as it was, the command can be given
again, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.acceptance.self_killing_daemon import SelfKillingDaemon
from tests.support import servers
from tests.support.command import FILE_SINK, Running, execute

Items = list[tuple[Any, ...]]

ITEMS = (
    "SELECT (key ->> 'id')::int, attempts, next_attempt_at IS NULL, next_attempt_at <= now()"
    " FROM cdc.failed_item ORDER BY 1"
)
DELIVERY = "SELECT revision, snapshot_wanted, scan_until FROM cdc.sink_state"
PARKED: Items = [(3, 5, True, None)]
DUE: Items = [(3, 1, False, True)]


@pytest.fixture(scope="module")
def daemon(
    server: servers.Server, tmp_path_factory: pytest.TempPathFactory, registered: None
) -> Iterator[SelfKillingDaemon]:
    """All is delivered. Each test leaves it so."""
    del registered
    with SelfKillingDaemon.delivered(server, tmp_path_factory.mktemp("killed"), patches=False) as made:
        yield made


@pytest.fixture
def killed(daemon: SelfKillingDaemon) -> Iterator[SelfKillingDaemon]:
    """All is delivered but one document, which was refused; the sink takes it from now on."""
    assert rows(daemon, ITEMS) == []
    daemon.tell("refuses")
    execute(daemon.dsn, "UPDATE product SET name = name || 'b' WHERE id = 3")
    daemon.call("run", "--once")
    daemon.tell_no_more("refuses")
    yield daemon
    daemon.close()


def rows(killed: SelfKillingDaemon, query: str) -> Items:
    with psycopg.connect(killed.dsn) as connection:
        return connection.execute(query).fetchall()  # pyright: ignore[reportArgumentType, reportCallIssue]


def park(killed: SelfKillingDaemon) -> None:
    execute(killed.dsn, "UPDATE cdc.failed_item SET attempts = 5, next_attempt_at = NULL")


def make_due(killed: SelfKillingDaemon) -> None:
    execute(killed.dsn, "UPDATE cdc.failed_item SET next_attempt_at = now()")


@dataclass(frozen=True)
class Edge:
    """One edge.

    Attributes:
        prepare: brings the item to the state that it begins in, `before`.
        statement: within which the command is killed.
        command: what takes it.
        after: the items once the command was given again.
    """

    prepare: Callable[[SelfKillingDaemon], None]
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
        ("replay", "self_killing", "--feed", "products", "--key", "id=3"),
        [(3, 0, False, True)],
    ),
    "none to waiting: replay of the key": Edge(
        park,
        PARKED,
        REPLAYED,
        ("replay", "self_killing", "--feed", "products", "--key", "id=7"),
        [*PARKED, (7, 0, False, True)],
    ),
    "parked to none: replay of all": Edge(park, PARKED, FORGOTTEN, ("replay", "self_killing", "--all"), []),
    "parked to none: replay since": Edge(
        park, PARKED, FORGOTTEN, ("replay", "self_killing", "--since", "2000-01-01"), []
    ),
}


@pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES)
def test_a_command_that_is_killed_on_an_edge_has_done_nothing(killed: SelfKillingDaemon, edge: Edge) -> None:
    edge.prepare(killed)
    delivery = rows(killed, DELIVERY)
    killed.kill_within(edge.statement, lambda: killed.start(*edge.command))
    assert rows(killed, ITEMS) == edge.before
    assert rows(killed, DELIVERY) == delivery
    killed.call(*edge.command)
    assert rows(killed, ITEMS) == edge.after
    killed.call("retry", "--all")
    killed.assert_delivered()
    assert rows(killed, ITEMS) == []


def test_a_daemon_that_is_killed_while_it_postpones_what_is_due_counts_no_attempt(
    killed: SelfKillingDaemon,
) -> None:
    make_due(killed)
    killed.tell("down")

    def act() -> Running:
        return killed.start()

    postponed = "UPDATE ON cdc.failed_item FOR EACH ROW WHEN (NEW.next_attempt_at > OLD.next_attempt_at)"
    killed.kill_within(postponed, act)
    assert rows(killed, ITEMS) == DUE
    killed.tell_no_more("down")
    killed.assert_delivered()
    assert rows(killed, ITEMS) == []


@pytest.mark.parametrize("refuses", [False, True], ids=["taken", "refused"])
def test_a_daemon_that_is_killed_while_a_new_revision_supersedes_what_is_parked(
    killed: SelfKillingDaemon, *, refuses: bool
) -> None:
    park(killed)
    if refuses:
        killed.tell("refuses")

    def act() -> Running:
        daemon = killed.start()
        execute(killed.dsn, "UPDATE product SET name = 'c' WHERE id = 3")
        return daemon

    # The refusal is an INSERT … ON CONFLICT.
    statement = FORGOTTEN if not refuses else "INSERT ON cdc.failed_item FOR EACH ROW"
    killed.kill_within(statement, act)
    assert rows(killed, ITEMS) == PARKED
    killed.call("run", "--once")
    if refuses:
        assert [item[:3] for item in rows(killed, ITEMS)] == [(3, 1, False)]
        killed.tell_no_more("refuses")
        killed.call("retry", "--all")
    killed.assert_delivered()
    assert rows(killed, ITEMS) == []


def test_an_installer_that_is_killed_while_it_removes_a_sink_removes_it_the_next_time(
    killed: SelfKillingDaemon,
) -> None:
    park(killed)
    killed.configure(sinks=FILE_SINK)
    killed.kill_within(FORGOTTEN, lambda: killed.start("install"))
    assert rows(killed, ITEMS) == PARKED
    killed.call("install")
    for table in ("sink_state", "failed_item", "delivered_document", "delivery_pause"):
        assert rows(killed, f"SELECT FROM cdc.{table} WHERE sink = 'self_killing'") == []
    killed.configure(sinks=killed.sink)  # and one that comes back begins with the whole feed
    killed.call("install")
    killed.assert_delivered()
