"""Plans the configured feeds: what to capture, to store and to run for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cdc_daemon.analysis import analyse
from cdc_daemon.analysis.completed import accepting
from cdc_daemon.analysis.failure import attempted
from cdc_daemon.analysis.lint import statements
from cdc_daemon.analysis.model.catalogue import Catalogue, FeedQuery, Table, TableName, dotted
from cdc_daemon.analysis.model.conditions import dumps, fits, loads
from cdc_daemon.analysis.model.plan import Analysis, Verdict
from cdc_daemon.analysis.source_text import SqlText, without_last_semicolon
from cdc_daemon.capture.catalogue import Captured, read_source, recorded_names
from cdc_daemon.capture.fingerprint import Dependencies
from cdc_daemon.capture.names import names_of
from cdc_daemon.capture.source import Source
from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.catalogue import describe
from cdc_daemon.feeds.cross_check import check_routes, cross_check
from cdc_daemon.feeds.definition import REFRESH_AT, RESERVED, FeedDefinition
from cdc_daemon.feeds.steps import WantedFeed
from cdc_daemon.pg.session import OWN_PATH, Connection
from cdc_daemon.settings import FeedSettings, Settings
from cdc_daemon.verdicts import VERDICTS, Accepting
from cdc_daemon.workers.coexistence import require_undistributed

_NEVER = frozenset(name for name, each in VERDICTS.items() if each.accepting is Accepting.NEVER)


@dataclass(frozen=True)
class FeedPlan:
    """Everything that is derived from a feed's query and this database."""

    definition: FeedDefinition
    analysis: Analysis
    catalogue: Catalogue

    @cached_property
    def links(self) -> dict[TableName, tuple[str, ...]]:
        """The links that the feed's routes read, by source table."""
        found: dict[TableName, set[str]] = {}
        for occurrence in self.analysis.occurrences:
            found.setdefault(occurrence.table, set()).update(occurrence.links)
        return {table: tuple(sorted(names)) for table, names in found.items()}

    @cached_property
    def columns(self) -> dict[TableName, tuple[str, ...]]:
        """The columns whose change counts for the feed, by source table."""
        found: dict[TableName, set[str]] = {}
        for occurrence in self.analysis.occurrences:
            found.setdefault(occurrence.table, set()).update(occurrence.columns, occurrence.links)
        return {table: tuple(sorted(names)) for table, names in found.items()}

    @cached_property
    def filters(self) -> dict[TableName, frozenset[str]]:
        """Conditions (JSON) by source table, of which a row must fulfil at least one to count for the feed.

        A table of which every row counts is not in it.
        """
        found: dict[TableName, set[str] | None] = {}
        for occurrence in self.analysis.occurrences:
            known = found.setdefault(occurrence.table, set())
            if known is None or occurrence.row_filter is None:
                found[occurrence.table] = None
            else:
                known.add(dumps(occurrence.row_filter))
        return {table: frozenset(known) for table, known in found.items() if known is not None}

    @cached_property
    def dependencies(self) -> Dependencies:
        """The objects that the catalogue fingerprint covers."""
        tables, code = self.catalogue.tables, self.catalogue.code
        return Dependencies(
            columns={tables[table].oid: names for table, names in self.columns.items()},
            whole=tuple(
                tables[table].oid
                for table, names in self.columns.items()
                if len(names) == len(tables[table].columns)
            ),
            functions=code.functions,
            views=code.views,
            types=code.types,
            operators=code.operators,
            unique_keys=tuple((table.oid, key) for table in tables.values() for key in table.numbered_keys),
            foreign_keys=tuple(
                (table.oid, key.oid) for table in tables.values() for key in table.foreign_keys
            ),
            names=code.names,
            symbols=code.symbols,
            schemas=code.schemas,
        )

    @property
    def wanted(self) -> WantedFeed:
        """The feed's part of the installation."""
        return WantedFeed(
            self.definition,
            tuple(sorted(map(str, self.columns))),
            tuple(sorted(dotted(*table, name) for table, names in self.columns.items() for name in names)),
            {str(table): sorted(self.filters[table]) for table in sorted(self.filters)},
            {str(code): f"{code.owner} {code.definition}" for code in self.catalogue.code.foreign},
        )


def plan_feed(connection: Connection, settings: Settings, name: str) -> FeedPlan:
    """Plan one feed.

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
    return FeedPlan(definition, analysis, catalogue)


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


def plan_sources(
    connection: Connection,
    plans: Iterable[FeedPlan],
    *,
    keep: Mapping[TableName, Captured] | None = None,
    context: bool = False,
) -> list[Source]:
    """Return how to capture every source table for all feeds together, in the order of their names.

    Args:
        keep: present captures that must stay, because feeds that are not in `plans` may need them.
        context: whether entries carry the application_name and the session user of the writer.
    """
    plans = list(plans)
    recorded = recorded_names(connection)
    found: list[Source] = []
    for table in sorted({table for plan in plans for table in plan.columns}):
        described = next(plan.catalogue.tables[table] for plan in plans if table in plan.columns)
        kept = (keep or {}).get(table, Captured())
        links = {name for plan in plans for name in plan.links.get(table, ())}
        columns = {name for plan in plans for name in plan.columns.get(table, ())}
        found.append(
            read_source(
                connection,
                described,
                names=names_of(table, recorded),
                # If a column was dropped, the feed that needs it stops, and capture goes on for the others.
                links=links | {name for name in kept.links if name in described.columns},
                columns=columns | {name for name in kept.columns if name in described.columns},
                filters=_filters(described, kept, [plan for plan in plans if table in plan.columns]),
                context=context or kept.context,
            )
        )
    return found


def _filters(table: Table, kept: Captured, plans: Sequence[FeedPlan]) -> frozenset[str] | None:
    """Return the conditions of all feeds on a table's rows; None if a feed needs every row."""
    found = [plan.filters.get(table.name) for plan in plans]
    if kept.filters is None or None in found:
        return None
    types = {name: column.comparison_type for name, column in table.columns.items()}
    # Drop a condition on a dropped or retyped column: its feed stops or is planned anew.
    still = frozenset(each for each in kept.filters if fits(loads(each), types))
    return still.union(*(each for each in found if each is not None))
