"""Full snapshots at a real target of each kind: they are taken whatever it holds, and their end is marked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from cdc_daemon.errors import RecordsRefused, TargetFault
from cdc_daemon.sinks.read_back import ReadBack, canonical
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.sink import Sink
from cdc_daemon.workers.held_documents import HeldDocuments
from tests.receivers.kafka import KAFKA, KafkaReceiver
from tests.receivers.kinds import unique
from tests.receivers.nats import NATS, NatsReceiver
from tests.receivers.opensearch import OpensearchReceiver
from tests.receivers.postgres import PostgresReceiver
from tests.receivers.processes import own, shared
from tests.receivers.rabbitmq import RABBITMQ, RabbitmqReceiver
from tests.receivers.receiver import Documents, Receiver, seen, state
from tests.receivers.records import FEED, delete, deliver, upsert
from tests.receivers.redis import RedisReceiver
from tests.receivers.s3 import S3Receiver

EARLIER = 1_700_000_000_000_000
"""Revisions are moments in microseconds: of an earlier life of the feed."""
SNAPSHOT = EARLIER + 1_000_000


@pytest.fixture
def sink(receiver: Receiver) -> Iterator[Sink]:
    opened = receiver.sink()
    yield opened
    opened.close()


def full(records: Sequence[Record], snapshot: int = SNAPSHOT) -> list[Record]:
    """The records as parts of a full snapshot."""
    return [replace(record, snapshot=snapshot, last_snapshot=snapshot) for record in records]


def after(record: Record, snapshot: int = SNAPSHOT) -> Record:
    """A record of what changed after that snapshot."""
    return replace(record, last_snapshot=snapshot)


def end(sink: Sink, snapshot: int = SNAPSHOT, feed: str = FEED) -> None:
    while not sink.end_snapshot(SnapshotEnd(feed, snapshot, "2025-01-02T03:04:05.678901Z")):
        pass


def test_a_record_of_a_full_snapshot_is_taken_whatever_the_target_holds(
    sink: Sink, receiver: Receiver
) -> None:
    deliver(sink, [upsert("a", EARLIER + 7), delete("b", EARLIER + 8), upsert("c", EARLIER + 9)])
    snapshot = [upsert("a", 1), upsert("b", 2), upsert("c", EARLIER + 9, b'{"name":"repaired"}')]
    deliver(sink, full(snapshot))
    end(sink)
    assert receiver.documents(FEED) == state(snapshot)


def test_a_delete_of_a_full_snapshot_is_taken_whatever_the_target_holds(
    sink: Sink, receiver: Receiver
) -> None:
    deliver(sink, [upsert("a", EARLIER + 7), upsert("b", EARLIER + 8)])
    deliver(sink, full([upsert("a", 1), delete("b", 2)]))
    assert receiver.documents(FEED) == state([upsert("a", 1)])


def test_what_a_full_snapshot_does_not_name_is_gone_at_its_end(sink: Sink, receiver: Receiver) -> None:
    deliver(sink, [upsert(f"p{number}", EARLIER + number) for number in range(1, 30)])
    kept = [upsert(f"p{number}", EARLIER + number) for number in range(1, 10)]
    deliver(sink, full(kept))
    end(sink)
    assert receiver.documents(FEED) == state(kept)
    end(sink)  # after a crash it comes once more
    deliver(sink, [after(upsert("p20", SNAPSHOT + 1))])
    end(sink)  # of a daemon that was suspended in it
    assert receiver.documents(FEED) == state([*kept, upsert("p20", SNAPSHOT + 1)])


def test_the_next_full_snapshot_removes_what_came_between(sink: Sink, receiver: Receiver) -> None:
    deliver(sink, full([upsert("a", EARLIER)]))
    end(sink)
    deliver(sink, [after(upsert("b", SNAPSHOT + 1)), after(upsert("c", SNAPSHOT + 2))])
    later = SNAPSHOT + 10
    deliver(sink, full([upsert("a", EARLIER), upsert("c", SNAPSHOT + 2)], later))
    end(sink, later)
    assert receiver.documents(FEED) == state([upsert("a", EARLIER), upsert("c", SNAPSHOT + 2)])


def test_a_record_of_a_full_snapshot_that_comes_late_does_not_replace_what_is_newer(
    sink: Sink, receiver: Receiver
) -> None:
    deliver(sink, full([upsert("a", EARLIER + 1), upsert("b", EARLIER + 2)]))
    end(sink)
    deliver(sink, [after(upsert("a", SNAPSHOT + 1)), after(delete("b", SNAPSHOT + 2))])
    other = receiver.sink()  # of the daemon that was suspended
    deliver(other, full([upsert("a", EARLIER + 1), upsert("b", EARLIER + 2)]))
    other.close()
    assert receiver.documents(FEED) == state([upsert("a", SNAPSHOT + 1)])


def test_a_full_snapshot_of_nothing_empties_the_target(sink: Sink, receiver: Receiver) -> None:
    deliver(sink, [upsert("a", EARLIER + 1)])
    end(sink)
    assert receiver.documents(FEED) == {}


def test_the_end_of_a_full_snapshot_to_a_target_that_has_nothing_yet(sink: Sink, receiver: Receiver) -> None:
    end(sink)
    assert receiver.documents(FEED) == {}


def test_the_end_of_one_feed_leaves_the_other_alone(receiver: Receiver) -> None:
    if receiver.kind == "stdout":
        return  # one stream for all; `feed` in each record tells them apart
    other = replace(upsert("a", EARLIER + 1), feed="prices")
    prices = receiver.sink()
    prices.deliver("prices", [other])
    prices.close()
    sink = receiver.sink()
    deliver(sink, [upsert("a", EARLIER + 1)])
    end(sink)
    sink.close()
    assert receiver.documents("prices") == state([other])
    assert receiver.documents(FEED) == {}


def test_a_sink_that_can_tell_counts_what_it_ignored_as_stale(sink: Sink, receiver: Receiver) -> None:
    deliver(sink, [upsert("a", EARLIER + 7), upsert("b", EARLIER + 8)])
    deliver(sink, [upsert("a", EARLIER + 7), upsert("b", EARLIER + 8)])
    assert sink.ignored == 0  # what comes again is no older state
    deliver(sink, [upsert("a", 1), delete("b", 2), upsert("c", 3)])
    can_tell = isinstance(receiver, RedisReceiver | PostgresReceiver | OpensearchReceiver)
    assert sink.ignored == (2 if can_tell else 0)


class TestPostgres:
    @pytest.fixture
    def receiver(self) -> Iterator[PostgresReceiver]:
        made = PostgresReceiver("snapshots")
        yield made
        made.close()

    def test_feeds_that_share_a_table_and_rows_of_others_are_left_alone(
        self, receiver: PostgresReceiver
    ) -> None:
        products, prices = (receiver.sink(table="shared") for _ in range(2))
        deliver(products, [upsert("a", EARLIER + 1)])
        prices.deliver("prices", [replace(upsert("b", EARLIER + 2), feed="prices")])
        with receiver.connect() as target:
            target.execute("""INSERT INTO shared VALUES ('{"sku":"own"}', '{}', 1, '', now())""")
        end(products)
        assert set(receiver.documents("shared")) == {'{"sku": "b"}', '{"sku": "own"}'}

    def test_tables_of_an_earlier_version_get_the_columns_and_their_rows_the_feed(
        self, receiver: PostgresReceiver
    ) -> None:
        sink = receiver.sink()
        deliver(sink, [upsert("a", EARLIER + 1), upsert("b", EARLIER + 2)])
        sink.close()
        with receiver.connect() as target:
            target.execute("ALTER TABLE products DROP COLUMN feed, DROP COLUMN snapshot")
            target.execute("ALTER TABLE products_deleted DROP COLUMN snapshot")
        deliver(sink, full([upsert("a", EARLIER + 1)]))
        end(sink)
        assert receiver.documents(FEED) == state([upsert("a", 1)]) | state([upsert("a", EARLIER + 1)])
        with receiver.connect() as target:
            target.execute("""INSERT INTO products VALUES ('{"sku":"own"}', '{}', 1, '', now())""")
            assert target.execute("SELECT feed FROM products WHERE revision = 1").fetchall() == [(None,)]

    def test_what_was_removed_at_the_end_does_not_come_back_late(self, receiver: PostgresReceiver) -> None:
        sink = receiver.sink()
        deliver(sink, [upsert("a", EARLIER + 1)])
        end(sink)
        deliver(sink, [upsert("a", EARLIER + 1)])
        assert receiver.documents(FEED) == {}


PRICE = replace(upsert("price", EARLIER + 1), feed="prices")


def _five_then_two(sink: Sink, prices: Sink) -> Documents:
    """Deliver documents and a full snapshot with fewer, then something later; what is to be there."""
    prices.deliver("prices", [PRICE])
    deliver(sink, [upsert(f"p{number}", EARLIER + number) for number in range(1, 6)])
    deliver(sink, [delete("p5", EARLIER + 6)])
    kept = [upsert("p1", EARLIER + 1), upsert("p6", EARLIER + 7)]
    deliver(sink, full(kept))
    end(sink)
    assert sink.removed == 3
    deliver(sink, [after(upsert("p2", SNAPSHOT + 1))])
    end(sink)  # of a daemon that was suspended in it
    deliver(sink, full([*kept, upsert("p2", SNAPSHOT + 1)], SNAPSHOT + 10))
    end(sink)
    assert sink.removed == 3
    return state([*kept, upsert("p2", SNAPSHOT + 1)])


@pytest.fixture
def kafka() -> Iterator[KafkaReceiver]:
    made = KafkaReceiver(shared(KAFKA), unique())
    yield made
    made.close()


def test_a_compacted_topic_holds_nothing_that_the_snapshot_did_not_name(kafka: KafkaReceiver) -> None:
    topic = str(kafka.settings()["topic"]).replace("{feed}", FEED)  # of both feeds
    expected = _five_then_two(kafka.sink(topic=topic), kafka.sink(topic=topic))
    assert kafka.compacted(FEED) == expected | state([PRICE])


def test_a_topic_that_is_larger_than_may_be_read_is_said_and_gets_its_end(kafka: KafkaReceiver) -> None:
    sink = kafka.sink(sweep_messages=3)
    deliver(sink, [upsert(f"p{number}", EARLIER + number) for number in range(1, 6)])
    with pytest.raises(RecordsRefused, match="up to 9 messages") as raised:
        end(sink)
    assert "sweep_messages" in str(raised.value.hint)
    assert kafka.documents(FEED) == {}
    assert len(kafka.compacted(FEED)) == 5


def test_a_change_behind_the_end_in_one_partition_is_not_lost_to_the_end_in_another(
    kafka: KafkaReceiver,
) -> None:
    sink = kafka.sink()
    # More than is fetched of a partition at once, so that its end is read after all of the others.
    bulky = [upsert("p1", EARLIER + number, b'{"t":"%s"}' % (b"x" * 900_000)) for number in range(1, 4)]
    changes = [upsert(f"p{number}", SNAPSHOT + number) for number in range(1, 31)]
    deliver(sink, full([*bulky, *(upsert(f"p{number}", EARLIER + number) for number in range(2, 21))]))
    end(sink)
    deliver(sink, [after(change) for change in changes])
    held = HeldDocuments()
    assert isinstance(sink, ReadBack)
    for page in sink.read_back(FEED, ["sku"]):
        held.add(page)
    sink.close()
    found = [held.take(canonical(change.key)) for change in changes]
    assert [each.revision for each in found if each] == [change.revision for change in changes]
    held.close()


def test_a_topic_that_begins_at_0_again_is_another_one(kafka: KafkaReceiver) -> None:
    sink = kafka.sink()
    deliver(sink, [upsert(f"p{number}", EARLIER + number) for number in range(1, 6)])
    mark = sink.sign(FEED)
    assert sink.recognized(FEED, mark) == mark
    cluster, partition, offset = mark.rsplit("/", 2)
    again = kafka.sink()
    assert again.recognized(FEED, f"{cluster}/{partition}/{int(offset) + 1}") == ""
    assert again.recognized("other", mark) == ""
    other = KafkaReceiver(own(KAFKA, unique()), unique())
    elsewhere = other.sink()
    deliver(elsewhere, [upsert(f"p{number}", EARLIER + number) for number in range(1, 6)])
    assert elsewhere.recognized(FEED, mark) == ""
    other.close()
    other.stop()


@pytest.fixture
def nats() -> Iterator[NatsReceiver]:
    made = NatsReceiver(shared(NATS), unique())
    yield made
    made.close()


def test_a_stream_of_latest_states_holds_nothing_that_the_snapshot_did_not_name(nats: NatsReceiver) -> None:
    asyncio.run(nats.make(max_msgs_per_subject=1))
    expected = _five_then_two(nats.sink(), nats.sink())
    latest = [seen(message) for message in nats.messages(FEED)]
    assert {one.key: one.document for one in latest if one.document and not one.ends} == expected
    assert len(nats.messages("prices")) == 1


def test_a_stream_that_keeps_one_message_a_subject_is_recognized_until_it_is_emptied(
    nats: NatsReceiver,
) -> None:
    asyncio.run(nats.make(max_msgs_per_subject=1))
    sink = nats.sink()
    deliver(sink, [upsert("a", EARLIER + 1)])
    mark = sink.sign(FEED)
    deliver(sink, [upsert("a", EARLIER + 2)])
    assert sink.recognized(FEED, mark) == mark
    nats.losses(FEED)["purged"]()
    assert sink.recognized(FEED, mark) == ""


def test_a_queue_that_is_deleted_between_two_looks_is_noticed_all_the_same() -> None:
    receiver = RabbitmqReceiver(shared(RABBITMQ), unique())
    sink = receiver.sink()
    deliver(sink, [upsert("a", EARLIER + 1)])
    mark = sink.sign(FEED)
    assert sink.recognized(FEED, mark) == mark
    receiver.losses(FEED)["queue deleted"]()
    with pytest.raises(TargetFault):  # no queue takes it
        sink.deliver(FEED, [upsert("b", EARLIER + 2)])
    assert sink.recognized(FEED, mark) == ""
    deliver(sink, [upsert("a", EARLIER + 1)])
    assert sink.recognized(FEED, sink.sign(FEED)) == mark
    receiver.losses(FEED)["queue deleted"]()
    sink.close()  # the connection broke
    deliver(sink, [upsert("b", EARLIER + 2)])  # which makes the queue anew
    assert sink.recognized(FEED, mark) == ""
    receiver.close()


def test_the_end_of_a_full_snapshot_in_a_bucket_is_a_manifest(receiver: Receiver) -> None:
    if not isinstance(receiver, S3Receiver):
        return
    sink = receiver.sink()
    deliver(sink, full([upsert("a", EARLIER + 1)]))
    end(sink)
    sink.close()
    first, last = receiver.manifests(FEED)
    assert first["snapshot"] == SNAPSHOT
    assert last == {"feed": FEED, "snapshot_end": SNAPSHOT, "object": None, "records": 0}
