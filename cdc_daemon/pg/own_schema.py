"""The schema that holds what is the daemon's own: `cdc`, unless the configuration names another one.

The files under `sql/` say `cdc`. Where the schema has another name, it is put in its place when a file is
read. The name is the process's, not a session's: statements are put together in many places, far from any
session, and one daemon has one configuration. Names are plain small letters and need no quotes anywhere.
"""

from __future__ import annotations

import re

DEFAULT = "cdc"

PATTERN = r"^[a-z][a-z0-9_]{0,19}$"
"""At most 20 bytes: triggers and roles are named after it, and names end at 63."""

# `cdc.table`; 'cdc' as a text; SCHEMA cdc; and the names of triggers and of the owner role, which would meet
# those of another schema: two schemas may capture one table.
_IN_SQL = re.compile(
    r"""\bcdc(?=\.[\w"{%])|(?<=')cdc(?=')|(?<=\b[Ss]CHEMA\ )cdc\b|(?<=\bschema\ )cdc\b"""
    r"""|\bcdc(?=\\?_(?:capture|owner))"""
)

_chosen = DEFAULT


def choose(name: str) -> None:
    """Have every statement from now on name this schema.

    Args:
        name: fits `PATTERN`.
    """
    global _chosen  # noqa: PLW0603 # the process's, see above
    _chosen = name


def name() -> str:
    """The schema's name, which needs no quotes."""
    return _chosen


def shown() -> str:
    """What messages call it."""
    return f"schema {_chosen}"


def trigger(event: str) -> str:
    """The name of the trigger for an event on each source table; other schemas have others."""
    return f"{_chosen}_capture_{event}"


def named_in(text: str, schema: str) -> str:
    """A file under `sql/` with this schema in the place of `cdc`."""
    return text if schema == DEFAULT else _IN_SQL.sub(schema, text)
