"""The picture of the flow stays readable with many tables."""

from __future__ import annotations

import re

from cdc_daemon.dashboard.pictures.flow_picture import MOST_TABLES, flow_picture
from cdc_daemon.insight.flow import Capture, Flow, FlowFeed


def boxes(flow: Flow) -> list[str]:
    """The names of the boxes of tables."""
    return re.findall(r'class="node[^"]*table[^"]*".*?<text[^>]*>([^<]*)<', str(flow_picture(flow)))


def flow_of(tables: dict[str, list[str]]) -> Flow:
    """A flow of tables to the feeds that read them."""
    captures = [Capture(table, feed, "live") for table, feeds in tables.items() for feed in feeds]
    names = {feed: None for feeds in tables.values() for feed in feeds}
    return Flow(captures, [FlowFeed(feed, "live", 0.0, 0.0, 0.0) for feed in names], [], {})


def test_a_few_tables_have_a_box_each_without_the_usual_schema() -> None:
    found = boxes(flow_of({"public.price": ["products"], "sales.order": ["orders"]}))
    assert sorted(found) == ["price", "sales.order"]


def test_of_many_tables_those_of_the_same_feeds_share_a_box_that_names_them_all() -> None:
    tables = {f"public.t{n:02}": ["a"] for n in range(MOST_TABLES)}
    flow = flow_of({**tables, "public.both": ["a", "b"]})
    assert sorted(boxes(flow)) == ["both", f"t00 + {MOST_TABLES - 1}"]
    assert f"t{MOST_TABLES - 1:02}" in str(flow_picture(flow)), "as a title"
