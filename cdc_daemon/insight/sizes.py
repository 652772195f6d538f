"""How much space the tables in schema cdc take."""

from __future__ import annotations

from collections.abc import Mapping

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


def read_sizes(connection: Connection) -> Mapping[str, int]:
    """Return the bytes of each table with its segments and indexes, the largest first."""
    return dict(connection.execute(statement("size.objects")).fetchall())
