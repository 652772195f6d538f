"""Conditions that capture can check on one row of a table: columns compared with constants.

A closed little form. What stands in it means the same wherever it is evaluated: built-in types whose
operators are PostgreSQL's own, and no cast that depends on a session's settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

ENUM = "enum"
"""In the place of a constant's type: a label. Labels are equal where their texts are, ordered otherwise."""

# Types whose values compare with each other without a cast, by their internal names.
_FAMILIES: Mapping[str, str] = {
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "numeric": "numeric",
    "bool": "boolean",
    "text": "text",
    "varchar": "text",
    "bpchar": "bpchar",
    "uuid": "uuid",
    "date": "date",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    ENUM: "enum",
}
_INTERNAL: Mapping[str, str] = {
    "smallint": "int2",
    "integer": "int4",
    "bigint": "int8",
    "boolean": "bool",
    "character varying": "varchar",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}
NEGATED: Mapping[str, str] = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True)
class Comparison:
    """A column compared with constants: `=` any of them, `<>` each of them, the other operators one.

    Attributes:
        type: the constants' type by its internal name in pg_catalog, or ENUM.
        values: as PostgreSQL writes them, sorted.
    """

    column: str
    operator: str
    type: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class NullTest:
    """`column IS NULL`, or IS NOT NULL."""

    column: str
    negated: bool = False


@dataclass(frozen=True)
class AllOf:
    """Conditions joined by AND."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    """Conditions joined by OR."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Comparison | NullTest | AllOf | AnyOf


def all_of(parts: Iterable[Condition]) -> Condition:
    """Join conditions by AND in a canonical order, whatever order the query has."""
    return _joined(AllOf, parts)


def any_of(parts: Iterable[Condition]) -> Condition:
    """Join conditions by OR. A part that implies another is left out (`a = 1 AND b = 2` beside `a = 1`)."""
    parts = list(parts)
    needed = [part for part in parts if not any(_narrower(part, other) for other in parts)]
    return _joined(AnyOf, needed)


def _joined(kind: type[AllOf | AnyOf], parts: Iterable[Condition]) -> Condition:
    flat = {piece for part in parts for piece in (part.parts if isinstance(part, kind) else (part,))}
    ordered = tuple(sorted(flat, key=dumps))
    return ordered[0] if len(ordered) == 1 else kind(ordered)


def _narrower(part: Condition, other: Condition) -> bool:
    mine, others = (
        frozenset(each.parts) if isinstance(each, AllOf) else frozenset((each,)) for each in (part, other)
    )
    return others < mine


def negated(condition: Condition) -> Condition:
    """Return a condition that is true exactly where this one is false, but not where it is NULL."""
    match condition:
        case Comparison():
            return Comparison(condition.column, NEGATED[condition.operator], condition.type, condition.values)
        case NullTest():
            return NullTest(condition.column, not condition.negated)
        case AllOf():
            return any_of(negated(part) for part in condition.parts)
        case AnyOf():
            return all_of(negated(part) for part in condition.parts)


def comparable(column_type: str, type_: str) -> bool:
    """Whether comparing a column with constants depends on no setting of a session.

    A date and a timestamptz do not qualify: the result depends on the time zone.

    Args:
        column_type: see `Column.comparison_type`; `type_` is an internal name, or ENUM.
    """
    family = _FAMILIES.get(_INTERNAL.get(column_type, column_type))
    return family is not None and family == _FAMILIES.get(type_)


def fits(condition: Condition, types: Mapping[str, str]) -> bool:
    """Whether a table with columns of these types still has the columns of the condition.

    Args:
        types: see `Column.comparison_type`.
    """
    match condition:
        case Comparison():
            return comparable(types.get(condition.column, ""), condition.type)
        case NullTest():
            return condition.column in types
        case AllOf() | AnyOf():
            return all(fits(part, types) for part in condition.parts)


def columns_of(condition: Condition) -> Iterator[str]:
    """Return the columns of a condition."""
    if isinstance(condition, (AllOf, AnyOf)):
        for part in condition.parts:
            yield from columns_of(part)
    else:
        yield condition.column


def text(condition: Condition) -> str:
    """Return the condition as people write it."""
    match condition:
        case Comparison():
            values = ", ".join(
                value if condition.type in _BARE else "'" + value.replace("'", "''") + "'"
                for value in condition.values
            )
            column = _identifier(condition.column)
            if len(condition.values) == 1:
                return f"{column} {condition.operator} {values}"
            return f"{column} {'IN' if condition.operator == '=' else 'NOT IN'} ({values})"
        case NullTest():
            return f"{_identifier(condition.column)} IS {'NOT ' if condition.negated else ''}NULL"
        case AllOf():
            return " AND ".join(
                f"({text(part)})" if isinstance(part, AnyOf) else text(part) for part in condition.parts
            )
        case AnyOf():
            return " OR ".join(text(part) for part in condition.parts)


def _identifier(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_BARE = frozenset({"int2", "int4", "int8", "numeric", "bool"})


def dumps(condition: Condition) -> str:
    """Return the condition as canonical JSON, which an installation stores."""
    return json.dumps(_nested(condition), ensure_ascii=False, separators=(",", ":"))


def _nested(condition: Condition) -> list[Any]:
    match condition:
        case Comparison():
            return [condition.operator, condition.column, condition.type, *condition.values]
        case NullTest():
            return ["is not null" if condition.negated else "is null", condition.column]
        case AllOf():
            return ["and", *map(_nested, condition.parts)]
        case AnyOf():
            return ["or", *map(_nested, condition.parts)]


def loads(dumped: str) -> Condition:
    """Return the condition that `dumps` wrote."""
    return _condition(json.loads(dumped))


def _condition(nested: Sequence[Any]) -> Condition:
    kind, *rest = nested
    if kind in {"and", "or"}:
        return (AllOf if kind == "and" else AnyOf)(tuple(map(_condition, rest)))
    if kind in {"is null", "is not null"}:
        return NullTest(rest[0], negated=kind == "is not null")
    return Comparison(rest[0], kind, rest[1], tuple(rest[2:]))
