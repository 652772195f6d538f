"""The schema of the daemon's own objects: `cdc`, unless the configuration names another one.

The files under `sql/` say `cdc`. If the schema has another name, that name replaces `cdc` when a file is
read. The name belongs to the process, not to a session, because many places compose statements without a
session, and one daemon has one configuration. Names have only small letters, digits and _, so they need no
quotes.
"""

from __future__ import annotations

import re

DEFAULT = "cdc"

PATTERN = r"^[a-z][a-z0-9_]{0,19}$"
"""At most 20 bytes: names of triggers and roles contain it, and PostgreSQL cuts names at 63 bytes."""

# Matches `cdc.table`, 'cdc' as a text, SCHEMA cdc, and the names of triggers and of the owner role. Two
# schemas may capture one table, so these names must differ.
_IN_SQL = re.compile(
    r"""\bcdc(?=\.[\w"{%])|(?<=')cdc(?=')|(?<=\b[Ss]CHEMA\ )cdc\b|(?<=\bschema\ )cdc\b"""
    r"""|\bcdc(?=\\?_(?:capture|owner))"""
)

_chosen = DEFAULT


def choose(name: str) -> None:
    """Set the schema for all further statements of this process.

    Args:
        name: a name that matches `PATTERN`.
    """
    global _chosen  # noqa: PLW0603 # the process's, see above
    _chosen = name


def name() -> str:
    """Return the name of the schema, which needs no quotes."""
    return _chosen


def shown() -> str:
    """Return the name for messages."""
    return f"schema {_chosen}"


def trigger(event: str) -> str:
    """Return the name of the trigger for an event on a source table. It differs between schemas."""
    return f"{_chosen}_capture_{event}"


def named_in(text: str, schema: str) -> str:
    """Return the text of a file under `sql/` with `schema` in place of `cdc`."""
    return text if schema == DEFAULT else _IN_SQL.sub(schema, text)
