"""Reads records in the formats of `cdc_daemon.sinks.formats` back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from cdc_daemon.errors import CannotReadBack
from cdc_daemon.sinks.formats import FormatName
from cdc_daemon.sinks.read_back import Held, HeldEnd, canonical

Name = Callable[[bytes], str]


@dataclass(frozen=True)
class Decoder:
    """What encoded records say.

    Attributes:
        feed: records of other feeds are left out, if a record names its feed.
        key: the feed's key columns.
        where: the sink and its target, for errors.
    """

    format: FormatName
    feed: str
    key: Sequence[str]
    where: str

    def __call__(
        self, encoded: bytes, *, revision: int | None = None, snapshot: int = 0
    ) -> Held | HeldEnd | None:
        """Return what one record says; None if it is of another feed.

        Args:
            revision, snapshot: what the receiver keeps beside the record, for formats that lose it.

        Raises:
            CannotReadBack: it is no record of this format.
        """
        try:
            said = _parsed(encoded)
            match self.format:
                case "records" | "merge-patch":
                    return self._record(encoded, said)
                case "cloudevents":
                    return self._event(encoded, said)
                case "documents":
                    return self._document(encoded, said, revision, snapshot)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CannotReadBack(
                f"holds something else than records of format {self.format}: {encoded[:80]!r}",
                where=self.where,
                hint="look for another program that writes there",
            ) from error

    def lines(self, lines: Iterator[bytes]) -> Iterator[Held | HeldEnd]:
        """Yield what the records of some lines say."""
        for line in lines:
            text = line.rstrip(b"\r\n")
            found = self(text) if text else None
            if found is not None:
                yield found

    def _record(self, encoded: bytes, said: Mapping[str, Any]) -> Held | HeldEnd | None:
        if said["feed"] != self.feed:
            return None
        if said["op"] == "snapshot_end":
            return HeldEnd(said["snapshot"])
        key = _key(encoded, said)
        document = None if said["op"] == "delete" or "data" not in said else _last_member(encoded, "data")
        return Held(
            canonical(key),
            said["revision"],
            document,
            deleted=said["op"] == "delete",
            hash=said["hash"],
            snapshot=said.get("snapshot", 0),
            key=key,
        )

    def _event(self, encoded: bytes, said: Mapping[str, Any]) -> Held | HeldEnd | None:
        if said["type"] == "cdc.snapshot.ended":
            return HeldEnd(int(said["snapshot"]))
        deleted = said["type"] == "cdc.document.deleted"
        return Held(
            canonical(said["subject"]),
            int(said["revision"]),
            None if deleted else _last_member(encoded, "data"),
            deleted=deleted,
            snapshot=int(said.get("snapshot", 0)),
            key=said["subject"],
        )

    def _document(
        self, encoded: bytes, said: Mapping[str, Any], revision: int | None, snapshot: int
    ) -> Held | HeldEnd:
        if set(said) == {"snapshot_end"}:
            return HeldEnd(said["snapshot_end"])
        key = key_in(encoded, self.key)
        if key is None:
            raise CannotReadBack(
                f"holds documents without their key ({', '.join(self.key)})",
                where=self.where,
                hint='set format = "records"',
            )
        deleted = said.get("deleted") is True and set(said) == {*self.key, "deleted"}
        return Held(
            canonical(key),
            revision,
            None if deleted else encoded,
            deleted=deleted,
            snapshot=snapshot,
            key=key,
        )


def key_in(document: bytes, key: Sequence[str]) -> str | None:
    """Return the key of a document as a JSON object; None if the document does not have it."""
    try:
        members = json.loads(document, parse_float=Digits, parse_int=Digits)
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict) or any(name not in members for name in key):
        return None
    found = cast("dict[str, object]", members)
    return "{" + ",".join(f"{json.dumps(name)}:{written(found[name])}" for name in key) + "}"


def _parsed(encoded: bytes) -> Any:
    try:
        return orjson.loads(encoded)
    except ValueError:  # half a surrogate pair, which orjson refuses and json allows
        return json.loads(encoded)


class Digits(str):
    """A number as it is written."""


def written(value: object) -> str:
    """Return the JSON of a value whose numbers may be `Digits`."""
    if isinstance(value, Digits):
        return str(value)
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return "{" + ",".join(f"{json.dumps(name)}:{written(inner)}" for name, inner in members.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, cast("list[object]", value))) + "]"
    return json.dumps(value, ensure_ascii=False)


def _key(encoded: bytes, said: Mapping[str, Any]) -> str:
    """Return the key of a record with the digits of its numbers."""
    if all(isinstance(value, str | int | bool) for value in said["key"].values()):
        return orjson.dumps(said["key"]).decode()
    return written(json.loads(encoded, parse_float=Digits, parse_int=Digits)["key"])


def _last_member(encoded: bytes, name: str) -> bytes:
    """Cut the value of an object's last member out: parsing it would lose digits.

    The name may also stand in the key. The text before the right place is an object without that member.
    """
    mark = b',"' + name.encode() + b'":'
    start = encoded.find(mark)
    while start >= 0:
        try:
            before = _parsed(encoded[:start] + b"}")
        except ValueError:
            before = None
        if before is not None:
            return encoded[start + len(mark) : encoded.rindex(b"}")]
        start = encoded.find(mark, start + 1)
    raise ValueError(name)
