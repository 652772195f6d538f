"""OpenTelemetry spans of a daemon's work, as an OTLP receiver gets them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from cdc_daemon.errors import ConfigurationError
from cdc_daemon.tracing import spans_to
from tests.receivers.http import Target, serving
from tests.support.command import execute
from tests.support.synced import Synced

pytestmark = pytest.mark.any_server


@pytest.fixture
def collector() -> Iterator[Target]:
    yield from serving(None)


def spans(collector: Target) -> list[Span]:
    found: list[Span] = []
    for request in collector.requests:
        for resource in ExportTraceServiceRequest.FromString(request.content).resource_spans:
            found += [span for scope in resource.scope_spans for span in scope.spans]
    return found


def test_a_delivery_is_linked_to_the_pass_whose_documents_it_delivers(
    tmp_path: Path, database: str, collector: Target
) -> None:
    synced = Synced(tmp_path, database)
    synced.sync()
    with synced.config.open("a") as file:
        file.write(f'\n[tracing]\nendpoint = "{collector.url}v1/traces"\n')
    execute(database, "UPDATE item SET price = 7 WHERE id = 1")
    synced.run_anew()  # the spans are sent before it ends
    found = {span.name: span for span in spans(collector)}
    assert found.keys() == {"fresh pass items", "send items to file"}
    made, sent = found["fresh pass items"], found["send items to file"]
    assert [link.span_id for link in sent.links] == [made.span_id]
    assert made.end_time_unix_nano > made.start_time_unix_nano
    attributes = {each.key: each.value for each in made.attributes}
    assert attributes["cdc.changed"].int_value == 1
    kept = synced.value("SELECT max(pass) FROM cdc.history_pass WHERE kind = 'fresh'")
    assert attributes["cdc.pass"].int_value == kept


def test_without_the_extra_the_setting_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigurationError) as caught:
        spans_to("http://localhost:4318/v1/traces")
    assert "cdc-daemon[otel]" in str(caught.value.faults)
