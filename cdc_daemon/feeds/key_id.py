"""The digest of a key: `id` of `cdc.failed_item` and `cdc.delivered_document`."""

from __future__ import annotations

from psycopg import sql

from cdc_daemon.pg.statements import statement


def key_id(key: sql.Composable) -> sql.Composed:
    """Return the expression of the digest.

    Args:
        key: an expression of type jsonb.
    """
    return statement("failed_item.id", key=key)
