"""One line of a list of documents, and the columns that it is read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from psycopg import sql

from cdc_daemon.feeds.comparison import after
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.feeds.text_form import parameter, texts
from cdc_daemon.pg.statements import statement

COLUMNS = 7
"""Number of columns of `row`."""


@dataclass(frozen=True)
class DocumentRow:
    """A stored document, without its text.

    Attributes:
        key: the key columns as a JSON object.
        key_texts: values of the key columns, as PostgreSQL writes them.
        deleted: whether it is a tombstone: the query no longer returns the document.
        captured_at: when the trigger captured the change that led to this revision.
        modified_at: when the revision was stored.
        size: bytes of the document; 0 for a tombstone.
        sinks: for each sink `delivered`, `waiting`, `refused` or `parked`.
    """

    key: str
    key_texts: Sequence[str]
    revision: int
    deleted: bool
    captured_at: datetime
    modified_at: datetime
    size: int
    sinks: Mapping[str, str] = field(default_factory=dict[str, str])


def row(feed: FeedDefinition) -> sql.Composed:
    """Return the columns of the stored row `s`, from which `read_row` makes a `DocumentRow`."""
    return statement(
        "document_list.row",
        key_object=sql.SQL("(SELECT pg_catalog.row_to_json(k.*) FROM (SELECT {}) AS k)").format(
            columns(feed.key, of="s")
        ),
        key_texts=texts(feed, feed.key, of="s"),
    )


def read_row(found: Sequence[Any]) -> DocumentRow:
    """Return the line of such columns."""
    key, key_texts, *rest = found
    return DocumentRow(key, tuple(orjson.loads(key_texts)), *rest)


def after_key(feed: FeedDefinition, last: Sequence[str] | None) -> tuple[sql.Composed, dict[str, object]]:
    """Return the condition that the stored row `s` comes after a key, and its parameters.

    Args:
        last: values of the key columns as texts; None: the condition is empty.
    """
    if last is None:
        return sql.Composed([]), {}
    values = {name: parameter(feed, name, f"after_{n}") for n, name in enumerate(feed.key, start=1)}
    condition = statement("feed.scan_after", after=after(feed, feed.key, "s", values))
    return condition, {f"after_{n}": value for n, value in enumerate(last, start=1)}
