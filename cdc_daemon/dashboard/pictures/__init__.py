"""Makes the pictures of pages from answers. Templates call these functions by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cdc_daemon.dashboard.charts.sparkline import sparkline
from cdc_daemon.dashboard.pictures.feed_charts import feed_charts
from cdc_daemon.dashboard.pictures.flow_picture import flow_picture
from cdc_daemon.dashboard.pictures.query import marked_query
from cdc_daemon.dashboard.pictures.routes_picture import routes_picture

PICTURES: Mapping[str, Callable[..., object]] = {
    "feed_charts": feed_charts,
    "flow_picture": flow_picture,
    "marked_query": marked_query,
    "routes_picture": routes_picture,
    "sparkline": sparkline,
}
"""The functions that templates call."""
