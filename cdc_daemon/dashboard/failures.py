"""Errors as answers: which status, and which words."""

from __future__ import annotations

import psycopg

from cdc_daemon.dashboard.definitions import BadQuestion, Forbidden, NotThere
from cdc_daemon.errors import CdcError, DatabaseUnavailable, UnusableValue
from cdc_daemon.pg.session import first_line

EXPECTED = (CdcError, psycopg.Error)
"""Errors that an answer tells; any other one is a bug."""


def status_of(error: Exception) -> int:
    """Return the HTTP status for an error."""
    match error:
        case Forbidden():
            return 403
        case NotThere():
            return 404
        case BadQuestion() | UnusableValue():
            return 422
        case DatabaseUnavailable() | psycopg.OperationalError():
            return 503
        case CdcError():
            return 409
        case _:
            return 500


def told(error: Exception) -> dict[str, str | None]:
    """Return an error's words: what, where and what to do."""
    if isinstance(error, CdcError):
        return {"what": error.what, "where": error.where, "hint": error.hint}
    return {"what": first_line(error), "where": "database", "hint": None}
