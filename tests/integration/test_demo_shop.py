"""The sample shop and the demo's proof: a proof that can't fail proves nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.session import connect as connect_pinned
from cdc_daemon.sinks.record import Record
from demo import shop
from demo.proof import compare, fold, query_documents
from demo.workload import FOLDER, WEIGHTS

Connect = Callable[..., psycopg.Connection[tuple[Any, ...]]]
DEMO = Path(shop.FOLDER).parent
FEEDS: dict[str, dict[str, Any]] = tomllib.loads((DEMO / "cdc.toml").read_text("utf-8"))["feeds"]
PRODUCTS = 200


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A session with the daemon's settings, in a shop."""
    with connect_pinned(database) as opened:
        shop.load(opened, products=PRODUCTS)
        yield opened


def documents(connection: Connection, feed: str) -> dict[str, bytes]:
    settings = FEEDS[feed]
    return query_documents(connection, (DEMO / settings["query"]).read_text("utf-8"), settings["key"])


def line(op: str, key: dict[str, object], document: bytes | None, revision: int = 1) -> bytes:
    record = Record(
        feed="products",
        key=orjson.dumps(key),
        op="delete" if op == "delete" else "upsert",
        revision=revision,
        hash=None,
        changed=("name",),
        captured_at="2026-01-01T00:00:00Z",
        data=document,
    )
    return record.encode() + b"\n"


def test_the_same_seed_gives_the_same_shop(connection: Connection, connect: Connect) -> None:
    first = {feed: documents(connection, feed) for feed in FEEDS}
    other = connect()
    other.execute("DROP SCHEMA public CASCADE")
    other.execute("CREATE SCHEMA public")
    shop.load(other, products=PRODUCTS)
    assert {feed: documents(connection, feed) for feed in FEEDS} == first


def test_another_seed_gives_another_shop(connection: Connection, connect: Connect) -> None:
    first = documents(connection, "prices")
    other = connect()
    other.execute("DROP SCHEMA public CASCADE")
    other.execute("CREATE SCHEMA public")
    shop.load(other, products=PRODUCTS, seed=2)
    assert documents(connection, "prices") != first


@pytest.mark.parametrize("feed", list(FEEDS))
def test_every_key_is_unique_and_every_kind_of_document_is_there(connection: Connection, feed: str) -> None:
    query = (DEMO / FEEDS[feed]["query"]).read_text("utf-8")
    row = connection.execute(f"SELECT count(*) FROM (\n{query}\n) AS q").fetchone()
    assert row == (len(documents(connection, feed)),)
    assert row[0] > 0


@pytest.mark.parametrize("feed", list(FEEDS))
def test_entities_are_pushed_down_to_an_index(database: str, feed: str) -> None:
    with connect_pinned(database) as connection:
        shop.load(connection, products=20_000)
        settings = FEEDS[feed]
        query = (DEMO / settings["query"]).read_text("utf-8")
        (entity,) = settings["entity"]
        plan = connection.execute(
            f'EXPLAIN SELECT * FROM (\n{query}\n) AS q WHERE "{entity}" = ANY (%s::bigint[])', ([7, 9],)
        )
        scanned = [text for (text,) in plan if "Seq Scan on product " in text or "Seq Scan on price " in text]
    assert not scanned


@pytest.mark.parametrize("name", list(WEIGHTS))
def test_every_write_of_the_workload_finds_its_rows(connection: Connection, name: str) -> None:
    statement = (FOLDER / f"{name}.sql").read_bytes()
    parameters = {"product": 7, "category": 21, "number": 4, "text": "written by a test"}
    category = connection.execute("SELECT category_id FROM product_category WHERE product_id = 7").fetchone()
    assert category
    parameters["category"] = category[0]
    assert connection.execute(statement, parameters).rowcount > 0


def test_no_statement_of_the_workload_is_forgotten() -> None:
    assert {path.stem for path in FOLDER.glob("*.sql")} == set(WEIGHTS)


@pytest.mark.parametrize("name", ["write_note", "save_again"])
def test_writes_that_change_nothing_relevant_change_no_document(connection: Connection, name: str) -> None:
    before = {feed: documents(connection, feed) for feed in FEEDS}
    statement = (FOLDER / f"{name}.sql").read_bytes()
    connection.execute(statement, {"product": 7, "text": "note"})
    assert {feed: documents(connection, feed) for feed in FEEDS} == before


def test_the_last_record_of_a_key_wins_and_a_delete_removes(tmp_path: Path) -> None:
    file = tmp_path / "products.ndjson"
    file.write_bytes(
        line("upsert", {"sku": "a"}, b'{"n":1}')
        + line("upsert", {"sku": "b"}, b'{"n":2}')
        + line("upsert", {"sku": "a"}, b'{"n":1.50}', 2)
        + line("delete", {"sku": "b"}, None, 3)
    )
    assert fold(file, ["sku"]) == {'["a"]': b'{"n":1.50}'}


def test_a_document_may_hold_the_names_of_the_record(tmp_path: Path) -> None:
    document = b'{"data":{"captured_at":"x","data":1},"text":",\\"data\\":"}'
    (tmp_path / "products.ndjson").write_bytes(line("upsert", {"data": 1}, document))
    assert fold(tmp_path / "products.ndjson", ["data"]) == {"[1]": document}


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda held: held.pop('["SKU-00000007","main_en"]'), "missing"),
        (lambda held: held.update({'["SKU-X","main_en"]': b"{}"}), "surplus"),
        (
            lambda held: held.update(
                {'["SKU-00000007","main_en"]': held['["SKU-00000007","main_en"]'].replace(b"7", b"7.0", 1)}
            ),
            "other",
        ),
    ],
)
def test_each_kind_of_difference_is_found(
    connection: Connection, tmp_path: Path, spoil: Callable[[dict[str, bytes]], object], found: str
) -> None:
    wanted = documents(connection, "products")
    file = tmp_path / "products.ndjson"
    with file.open("wb") as lines:
        for name, document in wanted.items():
            sku, view = orjson.loads(name)
            lines.write(line("upsert", {"sku": sku, "storeViewCode": view}, document))
    held = fold(file, FEEDS["products"]["key"])
    assert not compare(held, wanted)
    spoil(held)
    difference = compare(held, wanted)
    assert [what for what in ("missing", "surplus", "other") if getattr(difference, what)] == [found]
