"""The one table of tests to which its columns do not matter: products with a SKU, a name and a price."""

from __future__ import annotations


def products(count: int, *, name: str = "'name ' || n") -> str:
    """Statements that make the table `product` with so many rows: 1, sku1, name 1, 1.50 is the first.

    Args:
        name: an expression over `n`, the number of a row.
    """
    return (
        "CREATE TABLE product (id bigint PRIMARY KEY, sku text NOT NULL UNIQUE, name text, price numeric);"
        f"INSERT INTO product SELECT n, 'sku' || n, {name}, n + 0.50 FROM generate_series(1, {count}) AS n"
    )
