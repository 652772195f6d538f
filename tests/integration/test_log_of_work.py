"""What the log says of work: the progress of a resync, the batch of a delivery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cdc_daemon.workers import feed_log
from tests.receivers.http import Target, answer, serving
from tests.support.command import Feed
from tests.support.synced import ITEMS, Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

MANY = ITEMS + "INSERT INTO item SELECT n, 'c' || n, n FROM generate_series(6, 200) AS n;"


@pytest.fixture
def target() -> Iterator[Target]:
    yield from serving(None)


def of(events: Iterable[Any], name: str) -> list[Any]:
    return [event for event in events if event["event"] == name]


def test_a_first_sync_tells_its_progress_until_it_is_finished(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_log, "PROGRESS_SECONDS", 0.0)
    synced = Synced(tmp_path, database, schema=MANY, daemon="batch_entities = 10")
    with capture_logs() as events:
        synced.sync()
    progress = of(events, "resync_progressed")
    assert progress, "several chunks are made, and after each but the last it is under way"
    assert [each["done"] for each in progress] == sorted({each["done"] for each in progress})
    assert all((each["feed"], each["entities"]) == ("items", 200) for each in progress)
    assert all(each["entities_per_second"] > 0 and each["remaining_seconds"] >= 0 for each in progress)
    assert len(of(events, "resync_finished")) == 1


def test_every_line_of_a_batch_has_the_idempotency_key_of_its_request(
    tmp_path: Path, database: str, target: Target
) -> None:
    sink = f'[sinks.catalog]\ntype = "http"\nurl = "{target.url}"\nbatch_records = 2\n'
    synced = Synced(tmp_path, database, sinks=sink)
    target.script.extend([answer(204), answer(422, b"no such colour")])
    with capture_logs() as events:
        synced.sync()
    sent = {request.headers["Idempotency-Key"]: request for request in target.requests}
    delivered = of(events, "batch_delivered")
    told = [each["batch"] for each in delivered]
    batches = [batch for each in told for batch in (each if isinstance(each, list) else [each])]
    assert {*batches} <= {*sent}
    assert sum(each["records"] for each in delivered) == 5 - len(of(events, "record_refused"))
    assert all(event["batch"] in sent for event in of(events, "record_refused"))


def test_a_batch_that_was_too_large_has_the_keys_of_its_halves_and_not_its_own(
    tmp_path: Path, database: str, target: Target
) -> None:
    synced = Synced(tmp_path, database, sinks=f'[sinks.catalog]\ntype = "http"\nurl = "{target.url}"\n')
    target.script.append(answer(413))
    with capture_logs() as events:
        synced.sync()
    whole, *halves = [request.headers["Idempotency-Key"] for request in target.requests if request.items]
    told = [
        batch
        for each in of(events, "batch_delivered")
        for batch in (each["batch"] if isinstance(each["batch"], list) else [each["batch"]])
    ]
    assert whole not in told
    assert told
    assert {*told} <= {*halves}


def test_every_line_of_a_pass_has_its_number_which_the_history_has_too(tmp_path: Path, database: str) -> None:
    feed = Feed("SELECT id, 10 / price AS part FROM item")
    synced = Synced(
        tmp_path, database, feeds={"items": feed}, daemon="max_pass_entities = 10\nbatch_entities = 10"
    )
    synced.sync()
    with capture_logs() as events:
        synced.sync("UPDATE item SET price = 0 WHERE id = 1")
        synced.sync("UPDATE item SET price = 2 WHERE id = 1")
    finished = [each["pass"] for each in of(events, "pass_finished")]
    assert finished == sorted(set(finished))
    assert [each["pass"] for each in of(events, "entity_failed")] == finished[:1]
    assert [each["pass"] for each in of(events, "entities_recovered")] == finished[-1:]
    kept = synced.value("SELECT array_agg(pass ORDER BY pass) FROM cdc.history_pass WHERE kind = 'fresh'")
    assert isinstance(kept, list)
    assert set(finished) <= {*kept}
