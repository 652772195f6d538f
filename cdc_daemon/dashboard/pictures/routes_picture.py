"""The routes of a feed as a picture."""

from __future__ import annotations

from markupsafe import Markup

from cdc_daemon.dashboard.charts.routes import Stop, Way, routes
from cdc_daemon.insight.feed_plan import PlannedFeed, PlannedPlace, PlannedRoute


def routes_picture(plan: PlannedFeed, feed: str) -> Markup:
    """Return the routes of a feed."""
    return routes([_way(place, route) for place in plan.places for route in place.routes], feed=feed)


def _way(place: PlannedPlace, route: PlannedRoute) -> Way:
    stops = [
        Stop(visit.table, ", ".join(visit.columns) or "every row", visit.indexed) for visit in route.visits
    ]
    links = ", ".join(place.links)
    return Way(place.table, place.alias, route.kind, links, stops, place.reach, route.reason)
