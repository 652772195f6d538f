"""Names in schema `cdc` for the objects of a source table. No two tables share a name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from cdc_daemon.analysis.model.catalogue import TableName

_LONGEST = 48
"""Longest name in bytes: the limit of 63 minus the longest suffix, `_version_id_seq`."""

_TAKEN = re.compile(r"_(?:0|1|pkey|version_id_seq|[0-9a-f]{8}|[0-9a-f]{16})$")
"""Matches ends of names of segments, indexes and sequences of changelogs, and of names with a digest."""

_OLDER_DIGEST = re.compile(r"_[0-9a-f]{8}$")


class CaptureNames(NamedTuple):
    """Names of a changelog (also in those of its segments and sequence) and of its capture function."""

    changelog: str
    function: str


def names_of(table: TableName, recorded: Mapping[TableName, CaptureNames]) -> CaptureNames:
    """Return the names for a source table.

    Args:
        recorded: names that an earlier install chose, without names that two tables share. Earlier versions
            used a shorter digest. Such a name stays, because a new name would resync every feed of the table.
    """
    known = recorded.get(table)
    if known is not None and all(_OLDER_DIGEST.search(name) for name in known):
        return known
    return CaptureNames(_name("changelog", table), _name("capture", table))


def _name(prefix: str, table: TableName) -> str:
    """Return a readable name if only this table can have it; otherwise a name with a digest.

    `a_b.c` and `a.b_c` would give the same name. So would the changelog of a table `orders_0` and the first
    segment of the changelog of `orders`.
    """
    plain = f"{prefix}_{table.schema}_{table.name}"
    if "_" not in table.schema and not _TAKEN.search(plain) and len(plain.encode()) <= _LONGEST:
        return plain
    digest = hashlib.sha256("\0".join(table).encode()).hexdigest()[:16]
    head = plain.encode()[: _LONGEST - 1 - len(digest)].decode(errors="ignore")
    return f"{head}_{digest}"
