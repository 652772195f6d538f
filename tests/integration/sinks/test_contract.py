"""What every sink promises, on a real target of each kind: the same tests run over all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Sink
from tests.receivers.receiver import Documents, Receiver, key_of, meaning, state
from tests.receivers.records import FEED, delete, deliver, key, upsert


@pytest.fixture
def sink(receiver: Receiver) -> Iterator[Sink]:
    opened = receiver.sink()
    yield opened
    opened.close()


def test_what_the_target_holds_in_the_end_is_the_feed(sink: Sink, receiver: Receiver) -> None:
    calls = [
        [upsert(f"p{number}", number) for number in range(1, 21)],
        [upsert("p3", 21), delete("p4", 22), upsert("p5", 23)],
        [upsert("p3", 24), upsert("p21", 25), delete("p6", 26), delete("p5", 27)],
        [upsert("p4", 28)],
    ]
    for records in calls:
        assert deliver(sink, records) == set()
    assert receiver.documents(FEED) == state(record for records in calls for record in records)


def test_the_last_of_several_states_wins(sink: Sink, receiver: Receiver) -> None:
    for revision in range(1, 6):
        deliver(sink, [upsert("a", revision), upsert(f"b{revision}", revision + 10)])
    assert receiver.documents(FEED)['{"sku": "a"}'] == {"name": "a 5"}


def test_changes_of_one_key_come_in_their_order(sink: Sink, receiver: Receiver) -> None:
    if not receiver.keeps_history:
        return  # the test above says the same of what holds one state
    for first in (1, 11, 21):
        deliver(sink, [upsert(f"p{number}", first + number) for number in range(10)])
    history = receiver.history(FEED)
    for number in range(10):
        wanted = [number + first for first in (1, 11, 21)]
        assert [revision for sku, revision in history if sku == key_of(key(f"p{number}"))] == wanted


def test_a_batch_that_comes_again_changes_nothing(sink: Sink, receiver: Receiver) -> None:
    records = [upsert("a", 1), upsert("b", 2), delete("c", 3)]
    deliver(sink, records)
    before = receiver.documents(FEED)
    deliver(sink, records)
    assert receiver.documents(FEED) == before == state(records)
    if receiver.keeps_history and receiver.drops_repetitions:
        assert sorted(revision for _, revision in receiver.history(FEED)) == [1, 2, 3]


def test_a_batch_that_comes_again_to_a_new_connection_changes_nothing(receiver: Receiver) -> None:
    records = [upsert("a", 1), delete("b", 2)]
    for _ in range(2):
        sink = receiver.sink()
        deliver(sink, records)
        sink.close()
    assert receiver.documents(FEED) == state(records)
    if receiver.keeps_history and receiver.drops_repetitions:
        assert sorted(revision for _, revision in receiver.history(FEED)) == [1, 2]


def test_a_state_that_comes_late_is_not_taken_for_the_newest(sink: Sink, receiver: Receiver) -> None:
    deliver(sink, [upsert("a", 7), upsert("b", 8)])
    deliver(sink, [upsert("a", 3)])
    assert receiver.documents(FEED) == state([upsert("a", 7), upsert("b", 8)])


def test_a_state_that_comes_late_does_not_bring_a_deleted_document_back(
    sink: Sink, receiver: Receiver
) -> None:
    deliver(sink, [upsert("a", 3), upsert("b", 4)])
    deliver(sink, [delete("a", 7)])
    other = receiver.sink()  # of the daemon that was suspended
    deliver(other, [upsert("a", 3), upsert("never", 2)])
    other.close()
    assert receiver.documents(FEED) == state([upsert("b", 4), upsert("never", 2)])


def test_a_delete_that_comes_late_does_not_take_the_new_document_away(sink: Sink, receiver: Receiver) -> None:
    deliver(sink, [upsert("a", 1)])
    deliver(sink, [delete("a", 2)])
    deliver(sink, [upsert("a", 3)])
    deliver(sink, [delete("a", 2)])
    assert receiver.documents(FEED) == state([upsert("a", 3)])


def test_a_deleted_document_can_be_made_again_and_deleted_again(sink: Sink, receiver: Receiver) -> None:
    records = [upsert("a", 1), delete("a", 2), upsert("a", 3), delete("a", 4), upsert("a", 5)]
    for end in range(1, 6):
        deliver(sink, records[end - 1 : end])
        assert receiver.documents(FEED) == state(records[:end])


def test_a_document_that_was_never_there_can_be_deleted(sink: Sink, receiver: Receiver) -> None:
    assert deliver(sink, [delete("ghost", 1), upsert("a", 2)]) == set()
    assert receiver.documents(FEED) == state([upsert("a", 2)])


@pytest.mark.parametrize(
    "digits", ["1.10", "12345678901234567890.0123456789", "1E+400", "-0.0", "0.000", "9007199254740993"]
)
def test_the_digits_of_a_number_stay(sink: Sink, receiver: Receiver, digits: str) -> None:
    deliver(sink, [upsert("a", 1, b'{"price": %s}' % digits.encode())])
    assert receiver.documents(FEED) == {'{"sku": "a"}': {"price": digits}}


@pytest.mark.parametrize("text", ["Größe 😀", "a\u2028b", 'tab\tend\nquote"\\', "\u0000", "%s {} %(a)s"])
def test_text_stays_in_documents(sink: Sink, receiver: Receiver, text: str) -> None:
    document = json.dumps({"name": text, text: 1}, ensure_ascii=False).encode()
    deliver(sink, [upsert("a", 1, document)])
    assert receiver.documents(FEED) == {'{"sku": "a"}': meaning(document)}


@pytest.mark.parametrize(
    "sku", ["Größe 😀", "a b", "a.b", "a:b", "a*>#", "a/b", "a%3Ab", 'a"\\', "", "a\nb", "x" * 400, "{feed}"]
)
def test_any_text_can_be_a_key(sink: Sink, receiver: Receiver, sku: str) -> None:
    records = [upsert(sku, 1), upsert(f"{sku}2", 2)]
    assert deliver(sink, records) == set()
    assert receiver.documents(FEED) == state(records)
    deliver(sink, [delete(sku, 3)])
    assert receiver.documents(FEED) == state(records[1:])


def test_keys_of_several_columns_are_not_confused(sink: Sink, receiver: Receiver) -> None:
    keys = [b'{"a":"x:y","b":"z"}', b'{"a":"x","b":"y:z"}', b'{"a":1,"b":true}', b'{"a":"x","b":"y%3Az"}']
    records = [
        Record(FEED, one, "upsert", revision, "00", (), "2025-01-02T03:04:05Z", b"[%d]" % revision)
        for revision, one in enumerate(keys, 1)
    ]
    objects = [
        Record(r.feed, r.key, r.op, r.revision, r.hash, r.changed, r.captured_at, b'{"n":%d}' % r.revision)
        for r in records
    ]
    deliver(sink, objects)
    assert receiver.documents(FEED) == state(objects)


def test_white_space_between_tokens_is_no_matter(sink: Sink, receiver: Receiver) -> None:
    document = b'{"rows":[{"a":1}, \n {"a":2}],\r\n"b":"\\n"}'
    deliver(sink, [upsert("a", 1, document), upsert("b", 2)])
    assert receiver.documents(FEED)['{"sku": "a"}'] == meaning(document)


def test_a_document_larger_than_a_batch_goes_alone(receiver: Receiver) -> None:
    sink = receiver.sink(batch_bytes=1000)
    large = b'{"t":"%s"}' % (b"x" * 300_000)
    records = [upsert("a", 1), upsert("b", 2, large), upsert("c", 3)]
    assert deliver(sink, records) == set()
    sink.close()
    assert receiver.documents(FEED) == state(records)


def test_revisions_may_be_as_large_as_the_epochs_after_restores_make_them(
    sink: Sink, receiver: Receiver
) -> None:
    epoch = 3 << 48
    deliver(sink, [upsert("a", epoch + 9_999_999_999)])
    deliver(sink, [upsert("a", epoch + 10_000_000_000)])
    deliver(sink, [upsert("a", epoch + 9_999_999_999)])
    assert receiver.documents(FEED) == state([upsert("a", epoch + 10_000_000_000)])


def test_a_refused_record_keeps_none_of_its_batch_back(sink: Sink, receiver: Receiver) -> None:
    good = [upsert(f"p{number}", number) for number in range(1, 8)]
    deliver(sink, good)
    bad = receiver.refused(FEED)
    if bad is None:
        return
    newer = [upsert(f"p{number}", number + 100) for number in range(1, 8)]
    assert deliver(sink, [*newer[:3], bad, *newer[3:]]) == {key_of(bad.key)}
    assert receiver.documents(FEED) == state([*good, *newer])


def test_an_empty_batch_changes_nothing(sink: Sink, receiver: Receiver) -> None:
    assert not sink.deliver(FEED, [])
    assert receiver.documents(FEED) == {}
    deliver(sink, [upsert("a", 1)])
    assert not sink.deliver(FEED, [])
    assert receiver.documents(FEED) == state([upsert("a", 1)])


def test_a_probe_ends_with_accept(sink: Sink, receiver: Receiver) -> None:
    steps = list(sink.probe(FEED))
    assert [step.name for step in steps][-1] == "accept"
    assert not [step for step in steps if step.failure]
    assert receiver.documents(FEED) == {}


def test_a_closed_sink_delivers_again(sink: Sink, receiver: Receiver) -> None:
    deliver(sink, [upsert("a", 1)])
    sink.close()
    sink.close()
    deliver(sink, [upsert("b", 2)])
    assert receiver.documents(FEED) == state([upsert("a", 1), upsert("b", 2)])


def test_sinks_of_two_feeds_do_not_meet(receiver: Receiver) -> None:
    expected: dict[str, Documents] = {}
    for feed in ("products", "prices"):
        sink = receiver.sink()
        record = Record(
            feed,
            b'{"sku":"a"}',
            "upsert",
            1,
            "00",
            (),
            "2025-01-02T03:04:05Z",
            b'{"of":"%s"}' % feed.encode(),
        )
        sink.deliver(feed, [record])
        expected[feed] = state([record])
        sink.close()
    if receiver.kind != "stdout":  # one stream for all; `feed` in each record tells them apart
        assert {feed: receiver.documents(feed) for feed in expected} == expected


def test_the_settings_are_those_of_the_sink(receiver: Receiver) -> None:
    sink = receiver.sink(batch_records=3, batch_bytes=1000, timeout_seconds=7.5)
    assert (sink.name, sink.timeout_seconds) == ("target", 7.5)
    batches = receiver.batches_at_once
    assert (sink.batch_records, sink.batch_bytes) == (3 * batches, 1000 * batches)
    sink.close()


@pytest.mark.parametrize(
    "escape", [rb"\u0000", rb"\ud800", rb"\udc00x"], ids=["null", "high half", "low half"]
)
def test_a_text_that_a_target_may_not_be_able_to_hold_is_taken_or_refused_alone(
    sink: Sink, receiver: Receiver, escape: bytes
) -> None:
    """JSON may hold these escapes; jsonb, for one, does not."""
    odd = upsert("odd", 2, b'{"name":"' + escape + b'"}')
    refused = deliver(sink, [upsert("a", 1), odd, upsert("c", 3)])
    assert refused <= {key_of(odd.key)}
    told = deliver(sink, [delete("odd", 4)])
    assert told == set()
    assert receiver.documents(FEED) == state([upsert("a", 1), upsert("c", 3)])
