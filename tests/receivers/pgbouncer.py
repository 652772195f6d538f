"""PgBouncer: a pooler between the daemon and its database."""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from tests.receivers.processes import Kind, program


class PgBouncer(Kind):
    """A pooler in front of one server, as that server's superuser.

    Args:
        dsn: of the server.
        mode: `transaction` or `session`.
    """

    name = "pgbouncer"
    package = "pgbouncer"

    def __init__(self, dsn: str, mode: str) -> None:
        self._place = conninfo_to_dict(dsn)
        self._mode = mode

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        place = self._place
        (folder / "users").write_text(f'"{place["user"]}" ""\n')
        (folder / "pgbouncer.ini").write_text(
            f"""
            [databases]
            * = host={place["host"]} port={place["port"]}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {ports[0]}
            unix_socket_dir =
            auth_type = trust
            auth_file = {folder}/users
            pool_mode = {self._mode}
            """
        )
        as_user = []
        if os.geteuid() == 0:  # it refuses to run as root; the server's user may enter its socket's folder
            user = pwd.getpwuid(Path(str(place["host"])).stat().st_uid)
            for path in (folder, *folder.iterdir()):
                os.chown(path, user.pw_uid, -1)
            as_user = ["--user", user.pw_name]
        return [program("pgbouncer", package=self.package), *as_user, str(folder / "pgbouncer.ini")]

    def is_ready(self, ports: list[int]) -> bool:
        with socket.create_connection(("127.0.0.1", ports[0]), timeout=2):
            return True
