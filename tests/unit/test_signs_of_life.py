"""A worker says that the database answers only after it has answered."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.service import Service
from cdc_daemon.settings import load
from cdc_daemon.supervisor import Worker

CONFIGURATION = """
[database]
dsn = "host=/nowhere dbname=shop"
[feeds.products]
query = "products.sql"
key = ["sku"]
[sinks.out]
type = "file"
path = "out/{feed}.ndjson"
[daemon]
rotation_seconds = 0.1
"""


def test_no_worker_gives_a_sign_of_life_while_the_database_is_away(tmp_path: Path) -> None:
    (tmp_path / "products.sql").write_text("SELECT sku FROM product")
    (tmp_path / "cdc.toml").write_text(CONFIGURATION)
    settings = load(tmp_path / "cdc.toml", {})
    service = Service(settings, settings.database.conninfo)
    workers: list[Worker] = [
        *service.feed_workers,
        *service.deliveries,
        service._workload.watcher(),
        service._workload.rotator(settings),
    ]
    heartbeats: list[str] = []
    for worker in workers:
        with pytest.raises(DatabaseUnavailable):
            worker.run(threading.Event(), lambda name=worker.name: heartbeats.append(name))
    assert heartbeats == []
