"""The small shop of most measurements: its tables, three feeds, and rows for any number of products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

FOLDER = Path(__file__).parent


def load(
    connection: psycopg.Connection[Any], *, products: int, seed: int = 1, categories: int | None = None
) -> None:
    """Make the shop's tables in an empty database and fill them; the same arguments give the same rows.

    Args:
        connection: in autocommit mode.
        products: how many; a million take about a minute.
        seed: of everything that looks like chance.
        categories: how many; default: one to 50 products, at least 20.
    """
    sizes = {
        "shop.products": products,
        "shop.categories": max(20, products // 50) if categories is None else categories,
        "shop.seed": seed,
    }
    with connection.transaction():
        for name, value in sizes.items():
            connection.execute("SELECT set_config(%s, %s, true)", (name, str(value)))
        for script in ("schema", "rows", "keys"):
            connection.execute((FOLDER / f"{script}.sql").read_bytes())
    # Without it the first plans would be made for empty tables.
    connection.execute("ANALYZE")
