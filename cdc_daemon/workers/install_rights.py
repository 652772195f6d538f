"""Whether this session may execute the steps of an install, found out without executing them."""

from __future__ import annotations

from collections.abc import Sequence

from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.errors import InstallError
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.ddl import Step
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


def require_rights(connection: Connection, steps: Sequence[Step]) -> None:
    """Check that this session may execute steps.

    Only the table's owner may create a trigger that always fires. Objects of schema cdc need the right to
    create there. Steps that only write rows need nothing more than a daemon has.

    Raises:
        InstallError: a right is missing. The message names every table and its owner.
    """
    tables = sorted({step.locks for step in steps if step.locks is not None})
    lacking = [f"it does not own {table}, {owner} does" for table, owner in _foreign(connection, tables)]
    created = [step.what for step in steps if step.locks is None and not step.rows_only]
    if created and not _may_create(connection):
        lacking.insert(0, f"it may not create in {own_schema.shown()} ({created[0]})")
    if lacking:
        raise InstallError(
            f"the role {connection.info.user} may not install what changed: {'; '.join(lacking)}",
            where="database",
            hint="make it a member of the owner (GRANT <owner> TO <role>), or have a DBA run "
            "`cdc-daemon install --script`; then reload",
        )


def _foreign(connection: Connection, tables: Sequence[TableName]) -> list[tuple[TableName, str]]:
    """Return the tables whose owner's rights this session does not have, with their owners."""
    rows = connection.execute(
        statement("installation.tables_of_others"),
        {"schemas": [table.schema for table in tables], "names": [table.name for table in tables]},
    )
    return [(TableName(schema, name), owner) for schema, name, owner in rows]


def _may_create(connection: Connection) -> bool:
    row = connection.execute(statement("installation.may_create")).fetchone()
    return row is not None and bool(row[0])
