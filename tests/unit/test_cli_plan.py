"""`plan` as people and programs read it: text, JSON as documented, pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from click.testing import CliRunner, Result

from cdc_daemon.cli import main

REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"
SHOP = """
CREATE TABLE product (id integer PRIMARY KEY, sku text NOT NULL UNIQUE, maker_id integer);
CREATE TABLE maker (id integer PRIMARY KEY, name text);
INSERT INTO maker VALUES (1, 'Anvil & Sons');
INSERT INTO product SELECT n, 'sku-' || n, 1 FROM generate_series(1, 300) AS n;
"""
QUERY = """SELECT p.sku, m.name, (SELECT count(*) FROM maker) AS makers
FROM product AS p
JOIN maker AS m ON m.id = p.maker_id AND m.name <> ''"""

CREATE_INDEX = "CREATE INDEX CONCURRENTLY ON public.product (maker_id);"

Connect = Callable[..., psycopg.Connection[tuple[Any, ...]]]
Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, database: str, connect: Connect) -> Call:
    connect().execute(SHOP)
    connect().execute("ANALYZE")
    (tmp_path / "products.sql").write_text(QUERY)
    (tmp_path / "dsn").write_text(database)
    (tmp_path / "cdc.toml").write_text(
        '[database]\ndsn_file = "dsn"\n[feeds.products]\nquery = "products.sql"\nkey = ["sku"]\n'
    )

    def _call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--config", str(tmp_path / "cdc.toml"), *arguments])

    return _call


def fields(value: object, path: str = "") -> Iterator[str]:
    """The paths of all fields, as the reference writes them."""
    if isinstance(value, dict) and path.count(".") == 0 and path == "feeds":
        value = {"NAME": next(iter(value.values()))}
    if isinstance(value, dict) and not path.endswith((".plan", ".explain.plan")):
        for name, each in value.items():
            yield from fields(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for each in value:
            yield from fields(each, f"{path}[]")
    else:
        yield path


def documented() -> set[str]:
    found: set[str] = set()
    section = REFERENCE.read_text("utf-8").split("### `cdc-daemon plan", 1)[1].split("\n### ", 1)[0]
    for line in section.splitlines():
        if re.match(r"\| (feeds\.NAME|objects)\.", line):
            first, *others = line.split("|")[1].strip().split(", ")
            parent = first.rpartition(".")[0]
            found |= {first, *(parent + other for other in others)}
    return found


MORE_PRODUCTS = """
INSERT INTO product SELECT n, 'sku-' || n, 1 FROM generate_series(301, 9000) AS n;
ANALYZE product
"""
"""So many that a missing index is worth a word."""


def test_the_json_has_the_fields_that_the_reference_lists(call: Call, connect: Connect) -> None:
    connect().execute(MORE_PRODUCTS)
    told = set(fields(orjson.loads(call("plan", "--json", "--explain").stdout)))
    # A route's plan has the shape of the recomputation's; an `all` route has none.
    told = {path for path in told if not re.search(r"routes\[\]\.explain\.", path)}
    # Routes of `all` visit nothing and explain nothing; of most tables every row counts.
    told -= {"feeds.NAME.occurrences[].routes[].visits", "feeds.NAME.occurrences[].rows_while_unchanged"}
    assert told | {"feeds.NAME.occurrences[].routes[].explain"} == documented()


def test_the_text_says_what_a_change_reaches_and_which_step_has_an_index(call: Call) -> None:
    text = call("plan").stdout
    for line in (
        "feed products, key (sku), about 300 entities",
        "  public.maker as m at 3:6: join",
        "    one changed row reaches about 300 entities",
        f"      visits public.product by maker_id, without an index: {CREATE_INDEX}",
        "  public.product as p at 2:6: direct",
        "    one changed row reaches about 1 entity",
        "  public.maker as maker at 1:45: all",
        "    one changed row reaches every entity, about 300 entities",
        "    looks it up in public.product by sku, with an index",
    ):
        assert line in text.splitlines(), line


def test_explain_adds_what_postgresql_plans(call: Call) -> None:
    text = call("plan", "--explain").stdout
    assert len(re.findall(r"      explain: cost [\d,]+, about \d+ rows?", text)) == 3


def test_a_picture_for_mermaid_shows_tables_routes_and_feeds(call: Call) -> None:
    lines = call("plan", "--graph").stdout.splitlines()
    assert lines[0] == "flowchart LR"
    assert '    n1[("public.product")]' in lines
    assert any(line.endswith('(["products"])') for line in lines)
    assert any('-->|"m: join over public.product; at most about 300"|' in line for line in lines)
    assert any("==>" in line for line in lines), "a route to every entity is drawn thick"


def test_a_picture_for_graphviz_is_one_graph(call: Call) -> None:
    lines = call("plan", "--graph=dot").stdout.splitlines()
    assert (lines[0], lines[-1]) == ("digraph plan {", "}")
    assert any("[shape=cylinder, label=" in line for line in lines)
    assert any('label="m: join over public.product; at most about 300"' in line for line in lines)


def test_a_small_table_is_read_whole_without_a_warning(call: Call, connect: Connect) -> None:
    assert "[missing-index]" not in call("plan").stdout  # 300 products
    connect().execute(MORE_PRODUCTS)
    assert f"[missing-index]. Try: {CREATE_INDEX}" in call("plan").stdout


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (("--graph", "products"), "flowchart LR"),
        (("products", "--graph"), "flowchart LR"),
        (("--graph", "dot", "products"), "digraph plan {"),
        (("--graph", "mermaid"), "flowchart LR"),
        (("--graph=dot", "products"), "digraph plan {"),
        (("--graph", "--", "products"), "flowchart LR"),
    ],
)
def test_a_feed_behind_graph_is_a_feed_and_a_kind_of_picture_is_one(
    call: Call, arguments: tuple[str, ...], first: str
) -> None:
    result = call("plan", *arguments)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, first), result.stderr


def test_a_picture_of_an_unknown_kind_is_refused(call: Call) -> None:
    assert "'svg' is not one of 'mermaid', 'dot'" in call("plan", "--graph=svg").stderr


def test_json_and_a_picture_at_once_are_refused(call: Call) -> None:
    result = call("plan", "--json", "--graph")
    assert result.exit_code == 2
    assert "give one of them" in result.stderr


def test_stages_show_the_query_after_each_of_them(call: Call) -> None:
    lines = call("plan", "--stages").stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "feed products",
        *("1. definition", "2. scopes", "3. routes", "4. filters", "5. verdicts"),
    ]
    assert "     condition m.id = p.maker_id" in lines
    assert "     output sku: p.sku" in lines
    assert "   public.maker as m: join to sku" in lines
    assert any(line.endswith("a subquery") for line in lines)


def test_stages_and_json_at_once_are_refused(call: Call) -> None:
    assert "give one of them" in call("plan", "--json", "--stages").stderr
