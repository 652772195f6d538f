"""The proof: documents folded from what was delivered are those that the query yields, byte for byte."""

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
"""Documents by the text of their key (a JSON array of the key columns)."""

# The last two fields of a record, in the order in which the file sink writes them.
_BEFORE_DATA = (b'"captured_at":', b',"data":')


@dataclass(frozen=True)
class Difference:
    """What a feed's delivered documents and its query disagree on; keys, sorted.

    Attributes:
        missing: the query has them, delivered were none.
        surplus: delivered and never deleted, the query has none.
        other: both have them, with different bytes.
    """

    missing: Sequence[str]
    surplus: Sequence[str]
    other: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus or self.other)


def fold(path: Path, key: Sequence[str]) -> dict[str, bytes]:
    """What a receiver of a file's records holds in the end: the last one of a key wins, a delete removes, and
    the end of a full snapshot removes what that did not name.

    The documents are cut out of the line, not parsed: parsing and writing again would hide a changed number.

    Args:
        path: the file that the sink wrote; none means that nothing was delivered.
        key: the feed's key columns.
    """
    held: dict[str, bytes] = {}
    named: dict[str, int] = {}  # the last full snapshot that each key came with or after
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
    """What the query says now.

    Args:
        connection: with the settings that a daemon's sessions have: some of them change a value's text.
        query: the feed's SELECT.
        key: the feed's key columns.
    """
    own = sql.SQL(query)  # pyright: ignore[reportArgumentType] # the user's own, executed as it is
    described = connection.execute(sql.SQL("SELECT * FROM (\n{}\n) AS q LIMIT 0").format(own)).description
    # Columns whose names begin with _ steer the daemon and are in no document.
    fields = [column.name for column in described or () if not column.name.startswith("_")]
    statement = sql.SQL(
        "SELECT json_build_array({key})::text, (SELECT row_to_json(d)::text FROM (SELECT {fields}) AS d)"
        " FROM (\n{query}\n) AS q"
    ).format(
        key=sql.SQL(", ").join(sql.Identifier("q", column) for column in key),
        fields=sql.SQL(", ").join(sql.Identifier("q", field) for field in fields),
        query=own,
    )
    # A record is one line: line ends between JSON's tokens (json_agg writes them) become blanks.
    return {
        orjson.dumps(orjson.loads(name)).decode(): text.replace("\n", " ").encode()
        for name, text in connection.execute(statement)
    }


def compare(delivered: Documents, wanted: Documents, *, without: Collection[str] = ()) -> Difference:
    """Both directions: what is missing, what is too much, what is not the same.

    Args:
        without: fields whose change alone is no change of the document (`hash_exclude`): an older value of
            theirs may have been delivered.
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
    """The other fields, numbers with their digits."""
    fields: dict[str, Any] = json.loads(document, parse_float=str, parse_int=str)
    return {name: value for name, value in fields.items() if name not in without}
