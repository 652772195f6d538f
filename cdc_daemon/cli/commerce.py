"""`cdc-daemon commerce`: generates a shop in the tables of Adobe Commerce, to try the commerce feeds."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import click

from cdc_daemon.cli.invocation import invocation, session
from cdc_daemon.cli.terminal import echo
from cdc_daemon.commerce.load import create
from cdc_daemon.commerce.size import Size
from cdc_daemon.commerce.traffic import Traffic
from cdc_daemon.pg.session import connect
from cdc_daemon.settings import Settings

EDITS_A_LANE = 50
"""Edits a second that one session makes easily."""


@click.group(short_help="Generate a shop to try the commerce feeds.")
def commerce() -> None:
    """Generate a shop in the tables of Adobe Commerce, to try the commerce feeds.

    \b
    Examples:
      createdb shop && export CDC_DATABASE_DSN=dbname=shop
      cdc-daemon --config config/commerce.toml commerce seed --products 10000
      cdc-daemon --config config/commerce.toml install
      cdc-daemon --config config/commerce.toml run
    """


@commerce.command(short_help="Fill an empty database with a shop.")
@click.option(
    "--products",
    type=click.IntRange(1, 10_000_000),
    default=10_000,
    show_default=True,
    help="Number of products.",
)
@click.option(
    "--store-views",
    type=click.IntRange(1, 500),
    default=4,
    show_default=True,
    help="Number of store views, spread over the websites.",
)
@click.option(
    "--websites", type=click.IntRange(1, 100), default=2, show_default=True, help="Number of websites."
)
@click.option(
    "--customer-groups",
    type=click.IntRange(1, 500),
    default=4,
    show_default=True,
    help="Number of customer groups, including the group of visitors who are not logged in.",
)
@click.option(
    "--orders", type=click.IntRange(0, 10_000_000), default=2_000, show_default=True, help="Number of orders."
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Seed of the random numbers. The same seed makes the same shop.",
)
def seed(
    products: int, store_views: int, websites: int, customer_groups: int, orders: int, seed: int
) -> None:
    """Create the tables of a shop in the configured database, which must be empty, and fill them.

    The shop is skewed as real shops are: few categories hold most products, few products sell most, few
    attributes have a value. The rows depend only on the seed, except for the dates of catalog rule prices,
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
        session(settings, "commerce seed", search_path=settings.database.search_path) as (connection, _),
        click.progressbar(length=products + orders, label="Loading", file=sys.stderr) as bar,
    ):
        for part in create(connection, size, today=datetime.now(UTC).date().isoformat()):
            rows += len(part.lines)
            bar.update(part.weight)
    echo(f"{rows:,} rows: {products:,} products, {orders:,} orders.")


@commerce.command(short_help="Edit the shop as merchants and customers do.")
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 10_000),
    default=20,
    show_default=True,
    help="Number of edits a second.",
)
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), help="Duration in seconds. Default: until Ctrl-C."
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Seed of the random numbers: it decides which edits come.",
)
def traffic(rate: float, seconds: float | None, seed: int) -> None:
    """Change prices and stock, place and ship orders, translate, import, move and delete.

    Each edit is a transaction of its own. Edits come at an even pace. If the database is too slow for the
    rate, the last line shows the rate that was reached.

    \b
    Example:
      cdc-daemon --config config/commerce.toml commerce traffic --rate 100 --seconds 60
    """
    settings = invocation().settings()
    lanes = max(1, round(rate / EDITS_A_LANE))
    stop = threading.Event()
    started = time.monotonic()
    path = settings.database.search_path
    with session(settings, "commerce traffic", search_path=path) as (connection, dsn):
        Traffic(connection, random.Random(seed))  # noqa: S311 # raises if there is no shop
        with ThreadPoolExecutor(lanes) as pool:
            running = [
                pool.submit(_lane, settings, dsn, stop, rate / lanes, f"{seed}/{lane}", seconds)
                for lane in range(lanes)
            ]
            try:
                done = sum((each.result() for each in running), Counter[str]())
            except KeyboardInterrupt:
                stop.set()
                done = sum((each.result() for each in running), Counter[str]())
            finally:
                stop.set()  # one lane's error ends the others
    passed = time.monotonic() - started
    for kind, count in done.most_common():
        echo(f"{count:8,}  {kind}")
    echo(f"{done.total():8,}  edits in {passed:.1f} s: {done.total() / passed:.1f} a second")


def _lane(
    settings: Settings, dsn: str, stop: threading.Event, rate: float, seed: str, seconds: float | None
) -> Counter[str]:
    with connect(dsn, search_path=settings.database.search_path, purpose="commerce traffic") as connection:
        edits = Traffic(connection, random.Random(seed))  # noqa: S311 # the same edits for the same seed
        edits.at_pace(rate, stop, seconds)
        return edits.done
