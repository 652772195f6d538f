"""What a pass read: the transactions that changed source tables, as the history of documents keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MOST_CAUSES = 50
"""Largest number of transactions of one table that the history names for a pass."""

OPERATIONS: Mapping[str, str] = {"I": "insert", "U": "update", "D": "delete", "T": "truncate"}
"""Names of the operations by their letters in an entry."""


@dataclass(frozen=True)
class Cause:
    """What one transaction did to one source table, as far as capture recorded it.

    Attributes:
        table: the table, as `schema.name`.
        operation: `insert`, `update`, `delete` or `truncate`; None if the entry does not tell.
        transaction: the transaction's ID (xid8).
        rows: number of changed rows; None if the entry can't name them.
        captured_at: when the trigger wrote the first of these entries.
        application, user: application_name and session user of the writer; None unless `[capture] context` is
            true.
    """

    table: str
    operation: str | None
    transaction: int
    rows: int | None
    captured_at: datetime
    application: str | None = None
    user: str | None = None

    def stored(self) -> list[object]:
        """Return the cause as the history stores it (see cdc.history_pass.causes)."""
        return [
            self.table,
            self.operation,
            str(self.transaction),
            self.rows,
            self.captured_at.isoformat(),
            self.application,
            self.user,
        ]

    @classmethod
    def read(cls, stored: Sequence[Any]) -> Cause:
        """Return the cause from the form of `stored`."""
        table, operation, transaction, rows, captured_at, application, user = stored
        operation = OPERATIONS.get(operation or "", operation)
        moment = datetime.fromisoformat(captured_at)
        return cls(table, operation, int(transaction), rows, moment, application, user)
