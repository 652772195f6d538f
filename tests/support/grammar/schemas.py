"""Random schemas for the property tests: a few small tables that hang together, of hostile types.

Values are few, so that rows meet; a fifth of them is NULL; many are equal without being the same (1.0 and
1.00, -0 and 0, 1 day and 24 hours), for what is made of such a value needs the row itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import psycopg
from hypothesis import strategies as st

T = TypeVar("T")

VALUES: dict[str, tuple[str, ...]] = {
    "integer": ("1", "2", "3", "4"),
    "bigint": ("1", "2", "3", "5000000000"),
    "numeric": ("1.0", "1.00", "2", "2.0", "3"),
    "text": ("'a'", "'A'", "'b'", "'1'", "'2'"),
    "varchar(8)": ("'a'", "'b'", "'2'", "'a '"),
    "citext": ("'a'", "'A'", "'b'", "'B'"),
    "folded": ("'a'", "'A'", "'b'", "'B'"),
    "char(2)": ("'a'", "'b '", "'1'"),
    "date": ("'2024-02-28'", "'2024-02-29'", "'2024-03-01'"),
    "timestamptz": ("'2024-02-29 12:00 UTC'", "'2024-02-29 13:00 UTC'"),
    "boolean": ("true", "false"),
    "uuid": ("'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'"),
    "double precision": ("'-0'", "0", "1.5"),
    "interval": ("'1 day'", "'24 hours'", "'2 days'"),
    "size": ("'s'", "'m'", "'l'"),
    "small": ("1", "2", "3"),
    "pair": ("'(1,a)'", "'(1,b)'", "'(2,a)'"),
    "integer[]": ("'{1,2}'", "'{2,2,3}'", "'{}'", "'{4,NULL}'"),
    "jsonb": ("'[1, 2]'", "'[]'", "'[2, 2.0]'"),
    "json": ('\'{"b": 1, "a": 1}\'', "'{\"a\":1}'"),
    "bytea": ("'\\x00'", "'\\x01ff'"),
}
SEARCH_PATH = "property, public"
"""In `public` stands what every example has: types of extensions."""
ELSEWHERE = '"Another Place"'
CLEAN = f"DROP SCHEMA IF EXISTS property, {ELSEWHERE} CASCADE"
_TYPES = f"""
CREATE SCHEMA property;
CREATE SCHEMA {ELSEWHERE};
CREATE TYPE size AS ENUM ('s', 'm', 'l');
CREATE DOMAIN small AS integer CHECK (value < 5000);
CREATE DOMAIN folded AS text COLLATE public.ci;
CREATE TYPE pair AS (x integer, y text);
"""
MOMENT = "timestamp with time zone"
"""A `timestamptz` whose values lie before and soon after now: `_refresh_at` is made of it."""
NUMBERS = ("integer", "bigint", "numeric", "small", "double precision")
TEXTS = ("text", "varchar(8)", "char(2)", "citext", "folded")
FOLDED = ("folded", "text COLLATE public.ci", "varchar(8) COLLATE public.ci")
"""How a column of type `folded` may be declared: under its collation 'a' and 'A' are equal."""
# Equal values of these are the same in every respect.
SAME = (
    "integer",
    "bigint",
    "text",
    "varchar(8)",
    "date",
    "timestamptz",
    "boolean",
    "uuid",
    "size",
    "small",
    "bytea",
)
NO_EQUALITY = ("json",)


class Chance:
    """Decisions that hypothesis takes, and takes back when it shrinks: the first choice is the simplest."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def number(self, least: int, most: int) -> int:
        return int(self._draw(st.integers(least, most)))

    def of(self, choices: Sequence[T]) -> T:
        return choices[self.number(0, len(choices) - 1)]

    def weighed(self, choices: dict[str, int]) -> str:
        at = self.number(0, sum(choices.values()) - 1)
        for name, weight in choices.items():
            if at < weight:
                return name
            at -= weight
        raise AssertionError("the weights add up")

    def percent(self, chance: int) -> bool:
        return self.number(0, 99) >= 100 - chance

    def some(self, choices: Sequence[T], least: int, most: int) -> list[T]:
        """Different ones, in their order."""
        wanted = self.number(min(least, len(choices)), min(most, len(choices)))
        left = list(range(len(choices)))
        taken = sorted(left.pop(self.number(0, len(left) - 1)) for _ in range(wanted))
        return [choices[n] for n in taken]


