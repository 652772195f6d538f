"""A daemon keeps sums of its work, for rates and charts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from cdc_daemon.insight.passes import last_passes
from cdc_daemon.insight.rates import (
    MINUTE,
    SPANS,
    TEN_MINUTES,
    begin_of,
    delivery_samples,
    delivery_samples_of,
    feed_samples,
    feed_samples_of,
    percentile,
    read_delivery_rates,
    read_feed_rates,
)
from cdc_daemon.pg.session import Connection, connect
from cdc_daemon.workers.sampler import Sampler
from cdc_daemon.workers.samples import LIMITS_SECONDS, Delivered, Samples
from cdc_daemon.workers.witness import Witness
from tests.support.command import execute
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]


@pytest.fixture
def feeds(database: str, tmp_path: Path) -> Synced:
    return Synced(tmp_path, database)


def test_what_was_captured_recomputed_changed_and_delivered_can_be_drawn(feeds: Synced) -> None:
    feeds.sync()
    feeds.sync("UPDATE item SET price = 7 WHERE id <= 3", "UPDATE item SET price = 8 WHERE id = 3")
    with connect(feeds.dsn) as session:
        found = feed_samples(session, "items", width=TEN_MINUTES, ago_seconds=7 * 86400)
        assert sum(sample.captured for sample in found) == 4
        assert sum(sample.recomputed for sample in found) == 5 + 3
        assert sum(sample.changed for sample in found) == 5 + 3
        assert found[-1].lag_p50 is not None
        assert found[-1].pass_p99 is not None
        minutes = feed_samples(session, "items", width=MINUTE, ago_seconds=3600)
        assert sum(sample.changed for sample in minutes) == 5 + 3
        sent = delivery_samples(session, "file", "items", width=TEN_MINUTES, ago_seconds=7 * 86400)
        assert sum(sample.delivered for sample in sent) == 5 + 3
        assert sum(sample.failures for sample in sent) == 0
        assert sum(sample.bytes for sample in sent) > 100
        rates = read_feed_rates(session, "items", backlog=10)
        assert rates.changed > 0
        assert rates.caught_up_seconds == pytest.approx(10 / rates.recomputed, rel=0.1)
        assert read_delivery_rates(session, "file", "items", undelivered=0).delivered > 0
        assert read_feed_rates(session, "other", backlog=10).caught_up_seconds is None


def test_a_week_is_drawn_in_hours_and_the_last_passes_are_named(feeds: Synced) -> None:
    feeds.sync()
    feeds.sync("UPDATE item SET price = 7 WHERE id <= 3")
    insert = (
        "INSERT INTO cdc.feed_sample"
        " SELECT feed, 600, date_bin('1 hour', now(), 'epoch') - interval '{} minutes', 1, {}, {}, 1, {},"
        " array_fill({}, ARRAY[19]), pass_time FROM cdc.feed_sample LIMIT 1"
    )
    execute(feeds.dsn, insert.format(40, 10, 20, 15, 2), insert.format(50, 1, 2, 1, 1))
    with connect(feeds.dsn) as session:
        before, *_ = feed_samples_of(session, "items", SPANS["7d"])
        assert (before.seconds, before.passes, before.captured, before.changed) == (3600, 2, 11, 16)
        assert (before.lag_p50, before.lag_p99) == (1.0, LIMITS_SECONDS[-1])
        assert begin_of(SPANS["7d"], datetime.now(UTC)) <= before.began_at
        minutes = feed_samples_of(session, "items", SPANS["1h"])
        assert sum(sample.changed for sample in minutes) == 5 + 3
        sent = delivery_samples_of(session, "file", "items", SPANS["24h"])
        assert sum(sample.delivered for sample in sent) == 5 + 3
        fresh, chunk = last_passes(session, "items")
        assert (fresh.kind, fresh.entities, fresh.upserts, fresh.unchanged) == ("fresh", 3, 3, 0)
        assert fresh.tables == {"public.item": 3}
        assert fresh.lag_seconds is not None
        assert (chunk.kind, chunk.upserts, chunk.lag_seconds) == ("backlog", 5, None)
        assert len(last_passes(session, "items", limit=1)) == 1


def test_sums_of_several_daemons_add_up_and_old_ones_go(feeds: Synced) -> None:
    moment = datetime.now(UTC) - timedelta(seconds=3)
    daemons = Samples(), Samples()
    for samples in daemons:
        samples.add_page(Delivered("file", "items", 2, 10, 0.3, 1, 2, [moment, moment]))
        samples.add_failure("file", "items", "target")
    execute(
        feeds.dsn,
        "INSERT INTO cdc.feed_sample SELECT 'items', s, now() - interval '8 days', 1, 1, 1, 1, 1, '{}', '{}'"
        " FROM unnest(ARRAY[60, 600]) AS s",
    )
    for samples in daemons:
        sampler = Sampler(lambda: connect(feeds.dsn), samples, Witness(None))
        sampler._round()
        assert samples.is_empty()
    with connect(feeds.dsn) as session:
        (sample,) = delivery_samples(session, "file", "items", width=TEN_MINUTES, ago_seconds=3600)
    assert (sample.batches, sample.delivered, sample.failures) == (2, 4, 2)
    assert (sample.lag_p50, sample.send_p50) == (5.0, 0.5)
    assert feeds.value("SELECT count(*) FROM cdc.feed_sample") == 0


def test_sums_that_could_not_be_stored_are_kept(feeds: Synced) -> None:
    samples = Samples()
    samples.add_failure("file", "items", "target")

    @contextmanager
    def broken() -> Iterator[Connection]:
        with connect(feeds.dsn) as session:
            session.close()
            yield session

    with pytest.raises(psycopg.OperationalError):
        Sampler(broken, samples, Witness(None)).store()
    samples.add_failure("file", "items", "target")
    with samples.taken() as sums:
        assert sums.deliveries["file", "items"].failures == 2


def test_percentiles_are_limits_of_classes() -> None:
    classes = [0] * (len(LIMITS_SECONDS) + 1)
    assert percentile(classes, 0.5) is None
    classes[0], classes[4], classes[-1] = 98, 1, 1
    assert (percentile(classes, 0.5), percentile(classes, 0.99)) == (LIMITS_SECONDS[0], LIMITS_SECONDS[4])
    assert percentile(classes, 1.0) == LIMITS_SECONDS[-1]
