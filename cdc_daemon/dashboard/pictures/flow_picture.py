"""The flow of all feeds as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    "up to date": "good",
    "delivering": "busy",
    "full snapshot": "busy",
    "paused": "held",
    "failing": "bad",
}
"""The tone of each state of a feed and of a delivery."""


MOST_TABLES = 16
"""Up to so many tables, each has a box. Of more, those that the same feeds read share one."""


def flow_picture(flow: Flow) -> Markup:
    """Return the flow of all feeds."""
    boxes = _boxes(flow)
    return drawn.flow(
        drawn.Flow(
            [drawn.Node(name, title=", ".join(tables)) for name, tables in boxes.items()],
            [_feed(each, flow) for each in flow.feeds],
            [_sink(sink, state) for sink, state in flow.sinks.items()],
            list(_captures(flow, boxes)),
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


def _boxes(flow: Flow) -> Mapping[str, Sequence[str]]:
    """Return the tables of each box, by the box's name."""
    feeds: dict[str, list[str]] = {}
    for each in flow.captures:
        feeds.setdefault(each.table, []).append(each.feed)
    if len(feeds) <= MOST_TABLES:
        return {_short(table): [table] for table in feeds}
    together: dict[tuple[str, ...], list[str]] = {}
    for table, readers in feeds.items():
        together.setdefault(tuple(readers), []).append(table)
    return {
        _short(tables[0]) + (f" + {len(tables) - 1}" if len(tables) > 1 else ""): tables
        for tables in together.values()
    }


def _short(table: str) -> str:
    return table.removeprefix("public.")


def _captures(flow: Flow, boxes: Mapping[str, Sequence[str]]) -> Iterator[drawn.Line]:
    """Yield the lines from tables. Nobody counts by table: the rate is that of all tables of the feed."""
    rates = {each.feed: each.captured for each in flow.feeds}
    box_of = {table: name for name, tables in boxes.items() for table in tables}
    states = {(box_of[each.table], each.feed): each.state for each in flow.captures}
    for (box, feed), state in states.items():
        captured = rates.get(feed, 0.0)
        title = f"{feed} reads {', '.join(boxes[box])}; from all of its tables {rate(captured)}"
        yield drawn.Line(box, feed, _tone(state), captured, title=title)


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
