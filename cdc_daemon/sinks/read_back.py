"""Reading a receiver back: which documents does it hold?"""

from __future__ import annotations

import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from cdc_daemon.sinks.record import on_one_line

PAGE = 500
"""About this many documents make a page of `read_back`."""

_NUMBER = "\udfff"  # half a surrogate pair: no text of PostgreSQL holds it
_MOST_DIGITS = 400


@dataclass(frozen=True, slots=True)
class Held:
    """A document that a receiver holds, or a record that it has kept.

    Attributes:
        name: the name that `ReadBack.name_of` gives to the document's key.
        revision: its revision, or a number that is not below it; None if the receiver does not know it.
        document: the document as it is held, JSON; None if it is deleted, or if only its hash is known.
        hash: the `hash` of the record, for receivers that return no document.
        snapshot: number of the full snapshot that the record is part of; 0 outside of one.
        key: the key as a JSON object, if the receiver knows it.
    """

    name: str
    revision: int | None
    document: bytes | None
    deleted: bool = False
    hash: str | None = None
    snapshot: int = 0
    key: str | None = None


@dataclass(frozen=True, slots=True)
class HeldEnd:
    """The end of a full snapshot: earlier documents that it did not name do not exist any more."""

    snapshot: int


class ReadBack(ABC):
    """A sink whose receiver can be read back, for `cdc-daemon verify --sink`.

    A receiver that keeps one state for each document yields each document once, in any order. One that keeps
    records yields them in their order, from the first to the last that is there when the reading begins; the
    caller folds them.
    """

    is_log: bool = False
    """Whether the receiver keeps records, and not only the state of each document."""

    @property
    def can_read_back(self) -> bool:
        """Whether the settings let the receiver be read back."""
        return True

    @abstractmethod
    def read_back(self, feed: str, key: Sequence[str]) -> Iterator[Sequence[Held | HeldEnd]]:
        """Yield what the receiver holds of a feed, in pages.

        Args:
            key: the feed's key columns, for a receiver that holds documents without their keys.

        Raises:
            SinkUnavailable: the receiver can't be read now.
            CannotReadBack: its records don't tell enough.
        """

    def name_of(self, feed: str, key: bytes) -> str:  # noqa: ARG002 - for those with names of their own
        """Return the name by which the receiver knows a document; by default its key in one spelling."""
        return canonical(key)

    def keeps_all(self, feed: str) -> bool:  # noqa: ARG002 - for those that forget
        """Whether a document that the receiver does not hold is missing. False if it rightly forgets some."""
        return True


def pages(found: Iterable[Held | HeldEnd]) -> Iterator[Sequence[Held | HeldEnd]]:
    """Yield documents in pages."""
    some = iter(found)
    while page := list(itertools.islice(some, PAGE)):
        yield page


def canonical(text: bytes | str) -> str:
    """Return JSON in one spelling, whatever the order of its members, its white space and its escapes.

    Numbers keep their digits: 1.10 is not 1.1, but 1e2 is 100, as jsonb writes it.
    """
    try:
        value = json.loads(text, parse_float=_number, parse_int=_number)
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")


def fields_that_differ(wanted: bytes, held: bytes) -> tuple[str, ...] | None:
    """Return the top-level fields in which two documents differ; None if the documents are equal.

    Returns:
        Fields in the order of `wanted`, then those that `held` alone has.
    """
    if on_one_line(wanted) == on_one_line(held) or canonical(wanted) == canonical(held):
        return None
    ours, theirs = _members(wanted), _members(held)
    absent = object()
    names = dict.fromkeys((*ours, *theirs))
    return tuple(name for name in names if ours.get(name, absent) != theirs.get(name, absent))


def _members(document: bytes) -> dict[str, object]:
    try:
        value = json.loads(document, parse_float=_number, parse_int=_number)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _number(text: str) -> str:
    if text.isdigit():
        return _NUMBER + text
    value = Decimal(text)
    if value.is_zero():
        value = value.copy_abs()
    if abs(value.adjusted()) < _MOST_DIGITS:
        return f"{_NUMBER}{value:f}"
    return f"{_NUMBER}{value.normalize()}"
