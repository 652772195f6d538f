"""Rule prices and special prices begin and end at midnight where the website is, and no row changes then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.commerce.pack import Pack

GENERAL = "356a192b7913b04c54574d18c28d46e6395428ab"
RED_SHIRT = f'["SHIRT-R", "{GENERAL}", "base"]'
KIT = '["KIT", "0", "base"]'


@pytest.fixture
def pack(database: str, tmp_path: Path) -> Iterator[Pack]:
    with ExitStack() as stack:
        yield Pack(database, tmp_path, stack, only=("prices",))


def let_days_pass(pack: Pack, days: int) -> None:
    """All dates move into the past, which is the same, and nobody is told of it."""
    with psycopg.connect(pack.dsn, autocommit=True) as connection:
        for statement in (
            f"UPDATE catalogrule_product_price SET rule_date = rule_date - {days}",
            f"UPDATE catalog_product_entity_datetime SET value = value - interval '{days} days'",
            f"UPDATE cdc.\"feed_prices\" SET refresh_at = refresh_at - interval '{days} days'",
        ):
            connection.execute(statement.encode())
        logs = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relnamespace = 'cdc'::regnamespace"
            " AND c.relname LIKE 'changelog%' AND c.relkind = 'r'"
        ).fetchall()
        connection.execute(f"TRUNCATE {', '.join(name for (name,) in logs)}".encode())


def test_the_next_time_is_the_next_midnight_of_the_website(pack: Pack) -> None:
    with psycopg.connect(pack.dsn) as connection:
        row = connection.execute(
            "SELECT refresh_at = ((now() AT TIME ZONE 'America/Los_Angeles')::date + 1)::timestamp"
            " AT TIME ZONE 'America/Los_Angeles'"
            ' FROM cdc."feed_prices" WHERE "productId" = 3 AND "customerGroupCode" = \'0\''
        ).fetchone()
    assert row == (True,)


def test_when_the_day_ends_the_price_of_the_next_day_is_sent(pack: Pack) -> None:
    assert pack.documents("prices")[RED_SHIRT]["discounts"] == [{"code": "catalog_rule", "price": 15}]
    let_days_pass(pack, 1)
    assert pack.sync("prices") == {RED_SHIRT: "upsert"}
    assert pack.documents("prices")[RED_SHIRT]["discounts"] == [{"code": "catalog_rule", "price": 14}]


def test_when_the_rule_ends_the_groups_document_goes(pack: Pack) -> None:
    let_days_pass(pack, 2)
    assert pack.sync("prices") == {RED_SHIRT: "delete"}


def test_a_special_price_ends_after_its_last_day(pack: Pack) -> None:
    with psycopg.connect(pack.dsn, autocommit=True) as connection:
        connection.execute(
            "UPDATE catalog_product_entity_datetime"
            " SET value = (now() AT TIME ZONE 'America/Los_Angeles')::date WHERE entity_id = 6"
        )
    assert pack.sync("prices") == {}
    let_days_pass(pack, 1)
    assert pack.sync("prices") == {RED_SHIRT: "upsert", KIT: "upsert"}
    assert pack.documents("prices")[KIT]["discounts"] == []
