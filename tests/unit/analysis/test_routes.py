"""The routes of the queries in tests/fixtures/analysis, which read as documentation of what is followed."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis import analyse
from cdc_daemon.analysis.catalogue import FeedQuery, Output
from tests.unit.analysis.fixtures import CATALOGUE, Fixture, fixtures


@pytest.mark.parametrize("fixture", fixtures(), ids=lambda fixture: fixture.name)
def test_each_table_takes_the_expected_route(fixture: Fixture) -> None:
    """Kind and link columns of each occurrence; the reason, where a word of it is given."""
    outputs = tuple(Output(name, "text") for name in fixture.entity)
    query = FeedQuery("feed", fixture.query, fixture.query, outputs, fixture.entity, fixture.entity)

    found = {occurrence.alias: occurrence for occurrence in analyse(query, CATALOGUE).occurrences}

    for alias, kind, links, reason in fixture.expected:
        occurrence = found.pop(alias if alias in found else f"shop.{alias}")
        assert (occurrence.kind.value, occurrence.links) == (kind, links), occurrence
        assert reason in (occurrence.reason or "")
    assert not [occurrence for occurrence in found.values() if not occurrence.alias.startswith("shop.")]
