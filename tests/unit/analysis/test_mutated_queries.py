"""No query, however odd, makes the analysis raise anything but an error of the query."""

from __future__ import annotations

import os
import random

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.dialect import Unreadable
from cdc_daemon.errors import FeedError
from tests.support.analysis_fixtures import CATALOGUE, feed_query, fixtures
from tests.support.mutated_queries import UNWRITABLE, mutant

EACH = int(os.environ.get("CDC_TEST_MUTANTS", "2"))
"""How many mutants of each documented query are tried."""


def test_a_mutated_query_is_analysed_or_refused() -> None:
    chance = random.Random(20261130)  # noqa: S311 # the same mutants each time
    every = [(fixture.query, fixture.entity) for fixture in fixtures()]
    queries = [query for query, _ in every]
    for query, entity in every:
        for _ in range(EACH):
            try:
                text = mutant(chance, query, queries)
            except (Unreadable, *UNWRITABLE):
                continue  # sqlglot can't write such a tree
            try:
                analysis = analyse(feed_query(text, *entity), CATALOGUE)
            except FeedError:
                continue
            assert analysis.feed == "feed"
