"""The catalogue fingerprint: has anything changed that no trigger tells of?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cdc_daemon.errors import FeedError
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

FIRST_OF_USERS = 16384
"""Oids below are the server's own objects, which only another version of the server changes."""

_FINGERPRINT = statement("fingerprint.fingerprint").as_bytes()


@dataclass(frozen=True)
class Dependencies:
    """What a feed depends on in the catalogue, by oid.

    Attributes:
        columns: used columns of each source table.
        whole: source tables of which every column is used.
        functions: user-defined functions that may run.
        views: views that the query reads, and those that they read.
        types, operators: those that users made and that the query meets.
    """

    columns: Mapping[int, tuple[str, ...]]
    whole: tuple[int, ...] = ()
    functions: tuple[int, ...] = ()
    views: tuple[int, ...] = ()
    types: tuple[int, ...] = ()
    operators: tuple[int, ...] = ()


class Fingerprint:
    """Reads the fingerprint of what one feed depends on.

    It remembers which capture functions it found intact.
    """

    def __init__(self, dependencies: Dependencies) -> None:
        used = dependencies.columns
        columns = sorted((relation, name) for relation, names in used.items() for name in names)
        self._parameters = {
            "relations": sorted(used),
            "column_relations": [relation for relation, _ in columns],
            "columns": [name for _, name in columns],
            "whole": list(dependencies.whole),
            "functions": [oid for oid in dependencies.functions if oid >= FIRST_OF_USERS],
            "views": list(dependencies.views),
            "types": list(dependencies.types),
            "operators": list(dependencies.operators),
        }
        self._intact: str | None = None

    def read(self, connection: Session) -> str:
        """The fingerprint as the transaction's snapshot sees it (a millisecond for sixty tables).

        Raises:
            FeedError: schema cdc is not installed here.
        """
        row = connection.execute(_FINGERPRINT, {**self._parameters, "intact": self._intact}).fetchone()
        if row is None:  # an aggregate without GROUP BY always yields a row
            raise FeedError("the catalogue gave no fingerprint", hint="run `cdc-daemon install`")
        found, self._intact = row
        return str(found)
