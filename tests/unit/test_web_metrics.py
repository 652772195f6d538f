"""`/metrics`: the samples that are made of sums and of a status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cdc_daemon.insight.daemons import Daemons
from cdc_daemon.insight.feeds import FeedStatus
from cdc_daemon.insight.sinks import SinkStatus
from cdc_daemon.insight.status import Status
from cdc_daemon.web.metrics import DESCRIBED, exposition
from cdc_daemon.workers.samples import Delivered, Samples, Sums

LABELS = ("sink", "feed", "state", "version", "kind", "le")
STATUS = Status(
    [
        FeedStatus(
            "products",
            "live",
            rows=7,
            lag_seconds=0.5,
            backlog=3,
            sinks=[SinkStatus("catalog", undelivered=2, failure="503", parked=1, failed_items=4)],
        ),
        FeedStatus("orders", "stopped", rows=None, lag_seconds=None),
    ],
    daemons=Daemons(),
)


def samples(sums: Sums, status: Status | None) -> Mapping[tuple[str, tuple[str, ...]], float]:
    """Each sample by its name and the values of its labels: sink, feed, state, the limit of a bucket."""
    families = text_string_to_metric_families(exposition(sums, status).decode())
    return {
        (sample.name, tuple(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
        for family in families
        for sample in family.samples
    }


def test_answers_of_the_database_become_gauges() -> None:
    found = samples(Sums(), STATUS)
    assert found["cdc_feed_documents", ("products",)] == 7
    assert found["cdc_feed_backlog_entities", ("products",)] == 3
    assert found["cdc_sink_undelivered_documents", ("catalog", "products")] == 2
    assert found["cdc_sink_failing", ("catalog", "products")] == 1
    assert found["cdc_sink_parked_items", ("catalog", "products")] == 1
    assert found["cdc_daemons_running", ()] == 0
    states = {labels: value for (name, labels), value in found.items() if name == "cdc_feed_state" and value}
    assert states == {("products", "live"): 1, ("orders", "stopped"): 1}


def test_what_nobody_knows_has_no_sample() -> None:
    found = samples(Sums(), STATUS)
    assert ("cdc_feed_lag_seconds", ("orders",)) not in found
    assert found["cdc_feed_lag_known", ("orders",)] == 0
    assert ("cdc_feed_documents", ("orders",)) not in found


def test_without_the_database_only_the_process_is_told() -> None:
    found = samples(Sums(), None)
    assert found["cdc_database_answers", ()] == 0
    assert not [name for name, _ in found if name.startswith(("cdc_feed_", "cdc_sink_"))]


def test_sums_become_counters_and_histograms_and_never_go_down_when_they_are_stored() -> None:
    made = Samples()
    captured = [datetime.now(UTC) - timedelta(seconds=seconds) for seconds in (0.003, 0.4)]
    page = Delivered(
        "catalog", "products", 2, 100, 0.03, first_revision=1, last_revision=2, captured=captured
    )
    made.add_page(page)
    with made.taken():
        pass
    made.add_failure("catalog", "products", "pushback")
    found = samples(made.since_start(), None)
    place = ("catalog", "products")
    assert found["cdc_sink_delivered_records_total", place] == 2
    assert found["cdc_sink_delivered_bytes_total", place] == 100
    assert found["cdc_sink_failures_total", (*place, "pushback")] == 1
    assert found["cdc_sink_send_seconds_sum", place] == pytest.approx(0.03)
    buckets = {
        labels[-1]: value
        for (name, labels), value in found.items()
        if name == "cdc_sink_commit_to_delivered_seconds_bucket"
    }
    assert (buckets["0.2"], buckets["0.5"], buckets["+Inf"]) == (1, 2, 2)
    assert found["cdc_sink_commit_to_delivered_seconds_count", place] == 2


def test_every_metric_that_is_described_is_exposed_and_nothing_else() -> None:
    families = text_string_to_metric_families(exposition(Sums(), STATUS).decode())
    exposed = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    assert exposed == set(DESCRIBED)
