"""The HTTP sink: sends a batch as requests, and converts their answers to refusals or errors."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPException
from urllib.parse import quote, urlsplit

from cdc_daemon.bounds import MOST_ANSWER_BYTES
from cdc_daemon.errors import CannotReadBack, RecordsRefused, SinkUnavailable
from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.batches import split
from cdc_daemon.sinks.http import answer as answers
from cdc_daemon.sinks.http.authorization import Authorization
from cdc_daemon.sinks.http.client import Answer, Client
from cdc_daemon.sinks.http.failure import unavailable
from cdc_daemon.sinks.http.item_errors import ItemErrors
from cdc_daemon.sinks.http.pacing import LONGEST_PAUSE_SECONDS, Pacing
from cdc_daemon.sinks.http.probe import steps
from cdc_daemon.sinks.http.read_back import read_pages
from cdc_daemon.sinks.http.request import Composer, Message
from cdc_daemon.sinks.read_back import Held, HeldEnd, ReadBack
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.sink import ProbeStep, Refusal, Sink

REMEMBERED_SECONDS = 600.0
"""Seconds during which requests stay smaller after one that was too large."""

_MOST_PAGE_BYTES = 16 * MOST_ANSWER_BYTES

PAUSE_SECONDS = 0.5
"""Seconds to pause after a pushback without a pause, if other requests of the call may have succeeded."""


class HttpSink(Sink, ReadBack):
    """POSTs records of one feed over kept connections, several requests at a time.

    A call of `deliver` gets the records of all requests that may be in flight. The caller reads
    `batch_records`, which follows the capacity of the target, before each call.

    Args:
        request_records, request_bytes: largest number of records and bytes of a request.
        url: template with placeholders.
        pacing: limits that the feeds of the sink share.
        in_flight: number of threads that send.
        connected: returns a client for a URL.
        tls: returns the TLS context.
        verify_url: template of the URL where the receiver lists its documents; None if it has none.
    """

    def __init__(
        self,
        *,
        name: str,
        request_records: int,
        request_bytes: int,
        timeout_seconds: float,
        url: str,
        composer: Composer,
        authorization: Authorization,
        item_errors: ItemErrors,
        pacing: Pacing,
        in_flight: int,
        connected: Callable[[str], Client],
        tls: Callable[[], ssl.SSLContext],
        verify_url: str | None = None,
    ) -> None:
        self.name = name
        self.timeout_seconds = timeout_seconds
        self.wants_previous = composer.format.wants_previous
        self._request_records = request_records
        self._request_bytes = request_bytes
        self._url = url
        self._composer = composer
        self._authorization = authorization
        self._item_errors = item_errors
        self._pacing = pacing
        self._in_flight = in_flight
        self._connected = connected
        self._tls = tls
        self._verify_url = verify_url
        self._smaller = (request_bytes, float("-inf"))  # bytes, and until when
        self._taken: list[str] = []
        self._opening = threading.Lock()
        self._client: Client | None = None
        self._senders: ThreadPoolExecutor | None = None
        self._fit()

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """POST the records and wait for the answers (see `Sink.deliver`)."""
        if not records:
            # A refusal is enough: the target was reached and accepted the credentials.
            with suppress(RecordsRefused):
                self._ping(feed)
            return ()
        until = time.monotonic() + self.timeout_seconds
        self._taken = []
        batches = list(split(records, self._request_records, self._bytes_now()))
        try:
            if len(batches) == 1:
                return self._send(feed, batches[0], until, alone=True)
            return self._send_together(feed, batches, until)
        finally:
            self.batches = self._taken
            self._fit()

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        """POST a record of the end (see `Sink.end_snapshot`)."""
        until = time.monotonic() + self.timeout_seconds
        self._send_message(end.feed, self._composer.end_message(end), (), until, alone=True)
        return True

    @property
    def can_read_back(self) -> bool:
        """Whether `verify_url` is set; see `ReadBack.can_read_back`."""
        return self._verify_url is not None

    def read_back(self, feed: str, key: Sequence[str]) -> Iterator[Sequence[Held | HeldEnd]]:  # noqa: ARG002
        """Ask `verify_url`; see `ReadBack.read_back`."""
        where = f"sink {self.name}, feed {feed}, verify_url"
        if self._verify_url is None:
            raise CannotReadBack(
                "its receiver can't be read back", where=where, hint="set verify_url (docs/http.md)"
            )
        url = placeholders.filled(self._verify_url, feed=quote(feed, safe=""), sink=quote(self.name, safe=""))
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return read_pages(target, lambda page: self._get(feed, page, where), where=where)

    def _get(self, feed: str, target: str, where: str) -> Answer:
        until = time.monotonic() + self.timeout_seconds
        authorization = self._authorization.header(until)
        headers = {"Accept": "application/json", **self._composer.headers}
        if authorization is not None:
            headers["Authorization"] = authorization
        try:
            with self._pacing.turn(until):
                answer = self._open_client(feed).exchange(
                    "GET", target, b"", headers, until, most_bytes=_MOST_PAGE_BYTES
                )
        except (OSError, HTTPException) as error:
            raise unavailable(error, where=where, timeout_seconds=self.timeout_seconds) from error
        secrets = [*self._composer.headers.values(), *self._authorization.secrets()]
        try:
            answers.judge(answer, where=where, secrets=secrets)
        except RecordsRefused as error:
            raise SinkUnavailable(str(error), where=where, hint="correct verify_url") from error
        return answer

    def probe(self, feed: str) -> Iterator[ProbeStep]:
        """Try name, connection, TLS and authorization, and POST an empty batch (see `Sink.probe`)."""
        return steps(
            self.url_of(feed),
            where=self._where(feed),
            timeout_seconds=self.timeout_seconds,
            tls=self._tls,
            authorization=self._authorization,
            headers=self._composer.headers,
            accept=lambda: self._ping(feed),
        )

    def close(self) -> None:
        """Close all connections. The next `deliver` opens those that it needs."""
        if self._senders is not None:
            self._senders.shutdown()
            self._senders = None
        self._disconnect()

    def url_of(self, feed: str) -> str:
        """Return the URL for a feed."""
        return placeholders.filled(self._url, feed=quote(feed, safe=""), sink=quote(self.name, safe=""))

    def _ping(self, feed: str) -> None:
        """POST an empty batch, which a receiver may refuse."""
        self._send(feed, (), time.monotonic() + self.timeout_seconds, alone=True)

    def _where(self, feed: str) -> str:
        return f"sink {self.name}, feed {feed}, {self.url_of(feed).partition('?')[0]}"

    def _send_together(
        self, feed: str, batches: Sequence[Sequence[Record]], until: float
    ) -> Sequence[Refusal]:
        if self._senders is None:
            self._senders = ThreadPoolExecutor(self._in_flight, thread_name_prefix=f"sink-{self.name}")
        failed = threading.Event()

        def send(batch: Sequence[Record]) -> Sequence[Refusal]:
            if failed.is_set():
                return ()  # the call fails, and the caller repeats all of it
            try:
                return self._send(feed, batch, until, alone=False)
            except BaseException:
                failed.set()
                raise

        sent = [self._senders.submit(send, batch) for batch in batches]
        wait(sent)
        return _together(sent)

    def _send(self, feed: str, batch: Sequence[Record], until: float, *, alone: bool) -> Sequence[Refusal]:
        """Send one request, and repeat it while its answers request that.

        Args:
            alone: whether the target can't have taken another request of the call.
        """
        message = self._composer.message(batch)
        try:
            return self._send_message(feed, message, batch, until, alone=alone)
        except (RecordsRefused, SinkUnavailable) as error:
            error.batch = error.batch or message.id
            raise

    def _send_message(
        self, feed: str, message: Message, batch: Sequence[Record], until: float, *, alone: bool
    ) -> Sequence[Refusal]:
        where = self._where(feed)
        renewed = False
        while True:
            authorization = self._authorization.header(until)
            answer, sent_at = self._exchange(feed, message, authorization, until, where)
            if (
                answer.status == HTTPStatus.UNAUTHORIZED
                and not renewed
                and self._authorization.refused(authorization)
            ):
                renewed = True
            elif answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and len(batch) > 1:
                return self._send_smaller(feed, batch, until, alone=alone)
            elif not self._is_to_be_sent_again(answer, sent_at, until, alone=alone):
                refusals = self._understood(answer, batch, authorization, where)
                if batch:
                    self._taken.append(message.id)
                return [replace(refusal, batch=message.id) for refusal in refusals] if refusals else refusals

    def _send_smaller(
        self, feed: str, batch: Sequence[Record], until: float, *, alone: bool
    ) -> Sequence[Refusal]:
        """Send a batch that was too large in halves, and remember its size for some time."""
        half = max(1, sum(record.size for record in batch) // 2)
        self._smaller = (min(half, self._bytes_now()), time.monotonic() + REMEMBERED_SECONDS)
        refusals: list[Refusal] = []
        for part in split(batch, self._request_records, half):
            refusals += self._send(feed, part, until, alone=alone)
            alone = False
        return refusals

    def _is_to_be_sent_again(self, answer: Answer, sent_at: float, until: float, *, alone: bool) -> bool:
        """Note a pushback. Return whether to wait here.

        If the target took other requests of the call, an error would repeat those too.
        """
        if answer.status not in answers.PUSHED_BACK:
            return False
        asked = answers.asked_pause(answer)
        pause = PAUSE_SECONDS if asked is None and not alone else asked or 0.0
        self._pacing.pushed_back(sent_at=sent_at, pause_seconds=pause)
        return not alone and pause <= LONGEST_PAUSE_SECONDS and time.monotonic() + pause < until

    def _understood(
        self, answer: Answer, batch: Sequence[Record], authorization: str | None, where: str
    ) -> Sequence[Refusal]:
        secrets = [*self._composer.headers.values(), *self._authorization.secrets()]
        if authorization is not None:
            secrets.append(authorization)
        answers.judge(answer, where=where, secrets=secrets)
        self._pacing.taken()
        return self._item_errors.refusals(
            answer, batch, where=where, shown=lambda said: answers.shown(said, secrets)
        )

    def _exchange(
        self, feed: str, message: Message, authorization: str | None, until: float, where: str
    ) -> tuple[Answer, float]:
        """Send one request in its turn. Return its answer and the time when it began."""
        parts = urlsplit(self.url_of(feed))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            with self._pacing.turn(until) as sent_at:
                try:
                    client = self._open_client(feed)
                    headers = self._composer.headers_of(message, authorization, int(time.time()))
                    return client.post(target, message.body, headers, until), sent_at
                except (OSError, HTTPException) as error:
                    if isinstance(error, TimeoutError):
                        self._pacing.pushed_back(sent_at=sent_at)
                    if isinstance(error, ssl.SSLError):
                        self._disconnect()  # the next client reads the certificates again
                    raise unavailable(error, where=where, timeout_seconds=self.timeout_seconds) from error
        except TimeoutError:
            paused = self._pacing.paused_seconds
            raise SinkUnavailable(
                "asked for a pause, which is not over"
                if paused
                else f"no request could begin within {self.timeout_seconds:g} s",
                where=where,
                hint=None if paused else "raise timeout_seconds, in_flight or requests_per_second",
                retry_after_seconds=paused or None,
            ) from None

    def _open_client(self, feed: str) -> Client:
        with self._opening:
            if self._client is None:
                self._client = self._connected(self.url_of(feed))
            return self._client

    def _disconnect(self) -> None:
        with self._opening:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _bytes_now(self) -> int:
        smaller, until = self._smaller
        return smaller if time.monotonic() < until else self._request_bytes

    def _fit(self) -> None:
        """Set the size of a call to the requests that may be in flight, so that a call is one round."""
        requests = self._pacing.affordable(self.timeout_seconds / 2)
        self.batch_records = self._request_records * requests
        self.batch_bytes = self._bytes_now() * requests


def _together(sent: Sequence[Future[Sequence[Refusal]]]) -> Sequence[Refusal]:
    """Return the refusals of several requests, or raise the most important error.

    SinkUnavailable precedes a refusal, so that the caller repeats the whole batch and does not halve it.
    """
    refusals: list[Refusal] = []
    failures: list[SinkUnavailable] = []
    refused: RecordsRefused | None = None
    for future in sent:
        try:
            refusals += future.result()
        except SinkUnavailable as error:
            failures.append(error)
        except RecordsRefused as error:
            refused = refused or error
    if failures:
        raise max(failures, key=lambda error: error.retry_after_seconds or 0.0)
    if refused is not None:
        raise refused
    return refusals
