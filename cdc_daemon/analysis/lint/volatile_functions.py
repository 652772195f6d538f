"""Functions whose value is not one of their arguments alone."""

from __future__ import annotations

from collections.abc import Iterator

from cdc_daemon.analysis.lint.built_in import TABLES, kind_of
from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.lint.time_dependence import is_clock_function
from cdc_daemon.analysis.lint.undeclared_reads import Told, declare, reads
from cdc_daemon.analysis.model.catalogue import Function
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.source_text import Location

# Extensions that are there to reach other servers, files or processes.
_OUTSIDE = frozenset(
    {"dblink", "postgres_fdw", "file_fdw", "mysql_fdw", "oracle_fdw", "tds_fdw", "redis_fdw", "db2_fdw"}
    | {
        "http",
        "pg_net",
        "pg_curl",
        "plproxy",
        "pg_background",
        "adminpack",
        "aws_s3",
        "aws_lambda",
        "wrappers",
    }
    | {"plsh", "azure_storage", "google_ml_integration", "pg_cron", "pgagent"}
)
_SESSION_WORDS = ("current_user", "session_user", "current_role", "current_catalog", "user", "current_schema")


def functions(context: LintContext) -> Iterator[Verdict]:
    """Functions that are volatile, read tables or the catalogue, reach outside or tell about the session."""
    for function in context.catalogue.functions:
        if not is_clock_function(function):
            yield from _function(context, function)
    yield from _named_types(context)
    for word in _SESSION_WORDS:
        for location in context.locations_of_word(word):
            yield _session(context, word.upper(), location)


def _function(context: LintContext, function: Function) -> Iterator[Verdict]:
    builtin = function.schema == "pg_catalog"
    shown = str(function)
    told: Told | None = None
    if not function.executable:
        hint = (
            f"GRANT EXECUTE ON FUNCTION {shown}({', '.join(function.arguments)}) TO {context.catalogue.role}"
        )
        told = ("no-right", f"the role {context.catalogue.role} may not execute {shown}()", hint)
    elif function.extension in _OUTSIDE:
        what = f"{shown}() reaches what is outside of this database (extension {function.extension})"
        told = ("reaches-outside", what, "copy what is needed of it to a table, and read that")
    elif function.volatility == "volatile":
        told = ("volatile-function", f"{shown}() gives another value at every run", _volatile(function))
    elif builtin:
        told = _built_in(context, function)
    else:
        told = reads(context, function)
    if told is not None:
        name, what, hint = told
        for location in context.locations_of(function):
            yield context.verdict(name, what, hint, location)


def _built_in(context: LintContext, function: Function) -> Told | None:
    """The verdict about what a function of PostgreSQL's own depends on, given what the feed declares."""
    kind = kind_of(function)
    if kind is None or kind.verdict is None or (kind is TABLES and context.query.reads is not None):
        return None
    hint = declare(context, []) if kind is TABLES else kind.hint
    return kind.verdict, f"{function}() {kind.depends}", hint


def _named_types(context: LintContext) -> Iterator[Verdict]:
    """Values that are numbers of objects, and whose text is the object's name."""
    for type_ in context.catalogue.named_types:
        what = (
            f"a value of type {type_} is written as a name that the system catalogue holds: when the object "
            "is renamed, no document would change"
        )
        hint = "yield its number (::oid), or keep the name in a table"
        yield context.verdict("system-catalogue", what, hint, None)


def _volatile(function: Function) -> str:
    if function.schema == "pg_catalog" or function.compiled:
        return "a document has to depend on its rows alone: leave it out"
    return (
        "a function is VOLATILE unless it is declared otherwise: declare it IMMUTABLE if its value depends "
        "on its arguments alone, STABLE if it reads tables; else leave it out"
    )


def _session(context: LintContext, what: str, location: Location | None) -> Verdict:
    return context.verdict(
        "session-value",
        f"{what} tells about the daemon's session, not about a row",
        "leave it out, or write the value itself",
        location,
    )
