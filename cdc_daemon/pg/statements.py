"""Reads the named statements under `sql/` and fills in identifiers by psycopg.

A file of `sql/queries/` or `sql/objects/` has statements. Above each are a line `-- name: read_delta` and a
sentence about its purpose. Identifiers and parts are in braces (`{changelog}`), values are named parameters
(`%(since)s`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from psycopg import sql

from cdc_daemon.pg import own_schema

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_QUOTED_NAME = re.compile(r'"(?:[^"]|"")*"')
_SENTENCE = re.compile(r"\A(?:--[^\n]*\n)+")  # for readers of the file; the server doesn't need it


def sql_directory() -> Path:
    """Return the folder of the SQL files: in the installed package, or at the top of the source tree."""
    packaged = Path(__file__).parent.parent / "_sql"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent.parent / "sql"


def texts(file: str) -> Mapping[str, str]:
    """Return every statement of a file by name, with the name of the daemon's schema.

    Args:
        file: path below `sql/` without the ending, such as `queries/feed_state`.

    Raises:
        ValueError: two statements have the same name.
    """
    return _texts(file, own_schema.name())


def migration(path: Path) -> str:
    """Return the text of a migration, with the name of the daemon's schema."""
    return own_schema.named_in(path.read_text("utf-8"), own_schema.name())


@cache
def _texts(file: str, schema: str) -> Mapping[str, str]:
    content = own_schema.named_in((sql_directory() / f"{file}.sql").read_text("utf-8"), schema)
    pieces = _NAME.split(content)
    names = pieces[1::2]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"sql/{file}.sql: two statements are called {', '.join(sorted(twice))}")
    return {
        name: _SENTENCE.sub("", body.strip() + "\n").strip()
        for name, body in zip(names, pieces[2::2], strict=True)
    }


def template(name: str) -> sql.SQL:
    """Return a statement before its identifiers are filled in.

    Args:
        name: file and statement, such as `queries/feed_state.lock`.
    """
    file, _, statement = name.rpartition(".")
    # The text is from our own files, not from input.
    return sql.SQL(texts(file)[statement])  # pyright: ignore[reportArgumentType]


def statement(name: str, /, **pieces: sql.Composable) -> sql.Composed:
    """Return a statement of `sql/queries/`, ready to execute with or without parameters.

    Args:
        name: file and statement, such as `feed_state.lock`.
        pieces: values for the names in braces.
    """
    if not pieces:
        return _whole(name, own_schema.name())
    return template(f"queries/{name}").format(**{key: _without_percent(each) for key, each in pieces.items()})


# A pass executes some twenty statements. psycopg takes 0.1 ms to assemble each, most of it in type checks.
@cache
def _whole(name: str, _schema: str) -> sql.Composed:
    return template(f"queries/{name}").format()


def rendered(name: str, /, **pieces: sql.Composable) -> sql.Composed:
    """Return a statement of `sql/objects/` (DDL of one source table or feed), ready to execute."""
    return template(f"objects/{name}").format(**pieces)


def _without_percent(piece: sql.Composable) -> sql.Composable:
    """Return the same piece, but with escapes instead of percent signs in names and texts.

    If a statement has parameters, psycopg takes `%` for the beginning of one, also within quotes. A doubled
    `%` would be wrong in a statement without parameters. PostgreSQL's own escape is right in both.
    """
    if isinstance(piece, sql.Composed):
        return sql.Composed([_without_percent(each) for each in piece])
    if not isinstance(piece, sql.Identifier | sql.Literal) or "%" not in (text := piece.as_string()):
        return piece
    if isinstance(piece, sql.Identifier):
        return sql.SQL(quoted_names_without_percent(text))  # pyright: ignore[reportArgumentType] # psycopg quoted it
    text = text.removeprefix(" ").removeprefix("E").replace("%", r"\x25")
    return sql.SQL(f" E{text}")  # pyright: ignore[reportArgumentType] # psycopg quoted it; without E it has no backslash


def quoted_names_without_percent(text: str) -> str:
    """Return the same names, dotted or not, with escapes for percent signs in quoted names."""
    return _QUOTED_NAME.sub(_escaped_name, text)


def _escaped_name(found: re.Match[str]) -> str:
    name = found[0]
    if "%" not in name:
        return name
    return "U&" + name.replace("\\", "\\\\").replace("%", r"\0025")
