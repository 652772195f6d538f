"""The server of a running daemon: what it tells is what `status` tells."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.receivers.web import free_port, get
from tests.support.command import Command, Feed, eventually, execute
from tests.support.synced import ITEMS

pytestmark = pytest.mark.any_server


def test_a_daemon_serves_metrics_and_status_of_its_own_work(tmp_path: Path, database: str) -> None:
    execute(database, ITEMS)
    command = Command(tmp_path, database, {"items": Feed("SELECT id, code, price FROM item")})
    port = free_port()
    with command.config.open("a") as file:
        file.write(f'\n[http]\nlisten = "127.0.0.1:{port}"\n')
    try:
        command.call("install")
        daemon = command.start()
        daemon.await_event("http_started")
        daemon.await_event("batch_delivered")
        eventually("the daemon is ready", lambda: get(port, "/readyz")[0] == 200)

        def sample(name: str) -> float | None:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                families = text_string_to_metric_families(answer.read().decode())
            found = [each.value for family in families for each in family.samples if each.name == name]
            return found[0] if found else None

        eventually("five documents are stored", lambda: sample("cdc_feed_documents") == 5)
        assert sample("cdc_sink_delivered_records_total") == 5
        assert sample("cdc_sink_commit_to_delivered_seconds_count") == 0, "a first sync has no lag"
        execute(database, "UPDATE item SET price = 9 WHERE id = 1")
        eventually("its lag counts", lambda: sample("cdc_sink_commit_to_delivered_seconds_count") == 1)
        status, told = get(port, "/status.json")
        assert (status, told["feeds"]["items"]["state"]) == (200, "live")
        assert told["feeds"]["items"].keys() == command.status()["items"].keys()
        assert json.dumps(told).count("127.0.0.1") == 0
    finally:
        command.close()
