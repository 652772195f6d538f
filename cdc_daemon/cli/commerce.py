"""`cdc-daemon commerce`: a made-up shop over the tables of Adobe Commerce, to try the commerce feeds with."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from cdc_daemon.cli.invocation import invocation, session
from cdc_daemon.commerce.load import create
from cdc_daemon.commerce.size import Size


@click.group(short_help="A made-up shop to try the commerce feeds with.")
def commerce() -> None:
    """A made-up shop over the tables of Adobe Commerce, to try the commerce feeds with.

    \b
    Examples:
      createdb shop && export CDC_DATABASE_DSN=dbname=shop
      cdc-daemon --config config/commerce.toml commerce seed --products 10000
      cdc-daemon --config config/commerce.toml install
      cdc-daemon --config config/commerce.toml run
    """


@commerce.command(short_help="Fill an empty database with a shop.")
@click.option(
    "--products", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True, help="How many."
)
@click.option(
    "--store-views",
    type=click.IntRange(1, 500),
    default=4,
    show_default=True,
    help="How many, spread over the websites.",
)
@click.option("--websites", type=click.IntRange(1, 100), default=2, show_default=True, help="How many.")
@click.option(
    "--customer-groups",
    type=click.IntRange(1, 500),
    default=4,
    show_default=True,
    help="How many, with those who are not logged in.",
)
@click.option(
    "--orders", type=click.IntRange(0, 10_000_000), default=2_000, show_default=True, help="How many."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same shop.")
def seed(
    products: int, store_views: int, websites: int, customer_groups: int, orders: int, seed: int
) -> None:
    """Create the tables in the configured database, which must be empty, and fill them.

    Shops are skewed as real ones are: few categories hold most products, few products sell most, few
    attributes have a value. The rows follow from the seed alone, but for the dates of catalog rule prices,
    which begin yesterday.

    \b
    Example:
      cdc-daemon --config config/commerce.toml commerce seed --products 100000 --orders 20000
    """
    if websites > store_views:
        raise click.UsageError(f"{websites} websites need at least as many store views, not {store_views}")
    size = Size(products, store_views, websites, customer_groups, orders, seed)
    settings = invocation().settings()
    rows = 0
    with (
        session(settings, "commerce seed") as (connection, _),
        click.progressbar(length=products + orders, label="Loading", file=sys.stderr) as bar,
    ):
        for part in create(connection, size, today=datetime.now(UTC).date().isoformat()):
            rows += len(part.lines)
            bar.update(part.weight)
    click.echo(f"{rows:,} rows: {products:,} products, {orders:,} orders.")
