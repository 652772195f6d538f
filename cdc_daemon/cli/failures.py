"""Formats errors for a person: what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from cdc_daemon.errors import CdcError, ConfigurationError, DatabaseUnavailable
from cdc_daemon.redaction import hide_passwords

EXPECTED = (CdcError, psycopg.Error)
"""Errors that a command reports in `Error:` and `Try:` lines. Any other exception is a defect of ours."""


def lines_of(error: CdcError | psycopg.Error) -> Iterator[str]:
    """Yield the `Error:` and `Try:` lines of an error; for a configuration, a line for each fault."""
    if isinstance(error, ConfigurationError):
        for fault in error.faults:
            yield fault_line(*fault)
        return
    if isinstance(error, CdcError):
        yield f"Error: {hide_passwords(str(error))}"
        if error.hint:
            yield f"Try: {hide_passwords(error.hint)}"
        return
    # The server's text: the first line is the message, the second is often a detail.
    yield f"Error: database: {hide_passwords(' '.join(str(error).split()))}"
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        yield "Try: the role that ran `cdc-daemon install`, or let that role grant its rights to this one"
    elif isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.InvalidSchemaName):
        yield "Try: `cdc-daemon install`"


def fault_line(where: str, what: str, hint: str | None, *, label: str = "Error") -> str:
    """Return one fault on one line, with its place and its remedy.

    Args:
        label: the first word of the line.
    """
    remedy = f" Try: {_one_line(hint)}" if hint else ""
    return hide_passwords(f"{label}: {where}: {_one_line(what).rstrip('.')}.{remedy}")


def exit_code_of(error: CdcError | psycopg.Error) -> int:
    """Return the exit code: 2 for a fault that a person must correct, 3 for no database, else 1."""
    if isinstance(error, CdcError):
        return error.exit_code
    lost = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    return DatabaseUnavailable.exit_code if lost else CdcError.exit_code


def _one_line(text: str) -> str:
    return " ".join(text.split())
