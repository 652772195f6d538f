"""Functions whose value is not one of their arguments alone."""

from __future__ import annotations

from collections.abc import Iterator

from cdc_daemon.analysis.catalogue import Function
from cdc_daemon.analysis.places import Place
from cdc_daemon.analysis.plan import Verdict
from cdc_daemon.analysis.verdicts.clocks import is_clock_function
from cdc_daemon.analysis.verdicts.reads import reads
from cdc_daemon.analysis.verdicts.subject import Subject

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
# Declared STABLE, for they don't change within a transaction.
_EACH_RUN = frozenset(
    {"txid_current", "txid_current_if_assigned", "txid_current_snapshot", "pg_current_xact_id"}
    | {"pg_current_xact_id_if_assigned", "pg_current_snapshot", "pg_backend_pid", "pg_postmaster_start_time"}
    | {"pg_conf_load_time", "pg_trigger_depth", "pg_is_in_recovery"}
)
_SESSION = frozenset(
    {
        "current_setting",
        "current_schema",
        "current_schemas",
        "current_database",
        "inet_client_addr",
        "version",
    }
    | {"inet_client_port", "inet_server_addr", "inet_server_port", "getpgusername", "pg_my_temp_schema"}
)
_SESSION_WORDS = ("current_user", "session_user", "current_role", "current_catalog", "user", "current_schema")


def functions(subject: Subject) -> Iterator[Verdict]:
    """Volatile functions, functions that read tables, reach outside or tell about the session."""
    for function in subject.catalogue.functions:
        if not is_clock_function(function):
            yield from _function(subject, function)
    for word in _SESSION_WORDS:
        for place in subject.text.keywords(word):
            yield _session(subject, word.upper(), place)


def _function(subject: Subject, function: Function) -> Iterator[Verdict]:
    builtin = function.schema == "pg_catalog"
    shown = str(function)
    told: tuple[str, str, str] | None = None
    if not function.executable:
        hint = (
            f"GRANT EXECUTE ON FUNCTION {shown}({', '.join(function.arguments)}) TO {subject.catalogue.role}"
        )
        told = ("no-right", f"the role {subject.catalogue.role} may not execute {shown}()", hint)
    elif function.extension in _OUTSIDE:
        what = f"{shown}() reaches what is outside of this database (extension {function.extension})"
        told = ("reaches-outside", what, "copy what is needed of it to a table, and read that")
    elif builtin and function.name in _SESSION:
        for place in subject.places_of(function):
            yield _session(subject, f"{shown}()", place)
        return
    elif function.volatility == "volatile" or (builtin and function.name in _EACH_RUN):
        told = ("volatile-function", f"{shown}() gives another value at every run", _volatile(function))
    elif not builtin:
        told = reads(subject, function)
    if told is not None:
        name, what, hint = told
        for place in subject.places_of(function):
            yield subject.verdict(name, what, hint, place)


def _volatile(function: Function) -> str:
    if function.schema == "pg_catalog" or function.compiled:
        return "a document has to depend on its rows alone: leave it out"
    return (
        "a function is VOLATILE unless it is declared otherwise: declare it IMMUTABLE if its value depends "
        "on its arguments alone, STABLE if it reads tables; else leave it out"
    )


def _session(subject: Subject, what: str, place: Place | None) -> Verdict:
    return subject.verdict(
        "session-value",
        f"{what} tells about the daemon's session, not about a row",
        "leave it out, or write the value itself",
        place,
    )
