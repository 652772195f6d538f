"""A join on COALESCE over several tables is followed by the columns that their indexes hold."""

from __future__ import annotations

from cdc_daemon.analysis.analyse import analyse
from tests.support.analysis_fixtures import CATALOGUE, feed_query

ORDERED = "SELECT p.id, c.name FROM shop.product p LEFT JOIN shop.orders o ON o.id = p.id"


def routes(query: str, alias: str) -> list[str]:
    occurrences = analyse(feed_query(query), CATALOGUE).occurrences
    (occurrence,) = (each for each in occurrences if each.alias == alias)
    return [" ".join(route.sql.split()) for route in occurrence.routes]


def test_an_override_and_the_default_are_looked_up_each_by_itself() -> None:
    query = f"{ORDERED} JOIN shop.category c ON c.id = COALESCE(o.customer_id, p.category_id)"
    assert routes(query, "c") == [
        "SELECT o.id AS id FROM delta JOIN shop.orders AS o ON delta.id = o.customer_id",
        "SELECT p.id AS id FROM delta JOIN shop.product AS p ON delta.id = p.category_id",
    ]


def test_the_fallback_may_stand_on_either_side_and_have_several_steps() -> None:
    query = f"""{ORDERED} LEFT JOIN shop.item i ON i.product_id = p.id
        LEFT JOIN shop.category c ON COALESCE(o.customer_id, i.order_id, p.category_id) = c.id"""
    assert routes(query, "c") == [
        "SELECT o.id AS id FROM delta JOIN shop.orders AS o ON o.customer_id = delta.id",
        "SELECT i.product_id AS id FROM delta JOIN shop.item AS i ON i.order_id = delta.id",
        "SELECT p.id AS id FROM delta JOIN shop.product AS p ON p.category_id = delta.id",
    ]


def test_of_one_table_it_stays_an_expression_which_an_index_may_have() -> None:
    query = """SELECT p.id, c.name FROM shop.product p
        JOIN shop.category c ON c.id = COALESCE(p.category_id, p.id)"""
    assert routes(query, "c") == [
        "SELECT p.id AS id FROM delta JOIN shop.product AS p ON delta.id = COALESCE(p.category_id, p.id)"
    ]


def test_over_more_outer_joins_than_can_be_told_apart_nothing_is_guessed() -> None:
    """Six of them are in 64 states; of a row without a match its columns would be taken for NULL."""
    names = tuple(f"k{n}" for n in range(6))
    joins = "".join(
        f" LEFT JOIN shop.category c{n} ON c{n}.id = {f'c{n - 1}.parent_id' if n else 'p.category_id'}"
        for n in range(6)
    )
    for most in (5, 6):
        outputs = ", ".join(f"c{n}.id AS k{n}" for n in range(most))
        query = f"SELECT {outputs} FROM shop.product p{joins}"
        occurrences = analyse(feed_query(query, *names[:most]), CATALOGUE).occurrences
        (changed,) = (each for each in occurrences if each.alias == "c0")
        assert ("k0" in changed.routes[0].bound) is (most == 5)
