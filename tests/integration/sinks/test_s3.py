"""The s3 sink: objects, manifests, and what a crash between the two leaves."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.s3 import S3Sink
from tests.receivers.kinds import unique
from tests.receivers.processes import shared
from tests.receivers.records import FEED, delete, upsert
from tests.receivers.s3 import S3, S3Receiver

RECORDS = [upsert("a", 7), upsert("b", 5), delete("c", 9)]


@pytest.fixture
def receiver() -> Iterator[S3Receiver]:
    made = S3Receiver(shared(S3), unique())
    yield made
    made.close()


def test_a_manifest_says_what_is_in_its_object(receiver: S3Receiver) -> None:
    receiver.sink(compression="gzip").deliver(FEED, RECORDS)
    (manifest,) = receiver.manifests(FEED)
    body = receiver.content(manifest["object"])
    lines = gzip.decompress(body)
    assert manifest == {
        "feed": FEED,
        "object": f"shop/products/records/{9:020}-{manifest['sha256'][:16]}.ndjson.gz",
        "sha256": hashlib.sha256(lines).hexdigest(),
        "bytes": len(body),
        "records": 3,
        "first_revision": 5,
        "last_revision": 9,
    }
    assert [json.loads(line)["revision"] for line in lines.splitlines()] == [7, 5, 9]


class _Crash(BaseException):
    """What a test puts in the place of a crash of the machine: nothing catches it."""


@pytest.mark.parametrize("requests", range(4))
def test_a_crash_at_any_step_loses_nothing_and_repeats_nothing(
    receiver: S3Receiver, monkeypatch: pytest.MonkeyPatch, requests: int
) -> None:
    sink = receiver.sink()
    assert isinstance(sink, S3Sink)
    sink.deliver(FEED, [upsert("x", 1)])
    done = 0

    def crash(self: S3Sink) -> None:
        nonlocal done
        if done == requests:
            raise _Crash
        done += 1

    monkeypatch.setattr(S3Sink, "_begin_in_time", crash)  # called before each request that changes something
    try:
        sink.deliver(FEED, RECORDS)
    except _Crash:
        assert requests < 2
    monkeypatch.undo()
    again = receiver.sink()
    again.deliver(FEED, RECORDS)
    again.deliver(FEED, [upsert("y", 20)])
    assert [manifest["last_revision"] for manifest in receiver.manifests(FEED)] == [1, 9, 20]
    assert len(receiver.names("shop/products/records/")) == 3


def test_names_of_manifests_sort_as_they_were_written_also_if_the_clock_goes_back(
    receiver: S3Receiver,
) -> None:
    receiver.client.put_object(
        Bucket=receiver.bucket,
        Key="shop/products/manifests/29990101T000000.000000Z-0123456789abcdef.json",
        Body=b'{"object":"of a clock that was ahead","last_revision":0}',
    )
    sink = receiver.sink()
    for revision in range(1, 12):
        sink.deliver(FEED, [upsert("a", revision)])
    assert [manifest["last_revision"] for manifest in receiver.manifests(FEED)] == list(range(12))


def test_what_a_person_asks_for_again_is_written_again(receiver: S3Receiver) -> None:
    sink = receiver.sink()
    sink.deliver(FEED, RECORDS)
    sink.deliver(FEED, [replace(record, snapshot=12) for record in RECORDS])
    assert len(receiver.manifests(FEED)) == 2


def test_a_bucket_that_is_not_there_is_said(receiver: S3Receiver) -> None:
    sink = receiver.sink(bucket="nowhere")
    for records in (RECORDS, []):
        with pytest.raises(SinkUnavailable, match="NoSuchBucket") as raised:
            sink.deliver(FEED, records)
        assert "make the bucket" in str(raised.value.hint)
