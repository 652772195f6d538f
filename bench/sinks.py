"""Compares each sink with its client library, one after the other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence

import urllib3
from urllib3.util import parse_url

from bench import brokers
from bench.contest import FEED, contest, records
from bench.figure import Figure
from bench.http_target import receiving
from bench.place import Place
from cdc_daemon.sinks.batches import split
from cdc_daemon.sinks.formats import framed
from cdc_daemon.sinks.http import HttpSettings

BATCH = 500
RECEIVER_MILLISECONDS = 5.0
"""Time that a receiver works on a request after it has read it, in milliseconds."""


def measure(place: Place) -> Iterator[Figure]:
    """Yield the figures of every sink."""
    yield from _http(place)
    yield from brokers.measure(place)


def _http(place: Place) -> Iterator[Figure]:
    documents = records(place.rounds(100_000, 20_000))
    payloads = [
        framed([one.encode() for one in batch], "array") for batch in split(documents, BATCH, 1 << 30)
    ]
    with receiving(RECEIVER_MILLISECONDS) as port:
        url = f"http://127.0.0.1:{port}/feeds/{FEED}"
        for in_flight in (1, 8, 32):
            settings = HttpSettings(url=url, in_flight=in_flight, batch_records=BATCH)
            yield from contest(
                place,
                f"http, {in_flight} in flight",
                sink=lambda settings=settings: settings.open("bench"),
                documents=documents,
                bare=lambda in_flight=in_flight: _post_all(url, payloads, in_flight),
            )


def _post_all(url: str, payloads: Sequence[bytes], threads: int) -> None:
    """Post all payloads with the library alone: its pool, and `threads` threads in a tight loop."""
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for payload in payloads:
        waiting.put(payload)
    headers = {"Content-Type": "application/json"}
    parts = parse_url(url)
    with urllib3.HTTPConnectionPool(parts.host or "", parts.port, maxsize=threads) as pool:

        def post() -> None:
            while True:
                try:
                    payload = waiting.get_nowait()
                except queue.Empty:
                    return
                assert pool.request("POST", parts.request_uri, body=payload, headers=headers).status == 204

        senders = [threading.Thread(target=post) for _ in range(threads)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
