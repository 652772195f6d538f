"""Finds the records that a target refuses individually, in the body of its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from cdc_daemon.errors import RecordsRefused, SinkUnavailable
from cdc_daemon.sinks.http.client import Answer
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Refusal

_MULTI_STATUS = 207


@dataclass(frozen=True)
class ItemErrors:
    """The place of errors of single records in an answer.

    Attributes:
        path: names of the members that lead to the list; "" for the body itself; None if only a 207 has a
            list, as its body.
        index: member of an item with the record's position in the request, from 0.
        key: member of an item with the record's key.
        status: member of an item with its status. Below 400 the target took the record.
    """

    path: str | None = None
    index: str = "index"
    key: str = "key"
    status: str = "status"

    def refusals(
        self, answer: Answer, records: Sequence[Record], *, where: str, shown: Callable[[bytes], str]
    ) -> Sequence[Refusal]:
        """Return the records that a 2xx answer refuses. The target took the others.

        Args:
            records: records of the request, in their order.
            shown: returns a part of a body for a message.

        Raises:
            RecordsRefused: the target refused some records and does not say which. Sending each alone shows
                it.
            SinkUnavailable: the answer does not match `errors_path`.
        """
        if not records or (self.path is None and answer.status != _MULTI_STATUS):
            return ()
        if not answer.body.strip():
            return ()
        items = self._items(answer, where, shown, alone=len(records) == 1)
        refused: dict[bytes, Refusal] = {}
        for position, item in enumerate(items):
            status = self._status(item)
            if not item or (status is not None and status < 400):
                continue
            said = shown(_written(item))
            record = self._record(item, position, len(items), records)
            if record is None:
                # Halving the batch finds them: an error in the answer to one record is of this record.
                raise RecordsRefused(
                    f"refused a record, and did not say which: {said}",
                    where=where,
                    hint="set errors_index or errors_key to the member that identifies the record",
                    status=status or answer.status,
                )
            refused[record.key] = Refusal(record.key, said, status or answer.status)
        return tuple(refused.values())

    def _items(
        self, answer: Answer, where: str, shown: Callable[[bytes], str], *, alone: bool
    ) -> Sequence[object]:
        found: object
        try:
            found = orjson.loads(answer.body) if answer.whole else None
        except orjson.JSONDecodeError:
            raise SinkUnavailable(
                f"answered {answer.status} with something that is not JSON: {shown(answer.body)}",
                where=where,
                hint="is url right? errors_path is set, so the answer is read",
            ) from None
        if not answer.whole:
            what = "answered with more than can be read, so it is not known which records it took"
            if alone:
                raise SinkUnavailable(what, where=where, hint="is url right? errors_path is set")
            raise RecordsRefused(what, where=where, hint="set a smaller batch_records", status=answer.status)
        for name in (self.path or "").split(".") if self.path else ():
            found = cast("Mapping[str, object]", found).get(name) if isinstance(found, dict) else None
        if isinstance(found, list):
            return cast("list[object]", found)
        if not found and self.path is not None:
            return ()  # the member is missing, null, false or empty: no errors
        if self.path is None:
            raise SinkUnavailable(
                f"answered 207 with a body that is no list: {shown(answer.body)}",
                where=where,
                hint="set errors_path to where the errors of single records stand in it",
            )
        return (found,)

    def _status(self, item: object) -> int | None:
        status = cast("Mapping[str, object]", item).get(self.status) if isinstance(item, dict) else None
        if isinstance(status, str) and re.fullmatch(r"[0-9]{3}", status):
            return int(status)
        if isinstance(status, int) and not isinstance(status, bool) and 100 <= status < 1000:
            return status
        return None  # it is no status

    def _record(self, item: object, position: int, items: int, records: Sequence[Record]) -> Record | None:
        if len(records) == 1:
            return records[0]
        members: Mapping[str, object] = cast("dict[str, object]", item) if isinstance(item, dict) else {}
        index, key = members.get(self.index), members.get(self.key)
        if isinstance(index, int) and not isinstance(index, bool):
            return records[index] if 0 <= index < len(records) else None
        if key is not None:
            return next((record for record in records if _is_key(key, record)), None)
        return (
            records[position] if items == len(records) else None
        )  # one item for each record, in their order


def _is_key(said: object, record: Record) -> bool:
    """Whether an item names this record: by the key as an object, or by the value of a one-column key."""
    key = cast("dict[str, object]", orjson.loads(record.key))
    if isinstance(said, dict):
        return said == key
    if not isinstance(said, str | int | float | bool):
        return False
    return len(key) == 1 and str(said) == str(next(iter(key.values())))


def _written(item: object) -> bytes:
    try:
        return orjson.dumps(item)
    except orjson.JSONEncodeError:  # very deeply nested lists
        return b"an item that can't be shown"
