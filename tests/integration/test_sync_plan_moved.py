"""The catalogue moves between a feed's plan and its first cursor."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import Catalogue, FeedQuery
from cdc_daemon.analysis.model.plan import Analysis
from cdc_daemon.errors import DefinitionDiffers
from cdc_daemon.workers import query_planning
from tests.conftest import Connect
from tests.support.command import execute
from tests.support.synced import Synced

pytestmark = pytest.mark.any_server

PARTITIONED = """
CREATE TABLE item (id int PRIMARY KEY, code text, price numeric) PARTITION BY RANGE (id);
CREATE TABLE item_low PARTITION OF item FOR VALUES FROM (0) TO (100);
INSERT INTO item VALUES (1, 'c1', 1);
CREATE TABLE item_high (id int PRIMARY KEY, code text, price numeric);
"""


def test_a_partition_attached_while_old_writers_are_awaited_is_noticed(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database, schema=PARTITIONED)
    writer = connect(autocommit=False)
    writer.execute("UPDATE item SET price = 2")

    def attach(_: object) -> None:
        execute(database, "ALTER TABLE item ATTACH PARTITION item_high FOR VALUES FROM (100) TO (200)")
        writer.commit()

    with feeds.feed_sync() as sync, pytest.raises(DefinitionDiffers):
        sync.begin(pause=lambda _: False, waiting=attach)
    feeds.sync()
    feeds.sync("INSERT INTO item_high VALUES (100, 'c100', 3)")  # past the parent's triggers
    feeds.assert_equal_to_the_query()


def test_a_query_is_analysed_again_only_when_the_catalogue_that_it_reads_has_changed(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysed: list[str] = []

    def counted(query: FeedQuery, catalogue: Catalogue) -> Analysis:
        analysed.append(query.feed)
        return analyse(query, catalogue)

    feeds = Synced(tmp_path, database)
    monkeypatch.setattr(query_planning, "analyse", counted)
    feeds.run_anew()
    feeds.read_status()
    assert analysed == []
    execute(database, "ALTER TABLE item ADD extra text")
    feeds.run_anew()
    assert analysed == ["items"]
    feeds.read_status()
    assert analysed == ["items"]
