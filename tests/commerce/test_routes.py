"""How changes find the documents of the pack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cdc_daemon.analysis.plan import RouteKind
from cdc_daemon.cli.plans import plan_feeds
from cdc_daemon.pg.session import connect
from tests.commerce.pack import settings
from tests.commerce.shop import ROOT

# Planning thirteen feeds takes seconds, on a loaded machine a minute.
pytestmark = pytest.mark.timeout(300)


def test_only_what_the_documentation_gives_reasons_for_recomputes_a_whole_feed(
    database: str, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "commerce.md").read_text("utf-8")
    routes = page[page.index("## Routes") :]
    documented = set(re.findall(r"^\| `(\w+)` \| `(\w+)` \| .+ \|$", routes, re.MULTILINE))
    configuration = settings(database, tmp_path)
    with connect(database) as connection:
        plans = plan_feeds(connection, configuration, list(configuration.feeds))
    places = [(plan.definition.name, place) for plan in plans for place in plan.analysis.occurrences]
    assert {(feed, place.table.name) for feed, place in places if place.kind is RouteKind.ALL} == documented
    assert f"each of {len(places)} places" in page
    warned = [(plan.definition.name, verdict) for plan in plans for verdict in plan.analysis.verdicts]
    assert [(feed, verdict) for feed, verdict in warned if not verdict.accepted] == []
