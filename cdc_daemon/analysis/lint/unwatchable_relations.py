"""Relations that no trigger can watch, or that the daemon's role may not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.model.catalogue import Table
from cdc_daemon.analysis.model.plan import Verdict

_KINDS: Mapping[str, tuple[str, str]] = {
    "materialized view": (
        "materialized-view",
        "its contents change at REFRESH, which no trigger sees: read the tables behind it",
    ),
    "foreign table": (
        "foreign-table",
        "its rows change where no trigger of this server fires: copy it to a table",
    ),
    "system catalogue": (
        "system-catalogue",
        "no trigger can be created on it: keep what is needed of it in a table",
    ),
    "sequence": ("system-catalogue", "no trigger can be created on it: keep the number in a table"),
    "temporary table": (
        "temporary-table",
        "only the session that made it sees it: make it a table of the database",
    ),
}


def relations(context: LintContext) -> Iterator[Verdict]:
    """Yield a verdict for each relation that can't be watched or read."""
    for table in context.catalogue.tables.values():
        for name, what, hint in _verdicts(table, context.catalogue.role):
            yield context.verdict(name, what, hint, context.location_of(table.name))
    yield from _views(context)


_AS_OWNER = "run the daemon as the table's owner"


def _views(context: LintContext) -> Iterator[Verdict]:
    role = context.catalogue.role
    for view in context.catalogue.views.values():
        location = context.locations.of_relation(view.name)
        if (
            not view.readable and location is not None
        ):  # a view behind another is read with its owner's rights
            hint = f"GRANT SELECT ON {view.name.quoted} TO {role}"
            yield context.verdict("no-right", f"the role {role} may not read {view.name}", hint, location)


def _verdicts(table: Table, role: str) -> Iterator[tuple[str, str, str]]:
    if table.kind in _KINDS:
        name, hint = _KINDS[table.kind]
        yield name, f"{table.name} is a {table.kind}", hint
    elif table.foreign_parts:
        what = f"{table.name} has partitions that are foreign tables ({', '.join(table.foreign_parts)})"
        yield "foreign-table", what, _KINDS["foreign table"][1]
    elif table.unlogged:
        what = f"{table.name} is UNLOGGED: after a crash it is empty, and no trigger fires"
        yield "unlogged-table", what, f"ALTER TABLE {table.name.quoted} SET LOGGED; or resync after a crash"
    if not table.readable:
        what = f"the role {role} may not read {table.name}"
        yield "no-right", what, f"GRANT SELECT ON {table.name.quoted} TO {role}"
    elif table.row_security:
        what = f"row-level security of {table.name} applies to the role {role}, even where it hides nothing"
        forced = table.row_security == "forced"
        other = f"ALTER TABLE {table.name.quoted} NO FORCE ROW LEVEL SECURITY" if forced else _AS_OWNER
        hint = (
            f"ALTER ROLE {role} BYPASSRLS, or {other}. A policy USING (true) "
            "does not help: the daemon sets row_security = off, so that no row can be hidden silently"
        )
        yield "row-security", what, hint
