"""Plans the configured feeds: what to capture, to store and to run for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cdc_daemon.analysis.model.catalogue import Catalogue, Table, TableName, dotted
from cdc_daemon.analysis.model.conditions import dumps, fits, loads
from cdc_daemon.analysis.model.plan import Analysis
from cdc_daemon.capture.catalogue import Captured, read_source, recorded_names
from cdc_daemon.capture.fingerprint import Dependencies
from cdc_daemon.capture.names import names_of
from cdc_daemon.capture.source import Source
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.steps import WantedFeed
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings


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
    # The analysis and the SQL parser take a third of a second to import. `--help`, and most commands, plan no
    # feed, although their modules need the types of this module. So only the first plan imports them.
    from cdc_daemon.workers.query_planning import plan_query  # noqa: PLC0415 # see above

    return FeedPlan(*plan_query(connection, settings, name))


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
