"""The routes of the queries in tests/fixtures/analysis, which read as documentation of what is followed."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import FeedQuery, Output
from tests.support.analysis_fixtures import CATALOGUE, PUBLISHED, Fixture, differences, fixtures


@pytest.mark.parametrize("fixture", fixtures(), ids=lambda fixture: fixture.id)
def test_each_table_takes_the_expected_route(fixture: Fixture) -> None:
    """Kind and link columns of each occurrence; the reason, where a word of it is given."""
    outputs = tuple(Output(name, "text") for name in fixture.entity)
    query = FeedQuery("feed", fixture.query, fixture.query, outputs, fixture.entity, fixture.entity)

    found = {
        occurrence.alias: (occurrence.kind.value, occurrence.links, occurrence.reason or "")
        for occurrence in analyse(query, CATALOGUE).occurrences
    }
    # A query that is not understood takes every table of the catalogue, which holds more than it reads.
    named = {expected.alias for expected in fixture.expected}
    found = {name: each for name, each in found.items() if name in named or not name.startswith("shop.")}

    assert not differences(fixture, found)


def test_names_of_queries_are_unique() -> None:
    every = [fixture.id for folder in ("", *PUBLISHED) for fixture in fixtures(folder)]

    assert len(every) == len(set(every))
