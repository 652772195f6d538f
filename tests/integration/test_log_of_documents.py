"""`logs documents`: what is delivered is logged for a while, without what must not be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cdc_daemon.pg.session import connect
from cdc_daemon.workers import control
from cdc_daemon.workers.payload_log import masked
from tests.support.command import Feed
from tests.support.synced import ITEMS, Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

FEED = Feed(
    "SELECT id, code, price, json_build_object('mail', 'a@b.example', 'code', code) AS owner FROM item"
)


@pytest.fixture
def synced(tmp_path: Path, database: str) -> Synced:
    made = Synced(tmp_path, database, schema=ITEMS, feeds={"items": FEED})
    made.config.write_text(made.config.read_text().replace("[log]\n", '[log]\nmask = ["mail", "price"]\n'))
    made.sync()
    return made


def logged(synced: Synced, *statements: str) -> list[Any]:
    with capture_logs() as events:
        synced.sync(*statements)
    return [event for event in events if event["event"] == "document_delivered"]


def test_documents_are_logged_only_when_asked_for_only_the_wanted_ones_and_only_until_the_end(
    synced: Synced,
) -> None:
    assert logged(synced, "UPDATE item SET code = 'x' WHERE id < 3") == []

    with connect(synced.dsn) as connection:
        control.log_payloads(connection, "items", {"id": "2"}, seconds=60)
    [event] = logged(synced, "UPDATE item SET code = 'y' WHERE id < 4")
    assert (event["key"], event["op"], event["refused"]) == ({"id": 2}, "upsert", False)
    assert event["document"]["code"] == "y"

    synced.value("UPDATE cdc.payload_log SET until = now() - interval '1 second' RETURNING true")
    assert logged(synced, "UPDATE item SET code = 'z' WHERE id = 2") == []


def test_masked_fields_are_hidden_at_any_depth(synced: Synced) -> None:
    with connect(synced.dsn) as connection:
        control.log_payloads(connection, "items", {}, seconds=60)
    [event] = logged(synced, "UPDATE item SET code = 'y' WHERE id = 2")
    assert event["document"]["price"] == "***"
    assert event["document"]["owner"] == {"mail": "***", "code": "y"}
    assert masked([{"a": [{"mail": 1}]}], {"mail"}) == [{"a": [{"mail": "***"}]}]


def test_the_command_asks_and_ends_it(synced: Synced) -> None:
    assert "delivered documents are logged until" in synced.call(
        "logs", "documents", "items", "--key", "id=2", "--minutes", "5"
    )
    assert synced.value("SELECT key->>'id' FROM cdc.payload_log") == "2"
    assert "no longer logged" in synced.call("logs", "documents", "items", "--off")
    assert synced.value("SELECT count(*) FROM cdc.payload_log") == 0


def test_a_deleted_document_is_logged_without_a_document(synced: Synced) -> None:
    with connect(synced.dsn) as connection:
        control.log_payloads(connection, "items", {}, seconds=60)
    [event] = logged(synced, "DELETE FROM item WHERE id = 2")
    assert (event["op"], event["document"]) == ("delete", None)
