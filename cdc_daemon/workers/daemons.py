"""Finds the daemons that work on a database, by the names of their sessions."""

from __future__ import annotations

from cdc_daemon.errors import InstallError
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


def require_none(connection: Connection) -> None:
    """Check that no daemon works on this database.

    A role sees the names of its own sessions, and those of roles of which it is a member.

    Raises:
        InstallError: a daemon works on it. The message names the roles and addresses of its sessions.
    """
    found = connection.execute(statement("daemon.running")).fetchall()
    if found:
        shown = "; ".join(
            f"{count} sessions of role {role} from {address}, among them pid {pid}"
            for pid, role, address, count in found
        )
        raise InstallError(
            f"a daemon works on it ({shown})",
            where="database",
            hint="stop it first (systemctl stop cdc-daemon): it would install everything anew",
        )
