"""Lists of stored documents, page by page, and the search in them, against what is stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from cdc_daemon.errors import CdcError, FeedError, UnusableValue
from cdc_daemon.insight.documents import lists
from cdc_daemon.insight.documents.lists import DocumentPage, Order, list_documents
from cdc_daemon.insight.documents.rows import DocumentRow
from cdc_daemon.insight.documents.search import documents_by_key, documents_by_value
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings
from tests.support import servers
from tests.support.command import execute
from tests.support.delivering import Delivering, close_pools, installed

pytestmark = pytest.mark.any_server

QUERY = (
    "SELECT id, sku, store, name, price,"
    """ json_build_object('made by', maker, 'e-mail', mail) AS origin FROM product"""
)

_ORDERS: tuple[Order, ...] = ("key", "update")


@dataclass
class Shop:
    """A feed and its sink, the session of all questions, and the settings, read once."""

    delivering: Delivering
    session: Connection
    settings: Settings

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.session.execute(query.encode()).fetchall()

    def execute(self, *statements: str) -> None:
        self.delivering.execute(*statements)


@pytest.fixture(scope="module")
def shop(server: servers.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Sixty documents. The sink parks sku5, refuses sku6, and lacks the last change of sku7 and sku8."""
    with server.fresh_database() as dsn:
        execute(
            dsn,
            "CREATE TABLE product (id int PRIMARY KEY, sku text NOT NULL, store int NOT NULL, name text,"
            " price numeric, maker text, mail text, UNIQUE (sku, store))",
            "INSERT INTO product SELECT n, 'sku' || n, 1, 'name ' || n, n + 0.50, 'Maker ' || n % 7,"
            " 'x' || n || '@example.com' FROM generate_series(1, 60) AS n",
        )
        found = installed(dsn, tmp_path_factory.mktemp("shop"), QUERY, ("sku", "store"))
        found.sink.refused = {"sku5", "sku6"}
        found.catch_up()
        found.execute("UPDATE cdc.failed_item SET next_attempt_at = NULL WHERE key ->> 'sku' = 'sku5'")
        found.execute(
            "UPDATE cdc.failed_item SET next_attempt_at = now() + interval '1 h' WHERE key ->> 'sku' = 'sku6'"
        )
        found.execute("DELETE FROM product WHERE id = 9")
        found.catch_up()
        found.execute(
            "UPDATE product SET name = 'new \"7\"' WHERE id = 7",
            "UPDATE product SET price = 8.00 WHERE id = 8",
        )
        found.feed.catch_up(threading.Event())
        found.execute("UPDATE product SET name = 'newer \"7\"' WHERE id = 7")
        found.feed.catch_up(threading.Event())
        with found.session() as session:
            yield Shop(found, session, found.settings)
        close_pools()


def pages(shop: Shop, **asked: Any) -> list[DocumentPage]:
    """Every page of a list."""
    found: list[DocumentPage] = []
    while not found or found[-1].next:
        after = found[-1].next if found else None
        found.append(list_documents(shop.session, shop.settings, "products", after=after, **asked))
        assert len(found) < 100
    return found


def skus(rows: Sequence[DocumentRow]) -> list[str]:
    return [orjson.loads(each.key)["sku"] for each in rows]


def every(shop: Shop, **asked: Any) -> list[str]:
    return [sku for page in pages(shop, **asked) for sku in skus(page.rows)]


