"""What PostgreSQL resolved the names of every statement to, told by itself.

With `debug_print_parse` the server sends the parse tree of each statement that it analyses, with the oid of
each function, operator and type in it: also of the branches that are not taken. Every statement of `sql/`
gets a mark, so one can tell afterwards which of them were sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import psycopg
import pytest
from psycopg import sql

from cdc_daemon.pg import statements

Session = psycopg.Connection[Any]

_FIRST_OF_USERS = 16384
"""Objects that a server is made with have lower oids: they are PostgreSQL's own."""

_OID = re.compile(r":(\w+) (?:\(o )?(\d{5,}(?: \d+)*)")
_MARK = re.compile(r"/\*(\w+/\w+\.\w+)\*/")

_SETTINGS = {
    "debug_print_parse": "on",
    "debug_pretty_print": "off",
    "client_min_messages": "log",
    "log_min_messages": "panic",  # the client alone is told: the server's log would take it all, too
}

_NAMES = """
SELECT format('%%s %%s', n.nspname, o.name)
FROM (
    SELECT oid, oprnamespace AS space, format('operator %%s', oprname) AS name FROM pg_operator
    UNION ALL SELECT oid, pronamespace, format('function %%s', proname) FROM pg_proc
    UNION ALL SELECT oid, typnamespace, format('type %%s', typname) FROM pg_type
    UNION ALL SELECT oid, relnamespace, format('relation %%s', relname) FROM pg_class
) AS o JOIN pg_namespace AS n ON n.oid = o.space
WHERE o.oid = %s AND n.nspname NOT IN ('pg_catalog', 'cdc')
  AND (n.nspname = ANY (%s) OR o.name ~ '^(operator|function) ')
"""


@dataclass
class Resolved:
    """Attributes:
    marks: of the statements that were sent.
    oids: of objects that are not PostgreSQL's, each with a statement that has it.
    """

    marks: set[str] = field(default_factory=set[str])
    oids: dict[int, str] = field(default_factory=dict[int, str])
    trees: int = 0
    _last: dict[int, str] = field(default_factory=dict[int, str])

    def wrong(self, session: Session, *shadows: str) -> dict[str, str]:
        """Functions and operators outside of pg_catalog and cdc, and anything in these schemas.

        Returns:
            By their names a statement that names them.
        """
        found = (
            (session.execute(_NAMES, (oid, list(shadows))).fetchone(), text)
            for oid, text in self.oids.items()
        )
        return {row[0]: text for row, text in found if row is not None}

    def missing(self) -> set[str]:
        """The statements of `sql/` that were not sent."""
        return _every_statement() - self.marks

    def sent(self, connection: Session, text: str) -> None:
        self.marks.update(_MARK.findall(text))
        self._last[id(connection)] = text

    def told(self, connection: Session, tree: str) -> None:
        self.trees += 1
        for name, numbers in _OID.findall(tree):
            if name == "howMany":
                continue  # of MOVE: a number of rows
            for oid in map(int, numbers.split()):
                if oid >= _FIRST_OF_USERS:
                    self.oids.setdefault(oid, self._last.get(id(connection), ""))


def watch(monkeypatch: pytest.MonkeyPatch, administrator: Session) -> Resolved:
    """Note what every session resolves that begins from now on; the settings are the database's."""
    found = Resolved()
    for name, value in _SETTINGS.items():
        administrator.execute(
            sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                sql.Identifier(administrator.info.dbname), sql.Identifier(name), sql.Literal(value)
            )
        )
    begin, execute = psycopg.Connection.__init__, psycopg.Cursor.execute

    def begun(connection: Session, *arguments: Any, **options: Any) -> None:
        begin(connection, *arguments, **options)
        connection.add_notice_handler(
            lambda told: (
                found.told(connection, told.message_detail or "")
                if told.message_primary == "parse tree:"
                else None
            )
        )

    def sent(cursor: psycopg.Cursor[Any], query: Any, params: Any = None, **options: Any) -> Any:
        text = query.as_string(cursor.connection) if isinstance(query, sql.Composable) else query
        found.sent(cursor.connection, text.decode() if isinstance(text, bytes) else text)
        return execute(cursor, cast("Any", query), params, **options)

    monkeypatch.setattr(psycopg.Connection, "__init__", begun)
    monkeypatch.setattr(psycopg.Cursor, "execute", sent)
    monkeypatch.setattr(statements, "_texts", _marked)
    monkeypatch.setattr(statements, "_whole", _whole.__wrapped__)  # what is cached has no mark
    return found


_texts = statements._texts  # pyright: ignore[reportPrivateUsage] # what the marks are put into
_whole = statements._whole  # pyright: ignore[reportPrivateUsage] # a cache in front of them


@cache
def _marked(file: str, schema: str) -> Mapping[str, str]:
    return {name: f"/*{file}.{name}*/ {text}" for name, text in _texts(file, schema).items()}


def _every_statement() -> set[str]:
    files = [
        path
        for folder in ("queries", "objects")
        for path in (statements.sql_directory() / folder).glob("*.sql")
    ]
    return {
        f"{path.parent.name}/{path.stem}.{name}"
        for path in files
        if not path.stem.startswith("commerce")  # they are the sample shop's own, and see its path
        for name in _texts(f"{path.parent.name}/{path.stem}", "cdc")
    }
