"""The catalogue fingerprint, which shows changes that fire no trigger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from cdc_daemon.errors import FeedError
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

FIRST_OF_USERS = 16384
"""Objects with lower oids belong to the server; only another version of the server changes them."""

MOST_NAMED = 5
"""Largest number of changed objects in a message."""

_Each = TypeVar("_Each")

Parts: TypeAlias = Mapping[str, Sequence[str]]
"""The parts of a fingerprint: name and digest of each object, by kind and oid."""

_DIGEST, _NAMED = (
    statement("fingerprint.parts", summary=statement(f"fingerprint.{summary}")).as_bytes()
    for summary in ("digest", "named")
)


@dataclass(frozen=True)
class Dependencies:
    """The catalogue objects on which a feed depends, by oid.

    Attributes:
        columns: used columns of each source table.
        whole: source tables of which every column is used.
        functions: user-defined functions that may run.
        views: views that the query reads, directly or through other views.
        types, operators: user-defined types and operators that the query uses.
        unique_keys: column numbers of each unique key, with the oid of its table.
        foreign_keys: foreign keys that hold for every row, with the oids of their tables.
        names, symbols: names of objects, and of operators, in the query or in a function body.
        schemas: schemas in which these names are looked up, whether the objects exist or not.
    """

    columns: Mapping[int, tuple[str, ...]]
    whole: tuple[int, ...] = ()
    functions: tuple[int, ...] = ()
    views: tuple[int, ...] = ()
    types: tuple[int, ...] = ()
    operators: tuple[int, ...] = ()
    unique_keys: tuple[tuple[int, tuple[int, ...]], ...] = ()
    foreign_keys: tuple[tuple[int, int], ...] = ()
    names: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()


def together(each: Iterable[Dependencies]) -> Dependencies:
    """Return the union of the dependencies of several feeds."""
    every = list(each)
    columns: dict[int, set[str]] = {}
    for one in every:
        for relation, names in one.columns.items():
            columns.setdefault(relation, set()).update(names)

    def union(values: Callable[[Dependencies], Iterable[_Each]]) -> tuple[_Each, ...]:
        return tuple(dict.fromkeys(value for one in every for value in values(one)))

    return Dependencies(
        {relation: tuple(sorted(names)) for relation, names in columns.items()},
        whole=union(lambda one: one.whole),
        functions=union(lambda one: one.functions),
        views=union(lambda one: one.views),
        types=union(lambda one: one.types),
        operators=union(lambda one: one.operators),
        unique_keys=union(lambda one: one.unique_keys),
        foreign_keys=union(lambda one: one.foreign_keys),
        names=union(lambda one: one.names),
        symbols=union(lambda one: one.symbols),
        schemas=union(lambda one: one.schemas),
    )


class Fingerprint:
    """Reads the fingerprint of a set of dependencies.

    It remembers the capture functions that it found intact.
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
            "key_relations": [relation for relation, _ in dependencies.unique_keys],
            "keys": [" ".join(map(str, columns)) for _, columns in dependencies.unique_keys],
            "foreign_key_relations": [relation for relation, _ in dependencies.foreign_keys],
            "foreign_keys": [key for _, key in dependencies.foreign_keys],
            "names": list(dependencies.names),
            "symbols": list(dependencies.symbols),
            "schemas": list(dependencies.schemas),
        }
        self._intact: str | None = None

    def read(self, connection: Session) -> str:
        """Return the fingerprint in the transaction's snapshot. It takes a millisecond for sixty tables.

        Raises:
            FeedError: schema cdc is not installed here.
        """
        row = connection.execute(_DIGEST, {**self._parameters, "intact": self._intact}).fetchone()
        if row is None:  # an aggregate without GROUP BY always returns a row
            raise FeedError("the catalogue gave no fingerprint", hint="run `cdc-daemon install`")
        found, self._intact = row
        return str(found)

    def parts(self, connection: Session) -> Parts:
        """Return the parts of the fingerprint, to find the changed objects later.

        It takes longer than `read`.
        """
        row = connection.execute(_NAMED, {**self._parameters, "intact": None}).fetchone()
        return dict(row[0] or {}) if row else {}


def what_changed(before: Parts | None, now: Parts) -> str:
    """Return the objects in which two fingerprints differ, for the log.

    Args:
        before: parts of the earlier fingerprint; None if they were not recorded.
        now: parts of the present fingerprint.
    """
    if before is None:
        return "an earlier version of cdc-daemon took the fingerprint"
    told: list[str] = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if old == new:
            continue
        kind = key.rpartition(" ")[0]
        if kind.startswith("name of "):
            kind = kind.removeprefix("name of ")
        named = f"{kind} {(old or new or ('',))[0].replace('pg_catalog.', '')}"
        if new is None:
            told.append(f"{named} is gone")
        elif old is None:
            told.append(f"{named} is new")
        elif old[0] != new[0]:
            told.append(f"{named} is now {new[0]}")
        else:
            told.append(f"{named} was changed")
    unnamed = f" and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
    return f"{'; '.join(told[:MOST_NAMED])}{unnamed}" or "what changed was changed back"