class Column(NamedTuple):
    """A column of a table; `name` is spelled as SQL needs it."""

    name: str
    type: str
    not_null: bool
    references: str | None = None


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: as SQL needs it, quoted and with its schema where it must be.
        letter: what names of its columns and aliases begin with.
    """

    name: str
    letter: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    ddl: str


@dataclass(frozen=True)
class Schema:
    tables: tuple[Table, ...]

    @property
    def ddl(self) -> str:
        return _TYPES + "\n".join(table.ddl for table in self.tables)


def schema(chance: Chance, *, moments: bool = False) -> Schema:
    """Two to four tables; each has an `id`, other columns have names of their own.

    Args:
        moments: the first of them has a column `due` of the time of day.
    """
    tables: list[Table] = []
    for number in range(chance.number(2, 4)):
        tables.append(_table(chance, "abcd"[number], tables, moments=moments and number == 0))
    return Schema(tuple(tables))


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Install what an example needs only once in a database."""
    try:
        connection.execute("CREATE EXTENSION citext SCHEMA public")
    except psycopg.errors.FeatureNotSupported:  # this server has no extensions
        connection.execute("CREATE DOMAIN public.citext AS text")
    try:
        connection.execute(
            "CREATE COLLATION public.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        )
    except psycopg.errors.FeatureNotSupported:  # this server has no ICU
        connection.execute('CREATE COLLATION public.ci FROM "C"')


def _table(chance: Chance, letter: str, before: Sequence[Table], *, moments: bool) -> Table:
    name = _table_name(chance, letter, before)
    key = chance.weighed({"primary": 6, "none": 2, "two": 1})
    columns = [Column("id", "integer", key != "none")]
    lines = ["id integer" + (" PRIMARY KEY" if key == "primary" else "")]
    parents = [table.name for table in before if table.primary_key == ("id",)] + (
        [name] if key == "primary" else []
    )
    second_key = ""
    for number in range(1, chance.number(2, 5) + 1):
        column = f'"{letter.upper()} {number}"' if chance.percent(12) else f"{letter}{number}"
        second = key == "two" and number == 1
        if second:
            second_key = column
        if parents and not second and chance.percent(45):
            parent = chance.of(parents)
            action = chance.of(("NO ACTION", "CASCADE", "SET NULL"))
            not_null = action != "SET NULL" and chance.percent(30) and parent != name
            columns.append(Column(column, "integer", not_null, parent))
            deferred = " DEFERRABLE INITIALLY DEFERRED" if chance.percent(20) else ""
            lines.append(
                f"{column} integer{' NOT NULL' * not_null} REFERENCES {parent} "
                f"ON DELETE {action} ON UPDATE CASCADE{deferred}"
            )
            continue
        type_ = chance.of((*["integer"] * 6, *VALUES)) if not second else "integer"
        not_null = second or chance.percent(25)
        columns.append(Column(column, type_, not_null))
        declared = chance.of(FOLDED) if type_ == "folded" else type_
        lines.append(f"{column} {declared}{' NOT NULL' * not_null}")
    if moments:
        columns.append(Column("due", MOMENT, not_null=False))
        lines.append(f"due {MOMENT}")
    if key == "two":
        lines.append(f"PRIMARY KEY (id, {second_key})")
    keys = {"primary": ("id",), "two": ("id", second_key), "none": ()}[key]
    return Table(name, letter, tuple(columns), keys, f"CREATE TABLE {name} ({', '.join(lines)});")


def _table_name(chance: Chance, letter: str, before: Sequence[Table]) -> str:
    """Most have plain names; some must be quoted, some stand in a schema outside the search path, where one
    may have the name that another table has inside it."""
    match chance.weighed({"plain": 72, "mixed case": 8, "a word of SQL": 4, "elsewhere": 16}):
        case "mixed case":
            return f'"{letter.upper()} Table"'
        case "a word of SQL":
            return f'"{("select", "order", "user", "group")[len(before)]}"'
        case "elsewhere" if letter == "b" and before[0].name == "a":
            return f"{ELSEWHERE}.a"
        case "elsewhere":
            return f"{ELSEWHERE}.{letter}"
        case _:
            return letter
