"""Which daemons work on a database, by the names of their sessions."""

from __future__ import annotations

from cdc_daemon.errors import InstallError
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


def require_none(connection: Connection) -> None:
    """See that no daemon works on this database.

    A role sees the names of its own sessions, and of those of roles that it is a member of.

    Raises:
        InstallError: one does; the message says whose sessions there are, and from where.
    """
    found = connection.execute(statement("daemon.running")).fetchall()
    if found:
        shown = "; ".join(
            f"{count} sessions of role {role} from {place}, among them pid {pid}"
            for pid, role, place, count in found
        )
        raise InstallError(
            f"a daemon works on it ({shown})",
            where="database",
            hint="stop it first (systemctl stop cdc-daemon): it would install everything anew",
        )
