"""What `check` tells of a feed: refusals, warnings and missing rights, each with its place and remedy."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import orjson
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.called import QUERY, Call, Connect, calling, delivered, shop_in


@pytest.fixture
def folder(tmp_path: Path, database: str, connect: Connect) -> Path:
    return shop_in(tmp_path, database, connect())


@pytest.fixture
def call(folder: Path) -> Call:
    return calling(folder)


def _feed(folder: Path, query: str, more: str = "") -> None:
    (folder / "products.sql").write_text(query)
    text = (folder / "cdc.toml").read_text()
    (folder / "cdc.toml").write_text(text.replace('key = ["sku"]', f'key = ["sku"]\n{more}'))


def test_a_refusal_comes_with_file_line_column_name_and_remedy(call: Call, folder: Path) -> None:
    _feed(folder, "SELECT p.sku\nFROM product AS p WHERE random() < 1")
    result = call("check")
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {folder}/products.sql:2:25: random() gives another value at every run [volatile-function]. "
        "Try: a document has to depend on its rows alone: leave it out\n"
    )
    assert orjson.loads(call("check", "--json").stdout)["faults"][0]["verdict"] == "volatile-function"


def test_what_a_feed_accepts_is_shown_by_check_and_plan(call: Call, folder: Path, connect: Connect) -> None:
    connect().execute("CREATE MATERIALIZED VIEW best AS SELECT sku FROM product")
    query = "SELECT p.sku, b.sku AS best FROM product AS p LEFT JOIN best AS b ON b.sku = p.sku"
    _feed(folder, query, 'accept = ["materialized-view"]')
    result = call("check")
    assert (result.exit_code, result.stdout) == (0, "All is well: products.\n")
    told = "public.best is a materialized view; the dependency is not watched: its changes reach no document"
    assert result.stderr.startswith(f"Accepted: {folder}/products.sql:1:")
    assert told in result.stderr
    assert f"accepted at 1:57: {told}" in call("plan").stdout
    assert [
        found["table"]
        for found in orjson.loads(call("plan", "--json").stdout)["feeds"]["products"]["occurrences"]
    ] == ["public.product"]


def test_a_verdict_that_is_none_comes_with_the_nearest_one(call: Call, folder: Path) -> None:
    _feed(folder, QUERY, 'accept = ["volatile-functions", "data-modifying"]')
    first, second = call("check").stderr.splitlines()
    assert (
        "feeds.products.accept: names 'volatile-functions', which is no verdict. Try: `volatile-function`"
        in first
    )
    assert "names 'data-modifying': it can't be accepted" in second


def test_a_table_whose_every_change_recomputes_the_feed_is_warned_about_unless_accepted(
    call: Call, folder: Path
) -> None:
    query = "SELECT p.sku, (SELECT max(s.quantity) FROM stock AS s) AS most FROM product AS p"
    _feed(folder, query, "accept = []")
    assert f"Warning: {folder}/products.sql:1:44: any change of public.stock (s)" in call("check").stderr
    assert "[every-entity]" in call("check").stderr
    (folder / "cdc.toml").write_text((folder / "cdc.toml").read_text().replace("[]", '["every-entity"]'))
    assert call("check").stderr.startswith("Accepted: ")


def test_a_table_that_a_feed_declares_for_a_function_is_captured(
    call: Call, folder: Path, connect: Connect
) -> None:
    connect().execute(
        "CREATE FUNCTION most() RETURNS integer STABLE LANGUAGE sql AS 'SELECT max(quantity) FROM stock'"
    )
    _feed(folder, "SELECT p.sku, most() AS most FROM product AS p")
    assert (
        'Try: declare every table that it reads: reads = ["stock"] in [feeds.products]'
        in call("check").stderr
    )
    _feed(folder, "SELECT p.sku, most() AS most FROM product AS p", 'reads = ["stock"]')
    assert call("check").exit_code == 0
    assert call("install").exit_code == 0
    assert call("run", "--once").exit_code == 0
    connect().execute("UPDATE stock SET quantity = 77")
    assert call("run", "--once").exit_code == 0
    assert {record["data"]["most"] for record in delivered(folder)[-2:]} == {77}


@pytest.mark.parametrize(
    ("missing", "remedy"),
    [
        (
            "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
            "GRANT TEMPORARY ON DATABASE {database} TO {role}",
        ),
        ("REVOKE SELECT ON stock FROM {role}", "GRANT SELECT ON public.stock TO {role}"),
        ("REVOKE USAGE ON SCHEMA public FROM {role}, PUBLIC", 'relation "product" does not exist'),
    ],
)
def test_a_right_that_the_role_lacks_comes_with_its_grant(
    call: Call, folder: Path, connect: Connect, database: str, missing: str, remedy: str
) -> None:
    administrator = connect()
    name = conninfo_to_dict(database)["dbname"]
    role = f"clerk_{uuid4().hex[:8]}"
    administrator.execute(f"CREATE ROLE {role} LOGIN".encode())
    try:
        administrator.execute(f"GRANT SELECT ON product, stock TO {role}".encode())
        (folder / "dsn").write_text(make_conninfo(database, user=role))
        assert call("check").exit_code == 0
        administrator.execute(missing.format(database=name, role=role).encode())
        result = call("check")
        assert result.exit_code == 2
        assert remedy.format(database=name, role=role) in result.stderr
        assert result.stderr.count("products") == 1, "the feed is named once"
    finally:
        administrator.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def test_what_postgresql_refuses_has_the_place_in_the_file_and_names_the_feed_once(
    call: Call, folder: Path
) -> None:
    assert call("install").exit_code == 0
    (folder / "products.sql").write_text("SELECT sku\nFROM nowhere")
    assert call("check").stderr.startswith(
        f'Error: {folder}/products.sql:2:6: relation "nowhere" does not exist'
    )
    (folder / "products.sql").write_text("SELECT id FROM product")
    for told in (call("check").stderr, call("run", "--once").stderr, call("status").stdout):
        assert 'key column "sku" is not among the query\'s outputs' in told
        assert "feed products: feed products" not in told
        assert "planned: feed products" not in told
