"""The catalogue fingerprint: has anything changed that no trigger tells of?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cdc_daemon.errors import FeedError
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


@dataclass(frozen=True)
class Dependencies:
    """What a feed depends on in the catalogue, by oid.

    Attributes:
        columns: used columns of each source table.
        whole: source tables of which every column is used.
        functions: user-defined functions that the query calls.
        views: views that the query reads, and those that they read.
    """

    columns: Mapping[int, tuple[str, ...]]
    whole: tuple[int, ...] = ()
    functions: tuple[int, ...] = ()
    views: tuple[int, ...] = ()


def read(connection: Connection, dependencies: Dependencies) -> str:
    """The fingerprint as the transaction's snapshot sees it (about a millisecond).

    Raises:
        FeedError: schema cdc is not installed here.
    """
    pairs = [(relation, name) for relation, names in dependencies.columns.items() for name in names]
    row = connection.execute(
        statement("fingerprint.fingerprint"),
        {
            "relations": list(dependencies.columns),
            "column_relations": [relation for relation, _ in pairs],
            "columns": [name for _, name in pairs],
            "whole": list(dependencies.whole),
            "functions": list(dependencies.functions),
            "views": list(dependencies.views),
        },
    ).fetchone()
    if row is None:  # an aggregate without GROUP BY always yields a row
        raise FeedError("the catalogue gave no fingerprint", hint="run `cdc-daemon install`")
    return str(row[0])
