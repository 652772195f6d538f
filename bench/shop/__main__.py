"""`python -m bench.shop DSN`: load the small shop into an empty database."""

from __future__ import annotations

import click
import psycopg

from bench import shop


@click.command()
@click.argument("dsn")
@click.option("--products", default=10_000, show_default=True, help="How many products.")
@click.option("--seed", default=1, show_default=True, help="Of everything that looks like chance.")
def main(dsn: str, products: int, seed: int) -> None:
    """Load the small shop into the empty database at DSN."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        shop.load(connection, products=products, seed=seed)


if __name__ == "__main__":
    main()
