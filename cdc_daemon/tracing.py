"""OpenTelemetry spans of the work: a pass, and the deliveries of what it stored.

A delivery is a span of its own, with links to the passes whose documents it delivers: one page may hold those
of several passes, and several sinks deliver those of one. The attributes follow OpenTelemetry's conventions
where there are some (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/).
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cdc_daemon import __version__
from cdc_daemon.errors import ConfigurationError
from cdc_daemon.workers.passes import Pass
from cdc_daemon.workers.samples import Delivered

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import SpanContext

MOST_PASSES = 1000
"""Number of passes of a feed that deliveries can be linked to."""

MOST_LINKS = 32
"""Largest number of links of a delivery."""


class Spans:
    """Makes spans of passes and deliveries. Any thread may call it.

    Args:
        provider: exports the spans.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("cdc-daemon", __version__)
        self._lock = threading.Lock()
        # The last revision of each recent pass, and its span.
        self._passes: defaultdict[str, deque[tuple[int, SpanContext]]] = defaultdict(
            lambda: deque(maxlen=MOST_PASSES)
        )

    def passed(self, feed: str, done: Pass) -> None:
        """Make the span of a pass or chunk."""
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"{done.kind} pass {feed}",
            start_time=ended - int(done.seconds * 1e9),
            attributes={
                "cdc.feed": feed,
                "cdc.pass": done.number,
                "cdc.entries": done.delta.entries,
                "cdc.tables": sorted(done.delta.tables),
                "cdc.entities": done.entities,
                "cdc.recomputed": done.recomputed.documents,
                "cdc.unchanged": done.recomputed.unchanged,
                "cdc.changed": done.recomputed.upserts + done.recomputed.deletes,
                "cdc.lag_seconds": done.lag_seconds,
            },
        )
        span.end(ended)
        if done.recomputed.revision:
            with self._lock:
                self._passes[feed].append((done.recomputed.revision, span.get_span_context()))

    def delivered(self, page: Delivered) -> None:
        """Make the span of a delivered page."""
        from opentelemetry.trace import Link, SpanKind  # noqa: PLC0415 # of an extra

        ended = time.time_ns()
        span = self._tracer.start_span(
            f"send {page.feed} to {page.sink}",
            kind=SpanKind.PRODUCER,
            links=[Link(context) for context in self._stored(page)],
            start_time=ended - int(page.seconds * 1e9),
            attributes={
                "cdc.feed": page.feed,
                "cdc.sink": page.sink,
                "cdc.first_revision": page.first_revision,
                "cdc.last_revision": page.last_revision,
                "messaging.operation.type": "send",
                "messaging.destination.name": page.feed,
                "messaging.batch.message_count": page.records,
            },
        )
        span.end(ended)

    def close(self) -> None:
        """Send what was not sent yet."""
        self._provider.shutdown()

    def _stored(self, page: Delivered) -> list[SpanContext]:
        with self._lock:
            return list(self._of_range(page))[-MOST_LINKS:]

    def _of_range(self, page: Delivered) -> Iterator[SpanContext]:
        """Yield the spans of the passes that gave out revisions of the page."""
        before = 0
        for last, context in self._passes[page.feed]:
            if last >= page.first_revision and before < page.last_revision:
                yield context
            before = last


def spans_to(endpoint: str) -> Spans:
    """Return spans that go to an OTLP endpoint, in batches, from a thread of their own.

    Raises:
        ConfigurationError: the extra `otel` is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            [
                (
                    "tracing.endpoint",
                    f"needs a package that is not installed: {error.name}",
                    "pip install 'cdc-daemon[otel]'",
                )
            ]
        ) from error
    provider = TracerProvider(
        resource=Resource.create({"service.name": "cdc-daemon", "service.version": __version__})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return Spans(provider)
