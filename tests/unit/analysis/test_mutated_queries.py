"""No query, however odd, makes the analysis raise anything but an error of the query."""

from __future__ import annotations

import os
import random

from cdc_daemon.analysis import analyse
from cdc_daemon.analysis.model.dialect import Unreadable, parse, render
from cdc_daemon.errors import FeedError
from tests.support.analysis_fixtures import CATALOGUE, feed_query, fixtures

EACH = int(os.environ.get("CDC_TEST_MUTANTS", "2"))
"""How many mutants of each documented query are tried."""


def mutant(chance: random.Random, query: str, others: list[str]) -> str:
    """A query in which a node was dropped, or replaced by one of its own or of another query."""
    tree = parse(query)
    nodes = list(tree.walk())[1:]
    node = chance.choice(nodes)
    if chance.random() < 0.4:
        node.pop()
    else:
        donor = parse(chance.choice(others)) if chance.random() < 0.5 else tree
        node.replace(chance.choice(list(donor.walk())[1:]).copy())
    return render(tree)


def test_a_mutated_query_is_analysed_or_refused() -> None:
    chance = random.Random(20261130)  # noqa: S311 # the same mutants each time
    every = [(fixture.query, fixture.entity) for fixture in fixtures()]
    queries = [query for query, _ in every]
    for query, entity in every:
        for _ in range(EACH):
            try:
                text = mutant(chance, query, queries)
            except (Unreadable, ValueError, AttributeError, TypeError, KeyError):
                continue  # sqlglot can't write such a tree
            try:
                analysis = analyse(feed_query(text, *entity), CATALOGUE)
            except FeedError:
                continue
            assert analysis.feed == "feed"
