"""Names that end a comment, a string or a statement, that a client or a terminal obeys, or that are ours."""

from __future__ import annotations

import json

from tests.support.command import Feed

NAMES = (
    *(
        "a\nb",
        "a\r\\! echo",
        "\n\\! touch pwned\n--",
        "\\!",
        "\\",
        "a\tb",
        "\x1b[2J",
        "\x9b2J",
        "\u202eb",
        "\u2028",
    ),
    *(
        'a"b',
        "a'b",
        "a''",
        '"',
        "E'",
        "`",
        "$",
        "$$",
        "$capture$",
        "$1",
        "%",
        "%s",
        "%(since)s",
        "%%",
        "100 %",
    ),
    *(
        "{",
        "}",
        "{}",
        "{table}",
        ":x",
        ":'x'",
        ':"x"',
        ":VERSION",
        ";",
        "--",
        "/*",
        "*/",
        "; DROP TABLE x; --",
    ),
    *("a.b", "a b", " ", "UPPER", "Mixed", "select", "user", "order", "table", "null", "ä", "日本", "😀"),
    *("x" * 63, "ä" * 31 + "x", "日" * 21, "x" + "ä" * 31),
    *(
        "o",
        "n",
        "r",
        "e",
        "u",
        "q",
        "d",
        "k",
        "rows",
        "rows$link",
        "xid",
        "version_id",
        "changed_at",
        "delta",
    ),
    *("old_rows", "new_rows", "cdc_rows", "cdc_link_1", "TG_OP", "cdc", "source", "feed_state", "changelog"),
)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def other(name: str, number: int) -> str:
    """Another name, as long if that is as long as it can be."""
    return name.encode()[:62].decode(errors="ignore") + str(number)


class Shop:
    """A schema, tables, a partition, columns, an index, a type with a label and a function, all of one name.

    Names in one namespace differ in a digit at their end.
    """

    def __init__(self, name: str, number: int) -> None:
        self.feed = f"f{number}"
        self.name = name
        self.is_printable = name.isprintable()
        # Schemas whose names begin so, or are ours, are not to be had.
        self.schema = quoted(other(name, number)) if name in {"cdc", "$capture$"} else quoted(name)
        column, self.table, kind = quoted(name), f"{self.schema}.{quoted(name)}", quoted(other(name, 4))
        self.child = f"{self.schema}.{quoted(other(name, 1))}"
        typed = quoted(other(name, 2))
        label = name.replace("'", "''")
        self.create = (
            f"CREATE SCHEMA {self.schema}",
            f"CREATE TYPE {self.schema}.{kind} AS ENUM ('{label}', 'other')",
            f"""CREATE TABLE {self.table} (id int PRIMARY KEY, {column} text NOT NULL UNIQUE,
                {typed} {self.schema}.{kind} DEFAULT '{label}')""",
            f"""CREATE TABLE {self.child} (id int PRIMARY KEY, {column} text, {typed} {self.schema}.{kind})
                PARTITION BY RANGE (id)""",
            f"CREATE TABLE {self.schema}.{quoted(other(name, 3))} PARTITION OF {self.child} DEFAULT",
            f"CREATE INDEX {quoted(other(name, 5))} ON {self.child} ({column})",
            f"""CREATE FUNCTION {self.schema}.{quoted(name)}({column} text) RETURNS text
                LANGUAGE sql IMMUTABLE AS $function$ SELECT $1 $function$""",
            f"INSERT INTO {self.table} VALUES (1, '{label}'), (2, 'b')",
            f"INSERT INTO {self.child} VALUES (1, '{label}', '{label}')",
        )
        self.write = (
            f"UPDATE {self.table} SET {typed} = 'other' WHERE id = 2",
            f"INSERT INTO {self.child} VALUES (2, 'b', 'other')",
            f"UPDATE {self.schema}.{quoted(other(name, 3))} SET {typed} = 'other' WHERE id = 1",
            f"DELETE FROM {self.table} WHERE id = 3",
        )
        query = (
            f"SELECT p.{column} AS {quoted(other(name, 6))}, p.{typed},"
            f" {self.schema}.{quoted(name)}(p.{column}) AS called,"
            f" (SELECT max(c.{typed}::text) FROM {self.child} AS c WHERE c.{column} = p.{column}) AS child"
            f" FROM {self.table} AS p"
        )
        self.definition = Feed(query, key=(other(name, 6),), options=f"entity = {_toml(other(name, 6))}")


def _toml(name: str) -> str:
    return json.dumps([name], ensure_ascii=False)


SHOPS = tuple(Shop(name, number) for number, name in enumerate(NAMES))
