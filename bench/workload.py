"""The standard workload of a query: changes of rows that fulfil its conditions, and of other rows.

For each table that the query reads it has insertions, a change of each used column (including keys and
foreign keys), a change of all of them in another row, a deletion of a row and of all rows that refer to it,
and a row that moves to another parent while a parent changes. Each step is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from psycopg import sql

from bench.sample import Place, Row, Sample, Table
from tests.support.delta import Connection


class Insertion(NamedTuple):
    """A row to insert."""

    table: Table
    row: Row


class Change(NamedTuple):
    """New values for some columns of a row."""

    table: Table
    place: Place
    values: Row


class Deletion(NamedTuple):
    """A row to delete."""

    table: Table
    place: Place


Step: TypeAlias = Sequence[Insertion | Change | Deletion]
"""The statements of one transaction."""


def workload(sample: Sample, feed: str, used: Mapping[str, Sequence[str]]) -> Iterator[Step]:
    """Yield the steps for one query.

    Args:
        feed: name of the query in the sample.
        used: the columns that it uses, by table.
    """
    for name, columns in used.items():
        table = sample.tables[name]
        mine, other = sample.matched(table, feed), sample.other(table, feed)
        yield [Insertion(table, row) for row in sample.fresh(table, feed)]
        changes = [(column, sample.another(table, column, mine)) for column in columns]
        for _, values in changes:
            yield [Change(table, table.places[mine], values)]
        elsewhere = [sample.another(table, column, other) for column in columns]
        yield [Change(table, table.places[other], values) for values in elsewhere]
        yield list(_deletions(sample, table, [mine]))
        for reference in table.references:
            parent = sample.tables[reference.table]
            plain = [column for column in used.get(parent.name, ()) if column not in parent.keys][:1]
            theirs = sample.matched(parent, feed)
            yield [
                Change(table, table.places[mine], sample.another(table, reference.columns[0], mine)),
                *(
                    Change(parent, parent.places[theirs], sample.another(parent, column, theirs))
                    for column in plain
                ),
            ]


def _deletions(
    sample: Sample, table: Table, numbers: Sequence[int], within: frozenset[str] = frozenset()
) -> Iterator[Deletion]:
    """Yield rows to delete, after the rows that refer to them."""
    for child in sample.tables.values():
        for reference in child.references:
            if reference.table != table.name or child.name in within | {table.name}:
                continue
            keys = [[table.rows[n][name] for name in reference.referred] for n in numbers]
            children = [
                n for n, row in enumerate(child.rows) if [row[name] for name in reference.columns] in keys
            ]
            yield from _deletions(sample, child, children, within | {table.name})
    for n in numbers:
        yield Deletion(table, table.places[n])


def run(connection: Connection, sample: Sample, step: Step) -> None:
    """Execute a step.

    Raises:
        psycopg.IntegrityError: a constraint forbids it.
    """
    here = sql.SQL("WHERE (tableoid, ctid) = (%s::oid, %s::tid)")
    for each in step:
        table = sample.identifier(each.table)
        match each:
            case Insertion():
                sample.insert(each.table, each.row)
            case Change() if each.values:
                sets = sql.SQL(", ").join(
                    sql.SQL("{} = %s").format(sql.Identifier(name)) for name in each.values
                )
                statement = sql.SQL("UPDATE {} SET {} {}").format(table, sets, here)
                connection.execute(statement, [*each.values.values(), *each.place])
            case Deletion():
                connection.execute(sql.SQL("DELETE FROM {} {}").format(table, here), each.place)
            case _:
                pass
