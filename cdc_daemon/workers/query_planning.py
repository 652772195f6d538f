"""Plans a feed's query: describes it in this database, analyses it, and refuses what can't be followed.

`planning` imports this module when it plans the first feed. No other module of this room loads the analysis.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.completed import accepting
from cdc_daemon.analysis.failure import attempted
from cdc_daemon.analysis.lint import statements
from cdc_daemon.analysis.model.catalogue import Catalogue, FeedQuery
from cdc_daemon.analysis.model.plan import Analysis, Verdict
from cdc_daemon.analysis.source_text import SqlText, without_last_semicolon
from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.catalogue import describe
from cdc_daemon.feeds.cross_check import check_routes, cross_check
from cdc_daemon.feeds.definition import REFRESH_AT, RESERVED, FeedDefinition
from cdc_daemon.pg.session import OWN_PATH, Connection
from cdc_daemon.settings import FeedSettings, Settings
from cdc_daemon.verdicts import VERDICTS, Accepting
from cdc_daemon.workers.coexistence import require_undistributed

_NEVER = frozenset(name for name, each in VERDICTS.items() if each.accepting is Accepting.NEVER)


class PlannedQuery(NamedTuple):
    """What planning finds out about a feed's query in this database."""

    definition: FeedDefinition
    analysis: Analysis
    catalogue: Catalogue


def plan_query(connection: Connection, settings: Settings, name: str) -> PlannedQuery:
    """Plan the query of one feed.

    Raises:
        FeedError: the query or its settings can't be used. The message has the place and the remedy.
    """
    feed = settings.feeds[name]
    text = without_last_semicolon(feed.text)
    # Check these before PostgreSQL does, because its errors have no place in the file.
    early = attempted(lambda: list(statements(SqlText(text))), lambda _: [])  # `analyse` checks again
    _refuse(feed, [each for each in early if each.name in _NEVER])
    try:
        query, catalogue = describe(
            connection,
            feed=name,
            text=text,
            key=feed.key,
            entity=feed.entity,
            search_path=settings.database.search_path,
            reads=feed.reads,
        )
    except FeedError as error:
        if error.at is None:
            raise
        line, column = error.at
        where = f"{feed.query_location}:{line}:{column}"
        raise FeedError(error.what, where=where, hint=error.hint, at=error.at) from error
    require_undistributed(connection, name, [table.oid for table in catalogue.tables.values()])
    analysis = cross_check(_analysed(query, catalogue), catalogue.dependencies)
    _refuse(feed, accepting(analysis, feed.accept).verdicts)
    analysis = accepting(check_routes(connection, analysis, catalogue), feed.accept)
    definition = FeedDefinition(
        name,
        text,
        query.outputs,
        feed.key,
        feed.entity,
        feed.hash_exclude,
        max_document_bytes=feed.max_document_bytes,
        search_path=settings.database.search_path,
        definition=query.definition,
        definition_path=query.search_path or OWN_PATH,
    )
    _check_columns(feed, definition)
    return PlannedQuery(definition, analysis, catalogue)


_latest: dict[str, tuple[FeedQuery, Catalogue, Analysis]] = {}
"""By feed: what was analysed last, and the outcome."""


def _analysed(query: FeedQuery, catalogue: Catalogue) -> Analysis:
    """Return the analysis; the last one of the feed if neither the query nor the catalogue has changed.

    The analysis of a long query takes more than a second. Each status and each start of a worker needs it.
    """
    known = _latest.get(query.feed)
    if known is None or known[:2] != (query, catalogue):
        known = _latest[query.feed] = (query, catalogue, analyse(query, catalogue))
    return known[2]


class QueryRefused(FeedError):
    """A feed's query has verdicts that its configuration does not accept.

    Args:
        query: path of its file.
        verdicts: the refusals, at least one.
    """

    def __init__(self, query: Path, verdicts: Sequence[Verdict]) -> None:
        told = [(location_of(query, each), f"{each.what} [{each.name}]", each.hint) for each in verdicts]
        where, what, hint = told[0]
        super().__init__(what, where=where, hint=hint, more=told[1:])
        self.verdicts = tuple(verdicts)


def location_of(query: Path, verdict: Verdict) -> str:
    """Return the place of a verdict as file:line:column, which editors understand."""
    return f"{query}:{verdict.line}:{verdict.column}" if verdict.line else str(query)


def _refuse(feed: FeedSettings, verdicts: Iterable[Verdict]) -> None:
    refused = [verdict for verdict in verdicts if verdict.refusal]
    if refused:
        raise QueryRefused(feed.query_location, refused)


def _check_columns(feed: FeedSettings, definition: FeedDefinition) -> None:
    for name in definition.identity:
        if name in RESERVED:
            raise FeedError(
                f"key and entity columns can't be called {name!r}: the stored feed has a column of that name",
                where=f"feeds.{definition.name}",
                hint=f'give it another name in the query: … AS "{definition.name}_{name}"',
            )
    for name in definition.entity:
        if definition.types[name].endswith("[]"):
            raise FeedError(
                f"entity column {name!r} is an array, and entities are looked up with = ANY of an array",
                where=f"feeds.{definition.name}",
                hint="name another column in `entity`, or cast it to text in the query",
            )
    type_ = definition.types.get(REFRESH_AT, "timestamp with time zone")
    if type_ != "timestamp with time zone":
        raise FeedError(
            f"{REFRESH_AT} is a {type_}, which is another moment in each time zone",
            where=str(feed.query_location),
            hint=f"say where: (…)::timestamp AT TIME ZONE 'Europe/Berlin' AS {REFRESH_AT}",
        )
    for name in feed.hash_exclude:
        if name not in definition.types:
            raise FeedError(
                f"names {name!r}, which the query does not yield",
                where=f"feeds.{definition.name}.hash_exclude",
                hint=f"the query yields {', '.join(definition.types)}",
            )
