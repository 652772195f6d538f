"""What the tests of all sinks ask of a target."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.sink import Sink

Documents = dict[str, Any]
"""What a target holds: each document by its key; numbers as the digits that they were written with."""


class Receiver(ABC):
    """A target of a test's own on a server that runs.

    Attributes:
        kind: the `type` of the sink.
        address: of the server: its port on 127.0.0.1 or the path of its socket; None where there is none.
        keeps_history: whether it holds every record that came and not only the last of each key.
        drops_repetitions: whether a record that comes twice is there once.
        loss_is: what comes of a loss: a full snapshot by itself, a warning, or nothing that could be noticed.
        batches_at_once: how many batches one call of `deliver` takes, to send them side by side.
    """

    kind: ClassVar[str]
    address: int | str | None = None
    keeps_history: bool = False
    drops_repetitions: bool = False
    batches_at_once: int = 1
    loss_is: Literal["refilled", "told", "unnoticed"] = "refilled"

    def __init__(self) -> None:
        self._sinks: list[Sink] = []

    @abstractmethod
    def settings(self, port: int | None = None) -> dict[str, object]:
        """What a person writes in `[sinks.<name>]`, with another port in place of the server's."""

    @abstractmethod
    def documents(self, feed: str) -> Documents:
        """What it holds in the end, as a reader who follows docs/sinks.md sees it."""

    def history(self, feed: str) -> list[tuple[str, int]]:
        """Key and revision of every record that it holds, in order; where it keeps a history."""
        raise NotImplementedError

    def refused(self, feed: str) -> Record | None:
        """A record that the target will refuse, from now on; None for one that refuses none by itself."""
        return None

    def losses(self, feed: str) -> Mapping[str, Callable[[], object]]:
        """The ways in which a person can take away everything of a feed that it holds, by name."""
        return {}

    def stop(self) -> None:
        """Kill its server; only where the test has one of its own."""
        raise NotImplementedError

    def start(self) -> None:
        """Start its server again, on the data that it had."""
        raise NotImplementedError

    def close(self) -> None:
        """Close its sinks, and take away what the test put there."""
        for sink in self._sinks:
            sink.close()

    def sink(self, port: int | None = None, **more: object) -> Sink:
        """The sink, opened with the target's settings and more; it is closed with the receiver."""
        settings = {"type": self.kind, "timeout_seconds": 10.0, **self.settings(port), **more}
        self._sinks.append(SINKS[self.kind].model_validate(settings).open("target"))
        return self._sinks[-1]


@dataclass(frozen=True)
class Seen:
    """A record as it came out of a log."""

    key: str
    revision: int
    document: Any
    """None for a delete."""
    snapshot: int | None = None
    """Number of the full snapshot that it is part of."""
    ends: bool = False
    """It is the end of that snapshot."""


def meaning(text: bytes | str) -> Any:
    """A JSON text, with numbers as they are written."""
    return json.loads(text, parse_float=str, parse_int=str)


def key_of(text: bytes | str) -> str:
    """A key, written in one way."""
    return json.dumps(meaning(text), ensure_ascii=False, sort_keys=True)


def key_of_joined(text: str) -> str:
    """The key that a name was made of (`key_text.joined`), of those that the tests use."""
    values = [value.replace("%3A", ":").replace("%25", "%") for value in text.split(":")]
    if len(values) == 1:
        return key_of(json.dumps({"sku": values[0]}))
    if values == ["1", "true"]:
        return key_of(b'{"a":1,"b":true}')
    return key_of(json.dumps(dict(zip("ab", values, strict=True))))


def seen(encoded: bytes | str) -> Seen:
    """What an encoded record (`format = "records"`) says."""
    record = meaning(encoded)
    key = json.dumps(record["key"], ensure_ascii=False, sort_keys=True)
    snapshot = int(record["snapshot"]) if "snapshot" in record else None
    document = None if record["op"] == "delete" else record["data"]
    return Seen(key, int(record["revision"]), document, snapshot, record["op"] == "snapshot_end")


def folded(records: Iterable[Seen]) -> Documents:
    """The documents after the records, as docs/delivery.md tells a reader.

    The highest revision of a key counts. A record of a full snapshot replaces whatever is from before it,
    and the snapshot's end removes what it did not name.
    """
    latest: dict[str, tuple[Seen, int]] = {}
    last = 0
    for record in records:
        if record.ends:
            last = record.snapshot or 0
            latest = {key: (known, stamp) for key, (known, stamp) in latest.items() if stamp >= last}
            continue
        known, stamp = latest.get(record.key, (record, 0))
        if known.revision <= record.revision or stamp < (record.snapshot or 0):
            latest[record.key] = record, max(last, record.snapshot or 0)
    return {key: record.document for key, (record, _) in latest.items() if record.document is not None}


def state(records: Iterable[Record]) -> Documents:
    """The documents of a feed after these records."""
    return folded(
        Seen(key_of(record.key), record.revision, None if record.data is None else meaning(record.data))
        for record in records
    )
