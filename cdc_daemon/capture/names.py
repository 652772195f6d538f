"""The names in schema `cdc` of what belongs to one source table; no two tables share one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from cdc_daemon.analysis.catalogue import TableName

_LONGEST = 48
"""Bytes: the 63 of a name without the longest suffix, `_version_id_seq`."""

_TAKEN = re.compile(r"_(?:0|1|pkey|version_id_seq|[0-9a-f]{8}|[0-9a-f]{16})$")
"""How the names of a changelog's segments, indexes and sequence end, and those that carry a digest."""

_OLDER_DIGEST = re.compile(r"_[0-9a-f]{8}$")


class CaptureNames(NamedTuple):
    """A changelog (its segments and its sequence are named after it) and the function that fills it."""

    changelog: str
    function: str


def names_of(table: TableName, recorded: Mapping[TableName, CaptureNames]) -> CaptureNames:
    """The names for a source table.

    Args:
        recorded: names that an earlier install gave, without those that two tables share. Earlier versions
            took a shorter digest; such a name stays, or every feed that reads the table would be resynced.
    """
    known = recorded.get(table)
    if known is not None and all(_OLDER_DIGEST.search(name) for name in known):
        return known
    return CaptureNames(_name("changelog", table), _name("capture", table))


def _name(prefix: str, table: TableName) -> str:
    """Readable where only this table can have the name; otherwise with a digest.

    `a_b.c` would meet `a.b_c`, and the changelog of a table `orders_0` the first segment of that of `orders`.
    """
    plain = f"{prefix}_{table.schema}_{table.name}"
    if "_" not in table.schema and not _TAKEN.search(plain) and len(plain.encode()) <= _LONGEST:
        return plain
    digest = hashlib.sha256("\0".join(table).encode()).hexdigest()[:16]
    head = plain.encode()[: _LONGEST - 1 - len(digest)].decode(errors="ignore")
    return f"{head}_{digest}"
