"""The canary: a change of the daemon's own takes the way of all changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cdc_daemon.errors import ConfigurationError
from cdc_daemon.settings import load
from tests.support.command import Command, Feed, execute
from tests.support.synced import ITEM_FEED, ITEMS

pytestmark = pytest.mark.any_server


@pytest.fixture
def shop(tmp_path: Path, database: str) -> Iterator[Command]:
    execute(database, ITEMS)
    command = Command(tmp_path, database, {"items": ITEM_FEED})
    yield command
    command.close()


def canary(shop: Command, text: str) -> None:
    with shop.config.open("a") as file:
        file.write(f"\n[canary]\n{text}\n")


def test_its_document_reaches_the_sink_again_and_again_and_its_lag_is_known(shop: Command) -> None:
    canary(shop, 'every_seconds = 0.1\nsinks = ["file"]')
    shop.call("install")
    daemon = shop.start()
    seen = daemon.await_event("batch_delivered", feed="canary")
    for _ in range(3):
        seen = daemon.await_event("batch_delivered", feed="canary", after=seen)
    beats = [record["data"]["beats"] for record in shop.records("canary")]
    assert beats == sorted(set(beats))
    assert daemon.end() == 0
    told = "SELECT sum(delivered) FROM cdc.delivery_sample WHERE feed = 'canary' AND seconds = 60"
    with psycopg.connect(shop.dsn) as session:
        [(delivered,)] = session.execute(told).fetchall()
    assert delivered >= 1


def test_without_it_there_is_no_such_feed(shop: Command) -> None:
    assert list(load(shop.config, {}).feeds) == ["items"]


@pytest.mark.parametrize(
    ("text", "field", "what"),
    [
        ('every_seconds = 5\nsinks = ["flie"]', "canary.sinks", "flie"),
        ("every_seconds = -1", "canary.every_seconds", "greater than or equal to 0"),
    ],
)
def test_a_wrong_setting_is_told_with_its_place(shop: Command, text: str, field: str, what: str) -> None:
    canary(shop, text)
    with pytest.raises(ConfigurationError) as caught:
        load(shop.config, {})
    [(where, told, _)] = caught.value.faults
    assert where.endswith(field)
    assert what in told


def test_a_feed_of_that_name_is_in_its_way(tmp_path: Path, database: str) -> None:
    shop = Command(tmp_path, database, {"canary": Feed("SELECT 1 AS id")})
    canary(shop, "every_seconds = 5")
    with pytest.raises(ConfigurationError) as caught:
        load(shop.config, {})
    assert [what for _, what, _ in caught.value.faults] == ["needs the name of feed canary"]
