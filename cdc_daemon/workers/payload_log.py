"""Writes delivered documents to the log, for a while, because a person asked (`logs documents`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from cdc_daemon.log import get_logger
from cdc_daemon.sinks.record import Record

HIDDEN = "***"
"""Stands for the value of a masked field."""

MOST_BYTES = 64 * 1024
"""Size of a document above which the log has only its size."""

log = get_logger()


@dataclass(frozen=True)
class PayloadLog:
    """Documents of one delivery that are to be logged.

    Attributes:
        keys: values by key column, as text, of the wanted documents; None among them: every document. Empty:
            nothing is logged.
        mask: names of fields, at any depth, whose values are hidden.
    """

    keys: Sequence[Mapping[str, str] | None] = ()
    mask: Collection[str] = frozenset()

    def write(
        self, sink: str, batch: str | Sequence[str], records: Sequence[Record], refused: Collection[bytes]
    ) -> None:
        """Log the wanted documents of a batch that the sink has answered.

        Args:
            batch: ID of the batch, or several.
            refused: keys of the records that the sink refused.
        """
        if not self.keys:
            return
        for record in records:
            key = orjson.loads(record.key)
            if not any(wanted is None or _has(key, wanted) for wanted in self.keys):
                continue
            log.info(
                "document_delivered",
                sink=sink,
                feed=record.feed,
                key=masked(key, self.mask),
                revision=record.revision,
                batch=batch,
                op=record.op,
                refused=record.key in refused,
                document=self._shown(record.data),
            )

    def _shown(self, document: bytes | None) -> object:
        if document is None:
            return None
        if len(document) > MOST_BYTES:
            return f"{len(document)} bytes"
        return masked(orjson.loads(document), self.mask)


def _has(key: Mapping[str, object], wanted: Mapping[str, str]) -> bool:
    return all(name in key and _as_text(key[name]) == value for name, value in wanted.items())


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def masked(value: object, mask: Collection[str]) -> object:
    """Return JSON without the values of some fields, at any depth."""
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {name: HIDDEN if name in mask else masked(inner, mask) for name, inner in fields.items()}
    if isinstance(value, list):
        return [masked(inner, mask) for inner in cast("list[object]", value)]
    return value
