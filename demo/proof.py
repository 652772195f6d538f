"""Compares the documents that result from the delivered records with the query, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psycopg
from psycopg import sql

Documents = Mapping[str, bytes]
"""Documents by the text of their key, a JSON array of the key columns."""

# The last two fields of a record, in the order in which the file sink writes them.
_BEFORE_DATA = (b'"captured_at":', b',"data":')


@dataclass(frozen=True)
class Difference:
    """Differences between a feed's delivered documents and its query, as sorted keys.

    Attributes:
        missing: the query has the document, but it was not delivered.
        surplus: the document was delivered and never deleted, but the query does not have it.
        other: both have the document, with different bytes.
    """

    missing: Sequence[str]
    surplus: Sequence[str]
    other: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus or self.other)


def fold(path: Path, key: Sequence[str]) -> dict[str, bytes]:
    """Return the documents that a receiver of a file's records has in the end.

    The last record of a key wins, a delete removes the document, and the end of a full snapshot removes the
    documents that the snapshot did not name. The documents are cut out of the lines. Parsing and formatting
    them again would hide a changed number.

    Args:
        path: the file that the sink wrote. If it does not exist, nothing was delivered.
        key: the feed's key columns.
    """
    held: dict[str, bytes] = {}
    named: dict[str, int] = {}  # by key: the full snapshot that was the last one when the key came
    last = 0
    if not path.exists():
        return held
    with path.open("rb") as lines:
        for line in lines:
            record = orjson.loads(line)
            if record["op"] == "snapshot_end":
                last = record["snapshot"]
                held = {name: document for name, document in held.items() if named[name] >= last}
                continue
            name = orjson.dumps([record["key"][column] for column in key]).decode()
            named[name] = record.get("snapshot", last)
            if record["op"] == "delete":
                held.pop(name, None)
            else:
                start = line.index(_BEFORE_DATA[1], line.index(_BEFORE_DATA[0])) + len(_BEFORE_DATA[1])
                held[name] = line[start:].rstrip(b"\n")[: -len(b"}")]
    return held


def query_documents(connection: psycopg.Connection[Any], query: str, key: Sequence[str]) -> dict[str, bytes]:
    """Return the documents of the query now.

    Args:
        connection: a session with the daemon's settings: some of them change a value's text.
        query: the feed's SELECT.
        key: the feed's key columns.
    """
    own = sql.SQL(query)  # pyright: ignore[reportArgumentType] # the user's own, executed as it is
    described = connection.execute(sql.SQL("SELECT * FROM (\n{}\n) AS q LIMIT 0").format(own)).description
    # Columns whose names begin with _ steer the daemon and are not part of documents.
    fields = [column.name for column in described or () if not column.name.startswith("_")]
    statement = sql.SQL(
        "SELECT json_build_array({key})::text, (SELECT row_to_json(d)::text FROM (SELECT {fields}) AS d)"
        " FROM (\n{query}\n) AS q"
    ).format(
        key=sql.SQL(", ").join(sql.Identifier("q", column) for column in key),
        fields=sql.SQL(", ").join(sql.Identifier("q", field) for field in fields),
        query=own,
    )
    # A record is one line, so line ends between JSON tokens (json_agg writes them) become blanks.
    return {
        orjson.dumps(orjson.loads(name)).decode(): text.replace("\n", " ").encode()
        for name, text in connection.execute(statement)
    }


def compare(delivered: Documents, wanted: Documents, *, without: Collection[str] = ()) -> Difference:
    """Compare in both directions: missing, surplus and different documents.

    Args:
        delivered: documents of the receiver.
        wanted: documents of the query.
        without: fields of `hash_exclude`, which are not compared: an older value may have been delivered.
    """

    def same(one: bytes, other: bytes) -> bool:
        return one == other or (bool(without) and _parsed(one, without) == _parsed(other, without))

    return Difference(
        missing=sorted(wanted.keys() - delivered.keys()),
        surplus=sorted(delivered.keys() - wanted.keys()),
        other=sorted(
            name for name in wanted.keys() & delivered.keys() if not same(wanted[name], delivered[name])
        ),
    )


def _parsed(document: bytes, without: Collection[str]) -> dict[str, Any]:
    """Return the other fields, with numbers as text, so that all digits count."""
    fields: dict[str, Any] = json.loads(document, parse_float=str, parse_int=str)
    return {name: value for name, value in fields.items() if name not in without}
