"""The routes of a feed as a picture."""

from __future__ import annotations

from markupsafe import Markup

from cdc_daemon.dashboard.charts.routes import Stop, Way, routes
from cdc_daemon.insight.feed_plan import PlannedFeed, PlannedOccurrence, PlannedRoute


def routes_picture(plan: PlannedFeed, feed: str) -> Markup:
    """Return the routes of a feed."""
    return routes(
        [_way(occurrence, route) for occurrence in plan.occurrences for route in occurrence.routes], feed=feed
    )


def _way(occurrence: PlannedOccurrence, route: PlannedRoute) -> Way:
    stops = [
        Stop(visit.table, ", ".join(visit.columns) or "every row", visit.indexed) for visit in route.visits
    ]
    links = ", ".join(occurrence.links)
    return Way(occurrence.table, occurrence.alias, route.kind, links, stops, occurrence.reach, route.reason)
