"""`verify --sink` finds every planted difference in a real receiver of each readable kind, and repairs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from cdc_daemon.sinks.record import Record
from tests.receivers.kinds import RECEIVERS
from tests.receivers.receiver import Receiver
from tests.support import servers
from tests.support.command import Feed, eventually, execute
from tests.support.synced import Synced
from tests.support.verifying import has_found, verifying

pytestmark = pytest.mark.any_server

READABLE = ("archive", "file", "kafka", "nats", "opensearch", "postgres", "redis", "redis-stream", "s3")

SCHEMA = """
CREATE TABLE item (id int PRIMARY KEY, code text, price numeric, tags json);
INSERT INTO item SELECT n, 'ü"' || n, n + 0.50, '{"b": [1.10, 2],
 "a": null}' FROM generate_series(1, 30) AS n;
"""


@pytest.fixture(scope="module", params=READABLE)
def receiver(request: pytest.FixtureRequest, server: servers.Server) -> Iterator[Receiver]:
    """One for each server: two databases that write one feed to one topic would delete each other's."""
    del server  # pytest makes a receiver anew for each
    made = RECEIVERS[request.param](request)
    yield made
    made.close()


@pytest.fixture(scope="module")
def feeds(
    server: servers.Server, tmp_path_factory: pytest.TempPathFactory, receiver: Receiver
) -> Iterator[Synced]:
    """Thirty items that the receiver has, for both tests: each leaves it in step with them."""
    given = {"type": receiver.kind, "timeout_seconds": 20.0, **receiver.settings()}
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    with server.fresh_database() as dsn:
        synced = Synced(
            tmp_path_factory.mktemp("feeds"),
            dsn,
            schema=SCHEMA,
            feeds={"items": Feed("SELECT id, code, price, tags FROM item")},
            sinks="\n".join(["[sinks.target]", *lines, ""]),
        )
        synced.sync()
        synced.sync("UPDATE item SET price = price + 1")
        yield synced
        synced.close()


def verify(feeds: Synced, *arguments: str, code: int = 0) -> dict[str, Any]:
    """What `verify --json` says of the one feed."""
    done = CliRunner().invoke(
        main, ["--config", str(feeds.config), "verify", "--sink", "target", "--json", *arguments]
    )
    assert done.exit_code == code, (done.output, done.exception)
    (answer,) = json.loads(done.stdout)
    return dict(answer)


def plant(feeds: Synced, number: int, document: dict[str, Any] | None, revision: object) -> None:
    """Have the receiver hold something else, as nobody but a stranger would: whatever it has now."""
    settings = feeds.settings.sinks["target"]
    snapshot = feeds.value("SELECT snapshot_number + 5 FROM cdc.sink_state")
    assert isinstance(snapshot, int)
    assert isinstance(revision, int)
    sink = settings.open("target")
    record = Record(
        feed="items",
        key=b'{"id":%d}' % number,  # as the daemon writes it: the bytes of a key choose Kafka's partition
        op="delete" if document is None else "upsert",
        revision=revision,
        hash=None if document is None else "00",
        changed=(),
        captured_at="2026-01-01T00:00:00Z",
        data=None if document is None else json.dumps(document).encode(),
        snapshot=snapshot,
        last_snapshot=snapshot,
    )
    try:
        assert not sink.deliver("items", [record])
    finally:
        sink.close()


def test_every_planted_difference_is_found_and_repaired(feeds: Synced, receiver: Receiver) -> None:
    said = verify(feeds)
    assert (said["documents"], said["differences"], said["waiting"]) == (30, 0, 0)

    def revision(number: int) -> object:
        return feeds.value(f"SELECT revision FROM cdc.feed_items WHERE id = {number}")

    plant(feeds, 1, {"id": 1, "code": "by hand", "price": 2.5}, revision(1))
    plant(feeds, 2, None, revision(2))
    plant(feeds, 3, {"id": 3, "code": "older"}, 7)
    plant(feeds, 99, {"id": 99}, revision(4))
    said = verify(feeds, code=1)
    found = {json.loads(each["key"])["id"]: (each["kind"], each["fields"]) for each in said["listed"]}
    # A version of OpenSearch may be the number of a full snapshot, so it does not tell what is older.
    older = "different" if receiver.kind == "opensearch" else "stale"
    assert {number: kind for number, (kind, _) in found.items()} == {
        1: "different",
        2: "missing",
        3: older,
        99: "left over",
    }
    assert found[1][1] == ["code", "price", "tags"]  # 2.5 is not 2.50
    with verifying(feeds, 100_000):
        eventually("the same in the background", lambda: has_found(feeds, "target", 4, documents=30))
    assert verify(feeds, "--repair", code=1)["repaired"] == 4
    feeds.sync()
    assert verify(feeds)["differences"] == 0


def test_documents_that_wait_for_delivery_are_no_difference(feeds: Synced) -> None:
    with feeds.feed_sync("items") as sync:
        # The feed has the changes, and the sink has not.
        execute(feeds.dsn, "UPDATE item SET code = 'new' WHERE id < 5", "DELETE FROM item WHERE id = 9")
        assert sync.run_pass()
    said = verify(feeds)
    assert (said["differences"], said["waiting"]) == (0, 5)
    feeds.sync("INSERT INTO item VALUES (9, 'again', 1, 'null')")
    said = verify(feeds)
    assert (said["documents"], said["differences"], said["waiting"]) == (30, 0, 0)
