"""The digest by which a delivery's state is found: `id` of `cdc.failed_item` and `cdc.delivered_document`."""

from __future__ import annotations

from psycopg import sql

from cdc_daemon.pg.statements import statement


def key_id(key: sql.Composable) -> sql.Composed:
    """The expression that makes it.

    Args:
        key: an expression of type jsonb.
    """
    return statement("failed_item.id", key=key)