@pytest.fixture(params=["sorted", "of the log"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "of the log":
        monkeypatch.setattr(lists, "MOST_SORTED", 0)


@pytest.mark.usefixtures("_both_ways")
@pytest.mark.parametrize("limit", [4, 60, 100])
def test_the_list_by_last_update_has_each_document_once_the_newest_first(shop: Shop, limit: int) -> None:
    found = [each for page in pages(shop, limit=limit) for each in page.rows]
    stored = shop.rows("SELECT revision FROM cdc.feed_products ORDER BY revision DESC")
    assert [each.revision for each in found] == [revision for (revision,) in stored]
    assert skus(found)[:3] == ["sku7", "sku8", "sku9"]
    assert (found[2].deleted, found[2].size) == (True, 0)


def test_a_list_of_a_large_feed_ends_where_its_log_begins(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MOST_SORTED", 59)
    assert pages(shop, limit=100)[-1].log_ends
    monkeypatch.setattr(lists, "MOST_SORTED", 60)
    assert not pages(shop, limit=100)[-1].log_ends


@pytest.mark.parametrize("limit", [4, 60])
def test_the_list_by_key_has_each_document_once(shop: Shop, limit: int) -> None:
    stored = shop.rows("SELECT sku FROM cdc.feed_products ORDER BY sku, store")
    assert every(shop, order="key", limit=limit) == [sku for (sku,) in stored]


@pytest.mark.usefixtures("_both_ways")
def test_a_list_has_what_the_sink_has_of_each_document(shop: Shop) -> None:
    states = {skus([each])[0]: each.sinks for page in pages(shop) for each in page.rows}
    expected = dict.fromkeys(states, "delivered") | {"sku5": "parked", "sku6": "refused"}
    expected |= {"sku7": "waiting", "sku8": "waiting"}
    assert states == {sku: {"target": state} for sku, state in expected.items()}
    for state in ("parked", "refused", "waiting", "delivered"):
        wanted = {sku for sku, each in expected.items() if each == state}
        for order in ("update", "key"):
            found = every(shop, sink="target", state=state, order=order, limit=10)
            assert (sorted(found), len(found)) == (sorted(wanted), len(wanted))


def test_while_a_sink_gets_a_full_snapshot_documents_that_it_has_not_got_wait(shop: Shop) -> None:
    scan = "UPDATE cdc.sink_state SET revision = 0, scan_until = (SELECT revision FROM cdc.feed_state)"
    before = shop.rows("SELECT revision, scan_until, scan_key::text, snapshot_wanted FROM cdc.sink_state")
    try:
        shop.execute(f'{scan}, scan_key = \'["sku3", "1"]\'')
        passed = [sku for (sku,) in shop.rows("SELECT sku FROM cdc.feed_products WHERE sku <= 'sku3'")]
        waiting = every(shop, sink="target", state="waiting", limit=7)
        assert sorted(waiting) == sorted(set(every(shop)) - set(passed) - {"sku5", "sku6", "sku9"})
        shop.execute("UPDATE cdc.sink_state SET snapshot_wanted = true")
        assert len(every(shop, sink="target", state="waiting", limit=7)) == 58
    finally:
        shop.session.execute(
            "UPDATE cdc.sink_state SET revision = %s, scan_until = %s, scan_key = %s, snapshot_wanted = %s",
            before[0],
        )


@pytest.mark.parametrize(
    "after", ["k", 'k["a"]', 'k["a", "b"]', "k[1, 2]", "rx", "r9999999999999999999", 'i"x"']
)
def test_a_place_that_is_none_is_refused(shop: Shop, after: str) -> None:
    for order in _ORDERS:
        with pytest.raises(CdcError, match="is no place in this list"):
            list_documents(shop.session, shop.settings, "products", order=order, after=after)


def test_a_feed_that_is_not_installed_and_a_state_that_is_none_are_refused(shop: Shop) -> None:
    with pytest.raises(CdcError, match="is no state"):
        list_documents(shop.session, shop.settings, "products", sink="target", state="lost")
    with pytest.raises(CdcError, match="needed together"):
        list_documents(shop.session, shop.settings, "products", sink="target")
    shop.delivering.add_feed("others", "SELECT id FROM product", key=["id"])
    try:
        with pytest.raises(FeedError, match="is not installed"):
            list_documents(shop.session, shop.delivering.settings, "others")
    finally:
        shop.delivering.drop_feeds("others")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sku12", ["sku12"]),
        (" sku12 ", ["sku12"]),
        ("sku12 1", ["sku12"]),
        ("sku12 2", []),
        ("sku12 x", []),
        ('{"sku": "sku12", "store": 1}', ["sku12"]),
        ('{"store": 1}', sorted(f"sku{n}" for n in range(1, 61))),
        ('{"name": "x"}', []),
        ("{", []),
        ("", []),
    ],
)
def test_documents_are_found_by_their_key(shop: Shop, text: str, expected: list[str]) -> None:
    assert skus(documents_by_key(shop.session, shop.settings, "products", text, limit=60)) == expected


def by_value(shop: Shop, text: str, **asked: Any) -> list[str]:
    found: list[DocumentRow] = []
    after: str | None = None
    while True:
        part = documents_by_value(shop.session, shop.settings, "products", text, after=after, **asked)
        found += part.rows
        after = part.next
        if after is None:
            return skus(found)


@pytest.mark.parametrize("part", [7, 1000])
@pytest.mark.parametrize(
    ("text", "of", "expected"),
    [
        ("name 1", None, ["sku1", *(f"sku{n}" for n in range(10, 20))]),
        ("8.00", None, ["sku8"]),
        ("8.0", "price", ["sku8"]),
        ('newer "7"', None, ["sku7"]),
        ("x12@", "e-mail", ["sku12"]),
        ("Maker 3", "origin", [f"sku{n}" for n in range(1, 61) if n % 7 == 3]),
        ("Maker 3", "name", []),
        ("made by", None, []),
        ("%", None, []),
    ],
)
def test_documents_are_found_by_a_value_at_any_depth(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    of: str | None,
    expected: list[str],
    part: int,
) -> None:
    monkeypatch.setattr("cdc_daemon.insight.documents.search.PART", part)
    assert by_value(shop, text, of=of) == sorted(expected)
    assert by_value(shop, text, of=of, limit=2, seconds=0) == sorted(expected)


def test_a_masked_field_is_not_searched(shop: Shop) -> None:
    assert by_value(shop, "x12@") == ["sku12"]
    assert by_value(shop, "x12@", mask={"e-mail"}) == []
    assert by_value(shop, "x12@", mask={"origin"}) == []
    with pytest.raises(CdcError, match="are hidden"):
        documents_by_value(shop.session, shop.settings, "products", "x", of="e-mail", mask={"e-mail"})


def test_a_question_gives_the_session_back_with_the_limits_that_it_had(shop: Shop) -> None:
    def limits() -> list[tuple[Any, ...]]:
        return shop.rows("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")

    shop.session.execute("SELECT set_config('lock_timeout', '7s', false)")
    before = limits()
    assert pages(shop)
    with pytest.raises(UnusableValue):
        list_documents(shop.session, shop.settings, "products", order="key", after='k["a", "b"]')
    assert limits() == before == [("0", "7s")]
