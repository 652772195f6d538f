"""The command line, called in the test's process, over a small shop with one feed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import psycopg
from click.testing import CliRunner, Result

from cdc_daemon.cli import main

SHOP = """
CREATE TABLE product (id integer PRIMARY KEY, sku text NOT NULL UNIQUE, name text);
CREATE TABLE stock (product_id integer PRIMARY KEY, quantity integer);
INSERT INTO product VALUES (1, 'A-1', 'Anvil'), (2, 'B-2', 'Bell');
INSERT INTO stock VALUES (1, 10);
"""
QUERY = """
SELECT p.sku, p.name, s.quantity
FROM product AS p
LEFT JOIN stock AS s ON s.product_id = p.id
"""

Connect = Callable[..., psycopg.Connection[tuple[Any, ...]]]
Call = Callable[..., Result]


def shop_in(folder: Path, dsn: str, connection: psycopg.Connection[Any]) -> Path:
    """Make the shop, and write the configuration of one feed of it; returns the folder."""
    connection.execute(SHOP)
    (folder / "products.sql").write_text(QUERY)
    (folder / "dsn").write_text(dsn)
    (folder / "cdc.toml").write_text(
        """
        [database]
        dsn_file = "dsn"
        [feeds.products]
        query = "products.sql"
        key = ["sku"]
        [sinks.out]
        type = "file"
        path = "out/{feed}.ndjson"
        """
    )
    return folder


def calling(folder: Path) -> Call:
    """What calls a command with the configuration of a folder."""

    def call(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(main, ["--config", str(folder / "cdc.toml"), *arguments], **options)

    return call


def delivered(folder: Path) -> list[dict[str, Any]]:
    """The records of documents, without those that end a full snapshot."""
    lines = (folder / "out" / "products.ndjson").read_bytes().splitlines()
    return [record for line in lines if (record := orjson.loads(line))["op"] != "snapshot_end"]
