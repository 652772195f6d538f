"""The parts of an analysis besides routes: verdicts, locations, declared tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from sqlglot import exp

from cdc_daemon.analysis.failure import attempted
from cdc_daemon.analysis.lint import judge
from cdc_daemon.analysis.lint.key_uniqueness import nullable_outputs, proved_unique
from cdc_daemon.analysis.model.catalogue import Catalogue, FeedQuery
from cdc_daemon.analysis.model.plan import Analysis, Occurrence, Route, RouteKind
from cdc_daemon.analysis.model.scopes import Body
from cdc_daemon.analysis.report.lookups import lookups
from cdc_daemon.analysis.report.recomputation import joined_lookups
from cdc_daemon.analysis.source_text import Location, Locations, SqlText

_DECLARED = (
    "the feed declares it for a function (reads), and which documents a row of it changes is not known; "
    "write the function's query out in the feed's to have it followed"
)


def table_locations(query: FeedQuery, tree: exp.Query) -> Mapping[int, Location]:
    """The location of each table of the definition in the user's text, by its number in
    `find_all(exp.Table)`.
    """
    return Locations(SqlText(query.text), SqlText(query.definition)).of_tables(tree)


def completed(
    analysis: Analysis, query: FeedQuery, catalogue: Catalogue, tree: exp.Query | None, body: Body | None
) -> Analysis:
    """An analysis with everything besides routes added.

    Args:
        tree: the parsed definition; None if it could not be parsed.
        body: its scopes; None if it was not understood.
    """
    unwatched = frozenset(name for name, table in catalogue.tables.items() if not table.watchable)
    located = attempted(lambda: tuple(_located(analysis, query)), lambda _: analysis.occurrences)
    occurrences = (*located, *_declared(query, catalogue))
    completed = replace(
        analysis,
        occurrences=tuple(each for each in occurrences if each.table not in unwatched),
        verdicts=judge(query, catalogue, tree, body),
        unwatched=unwatched,
        nullable_key=query.key,
        search_path=query.search_path,
    )
    if body is None:
        return completed
    # Each of these only saves a warning, or gives one: nothing is lost without it.
    return replace(
        completed,
        lookups=attempted(lambda: lookups(body, query.entity), lambda _: ()),
        joined_lookups=attempted(lambda: joined_lookups(body, query.entity), lambda _: ()),
        unique_key=attempted(lambda: proved_unique(body, query.key), lambda _: False),
        nullable_key=attempted(lambda: nullable_outputs(body, query.key), lambda _: query.key),
    )


def accepting(analysis: Analysis, names: Collection[str]) -> Analysis:
    """An analysis with verdicts of these names marked as accepted in the feed's configuration."""
    verdicts = (replace(each, accepted=each.name in names) for each in analysis.verdicts)
    return replace(analysis, verdicts=tuple(verdicts))


def _located(analysis: Analysis, query: FeedQuery) -> Iterator[Occurrence]:
    """The occurrences. If the query was not understood, each gets the first location of its table."""
    locations = Locations(SqlText(query.text), SqlText(query.definition))
    for occurrence in analysis.occurrences:
        whole = occurrence.alias == str(occurrence.table)
        location = locations.of_relation(occurrence.table) if whole else None
        yield (
            occurrence
            if location is None
            else replace(occurrence, line=location.line, column=location.column)
        )


def _declared(query: FeedQuery, catalogue: Catalogue) -> Iterator[Occurrence]:
    """An occurrence with the route `all` for each source table that the feed declares."""
    route = Route(RouteKind.ALL, (), "", _DECLARED)
    for name in query.reads or ():
        yield Occurrence(name, "reads", (), tuple(sorted(catalogue.tables[name].columns)), (route,))
