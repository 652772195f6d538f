"""sqlglot's own scopes find the tables that ours find, over every fixture: one reader checks the other.

Decision 39 says why the analysis has scopes of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.analysis.model.dialect import parse
from tests.support.analysis_fixtures import CATALOGUE, Fixture, feed_query, fixtures


def tables_of(query: str, views: set[TableName]) -> Iterator[str]:
    """Each place where sqlglot sees a table read; of a view, once, the tables that it reads."""
    seen: set[int] = set()
    for scope in traverse_scope(parse(query)):
        for table in scope.tables:
            is_cte = not table.db and table.name in scope.cte_sources
            if id(table) in seen or is_cte or not isinstance(table.this, exp.Identifier):
                continue
            seen.add(id(table))
            name = TableName(table.db, table.name)
            view = CATALOGUE.views.get(name)
            if view is None:
                yield str(name)
            elif name not in views:
                views.add(name)
                yield from tables_of(view.definition, views)


@pytest.mark.parametrize("fixture", fixtures(), ids=lambda fixture: fixture.id)
def test_both_find_the_same_tables(fixture: Fixture) -> None:
    found = analyse(feed_query(fixture.query, *fixture.entity), CATALOGUE)
    ours = Counter(str(occurrence.table) for occurrence in found.occurrences)
    if ours.keys() == {str(name) for name in CATALOGUE.tables}:
        return  # a query that is not understood reads every table of the catalogue
    assert ours == Counter(tables_of(fixture.query, set()))
