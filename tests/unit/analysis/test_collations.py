"""Equality by a collation, which is no equality by another one."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import Catalogue, Column, Table, TableName
from cdc_daemon.analysis.model.plan import Route
from tests.support.analysis_fixtures import feed_query


def table(name: str, *, collation: str = "", deterministic: bool = True) -> Table:
    columns = (
        Column("id", "integer", "integer", not_null=True),
        Column("name", "text", "text", False, collation=collation, deterministic=deterministic),
    )
    return Table(TableName("shop", name), 1, {column.name: column for column in columns}, ("id",), (("id",),))


TABLES = (
    table("plain"),
    table("other"),
    table("bytewise", collation='pg_catalog."C"'),
    table("folding", collation="public.ci", deterministic=False),
    table("folded", collation="public.ci", deterministic=False),
)
CATALOGUE = Catalogue(
    {each.name: each for each in TABLES}, collated_domains={"public.folded": ("public.ci", False)}
)


def routes(query: str, alias: str, entity: str = "id") -> tuple[Route, ...]:
    """The routes of one place where a table is read."""
    analysis = analyse(feed_query(query, entity), CATALOGUE)
    return next(each.routes for each in analysis.occurrences if each.alias == alias)


def visited(query: str, alias: str) -> set[str]:
    """The tables that they visit."""
    return {visit.table.name for route in routes(query, alias) for visit in route.visits}


@pytest.mark.parametrize(
    ("between", "tables"),
    [
        ("plain", {"other"}),
        ("bytewise", {"bytewise", "other"}),
        ("folding", {"folding", "other"}),
    ],
)
def test_a_value_passes_a_table_by_only_where_both_are_compared_alike(between: str, tables: set[str]) -> None:
    query = (
        f"SELECT o.id FROM ((shop.plain p JOIN shop.{between} b ON ((b.name = p.name)))"
        " JOIN shop.other o ON ((o.name = b.name)))"
    )
    assert visited(query, "p") == tables


def test_an_equal_value_serves_no_condition_that_is_stricter() -> None:
    query = (
        "SELECT o.id FROM ((shop.folding p JOIN shop.folded f ON ((f.name = p.name)))"
        ' JOIN shop.other o ON ((f.name = (o.name COLLATE "C"))))'
    )
    assert visited(query, "p") == {"folded", "other"}


def test_a_cast_to_a_domain_compares_by_the_domains_collation() -> None:
    query = (
        "SELECT o.id FROM ((shop.plain p JOIN shop.plain q ON ((q.name = (p.name)::public.folded)))"
        " JOIN shop.other o ON ((o.name = q.name)))"
    )
    assert visited(query, "p") == {"plain", "other"}


def test_an_equal_value_serves_what_compares_as_it_was_compared() -> None:
    query = (
        "SELECT o.id FROM ((shop.folding p JOIN shop.folded f ON ((f.name = p.name)))"
        " JOIN shop.other o ON ((o.name = f.name)))"
    )
    assert visited(query, "p") == {"other"}


def test_a_collation_that_a_subquery_writes_out_gives_way_outside() -> None:
    query = (
        'SELECT o.id FROM ((SELECT (f.name COLLATE "default") AS name FROM shop.folding f) w'
        " JOIN shop.folded o ON ((o.name = w.name)))"
    )
    (route,) = routes(query, "f")
    assert '(SELECT(delta.nameCOLLATE"default"))' in "".join(route.sql.split())


def test_a_groups_key_stands_for_its_rows_only_as_it_was_compared() -> None:
    query = 'SELECT (f.name COLLATE "C") AS name, max(f.id) AS most FROM shop.folding f GROUP BY f.name'
    assert [route.kind for route in routes(query, "f", "name")] == ["all"]
    query = "SELECT f.name, max(f.id) AS most FROM shop.folding f GROUP BY f.name"
    assert [route.kind for route in routes(query, "f", "name")] == ["direct"]


def test_an_arms_equal_value_is_none_of_a_union_that_compares_otherwise() -> None:
    query = (
        "SELECT f.name FROM (shop.folding f JOIN shop.folded d ON ((d.name = f.name)))"
        ' UNION ALL SELECT (p.name COLLATE "C") AS name FROM shop.plain p'
    )
    assert [route.kind for route in routes(query, "d", "name")] == ["all"]
