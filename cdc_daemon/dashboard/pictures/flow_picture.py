"""The flow of all feeds as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from markupsafe import Markup

from cdc_daemon.dashboard.charts import flow as drawn
from cdc_daemon.dashboard.formats import rate, seconds
from cdc_daemon.insight.flow import Delivery, Flow, FlowFeed

TONES: Mapping[str, str] = {
    "live": "good",
    "syncing": "busy",
    "new": "busy",
    "partial": "held",
    "stopped": "bad",
    "missing": "bad",
    "not followed": "bad",
    "delivering": "good",
    "behind": "busy",
    "snapshot": "busy",
    "paused": "held",
    "failing": "bad",
}
"""The tone of each state of a feed and of a delivery."""


def flow_picture(flow: Flow) -> Markup:
    """Return the flow of all feeds."""
    tables = dict.fromkeys(each.table for each in flow.captures)
    return drawn.flow(
        drawn.Flow(
            [drawn.Node(table, title=table) for table in tables],
            [_feed(each, flow) for each in flow.feeds],
            [_sink(sink, state) for sink, state in flow.sinks.items()],
            list(_captures(flow)),
            [_delivery(each) for each in flow.deliveries],
        )
    )


def _feed(feed: FlowFeed, flow: Flow) -> drawn.Node:
    title = f"feed {feed.feed}: {feed.state}, lag {seconds(feed.lag_seconds)}"
    delivered = sum(each.delivered for each in flow.deliveries if each.feed == feed.feed)
    return drawn.Node(
        feed.feed,
        _tone(feed.state),
        feed.state,
        f"/feeds/{_quoted(feed.feed)}",
        title,
        rate(feed.captured) if feed.captured else "",
        rate(delivered) if delivered else "",
    )


def _sink(sink: str, state: str) -> drawn.Node:
    return drawn.Node(sink, _tone(state), state, f"/sinks/{_quoted(sink)}", f"sink {sink}: {state}")


def _captures(flow: Flow) -> Iterator[drawn.Line]:
    """Yield the lines from tables. Nobody counts by table: the rate is that of all tables of the feed."""
    rates = {each.feed: each.captured for each in flow.feeds}
    for each in flow.captures:
        captured = rates.get(each.feed, 0.0)
        title = f"{each.feed} reads {each.table}; from all of its tables {rate(captured)}"
        yield drawn.Line(each.table, each.feed, _tone(each.state), captured, title=title)


def _delivery(each: Delivery) -> drawn.Line:
    title = (
        f"{each.feed} to {each.sink}: {each.state}, {rate(each.delivered)}, "
        f"lag {seconds(each.lag_seconds)}, {each.undelivered:,} undelivered"
    )
    words = rate(each.delivered) if each.delivered else ""
    return drawn.Line(each.feed, each.sink, _tone(each.state), each.delivered, words, title)


def _tone(state: str) -> str:
    return TONES.get(state, "idle")


def _quoted(name: str) -> str:
    return quote(name, safe="")
