"""Failed items that a person chose, by what they are or one by one: shown, tried again, discarded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cdc_daemon.errors import CdcError
from cdc_daemon.insight.audit import read_acts
from cdc_daemon.pg.session import Connection
from cdc_daemon.workers.chosen_items import (
    ItemChoice,
    ItemId,
    ItemPage,
    count_items,
    discard_items,
    page_of_items,
    retry_chosen,
)
from tests.support import servers
from tests.support.command import execute
from tests.support.delivering import Delivering, close_pools, installed
from tests.support.products import products

pytestmark = pytest.mark.any_server

EVERY = ItemChoice(["products"])


@pytest.fixture(scope="module")
def refused(server: servers.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivering]:
    """Twelve documents. The sink has refused sku1 to sku9, of which three are parked."""
    with server.fresh_database() as dsn:
        execute(dsn, products(12))
        found = installed(dsn, tmp_path_factory.mktemp("refused"))
        found.sink.refused = {f"sku{n}" for n in range(1, 6)}
        found.sink.named = {f"sku{n}" for n in range(6, 10)}
        found.catch_up()
        found.execute(
            "UPDATE cdc.failed_item SET next_attempt_at = CASE WHEN key ->> 'sku' < 'sku4'"
            " THEN NULL ELSE now() + interval '1 h' END"
        )
        yield found
        close_pools()


@pytest.fixture
def session(refused: Delivering) -> Iterator[Connection]:
    """What a test does to the items is undone."""
    with refused.session() as connection, connection.transaction(force_rollback=True):
        yield connection


def skus(page: ItemPage) -> list[str]:
    return [each.item.key.split('"')[3] for each in page.items]


def every(session: Connection, choice: ItemChoice, *, limit: int = 50) -> list[str]:
    found = [page_of_items(session, choice, limit=limit)]
    while found[-1].next:
        found.append(page_of_items(session, choice, after=found[-1].next, limit=limit))
    return [sku for page in found for sku in skus(page)]


def test_pages_have_each_item_once_the_newest_first(session: Connection) -> None:
    session.execute(
        "UPDATE cdc.failed_item SET first_failed_at = now() - interval '1 s' * substr(key ->> 'sku', 4)::int"
    )
    newest_first = every(session, EVERY)
    assert newest_first == [f"sku{n}" for n in range(1, 10)]
    assert every(session, EVERY, limit=2) == newest_first
    session.execute("UPDATE cdc.failed_item SET first_failed_at = now()")
    assert sorted(every(session, EVERY, limit=2)) == sorted(newest_first)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ItemChoice(["products"], "target"), range(1, 10)),
        (ItemChoice(["products"], "another"), []),
        (ItemChoice(["others"]), []),
        (ItemChoice(["products"], where={"sku": "sku4"}), [4]),
        (ItemChoice(["products"], status="E7"), range(6, 10)),
        (ItemChoice(["products"], words="NOT LIKE"), range(1, 6)),
        (ItemChoice(["products"], words="%"), []),
        (ItemChoice(["products"], parked=True), [1, 2, 3]),
        (ItemChoice(["products"], parked=False, status="422"), [4, 5]),
        (ItemChoice(["products"], items=[]), []),
    ],
)
def test_items_are_chosen_by_what_they_are(
    session: Connection, choice: ItemChoice, expected: range | list[int]
) -> None:
    wanted = [f"sku{n}" for n in expected]
    assert sorted(every(session, choice)) == wanted
    assert retry_chosen(session, choice) == len(wanted)
    retried = session.execute("SELECT key ->> 'sku' FROM cdc.failed_item WHERE attempts = 0 ORDER BY 1")
    assert [sku for (sku,) in retried] == wanted
    if choice.parked:  # a retry has ended that
        session.execute("UPDATE cdc.failed_item SET next_attempt_at = NULL WHERE attempts = 0")
    assert discard_items(session, choice, reason="for a test") == len(wanted)
    assert len(every(session, EVERY)) == 9 - len(wanted)


def test_items_are_chosen_one_by_one(session: Connection) -> None:
    first, second, *_ = page_of_items(session, EVERY).items
    named = [first.id, second.id, ItemId("another", "products", first.id.digest)]
    choice = ItemChoice(["products"], items=named)
    assert {each.id for each in page_of_items(session, choice).items} == {first.id, second.id}
    assert discard_items(session, choice, reason="for a test") == 2


def test_each_act_is_recorded_with_what_was_chosen_and_by_whom(session: Connection) -> None:
    retry_chosen(session, ItemChoice(["products"], "target", status="E7", parked=False), web_user="ada")
    discard_items(session, ItemChoice(["products"], words="like it"), reason="a wrong schema", web_user="ada")
    discard, retry = read_acts(session, user="ada")
    assert (retry.act, retry.feed, retry.sink, retry.outcome) == ("retry", "products", "target", "4 items")
    assert dict(retry.arguments) == {"key": {}, "status": "E7", "parked": False}
    assert dict(discard.arguments) == {"key": {}, "words": "like it", "reason": "a wrong schema"}
    assert discard.outcome.startswith("5 items: revisions ")


def test_the_counts_tell_what_waits_for_a_person(session: Connection) -> None:
    counts, more = count_items(session, ["products"])
    assert not more
    assert [(each.status, each.parked, each.number) for each in counts] == [
        ("422", False, 2),
        ("422", True, 3),
        ("E7", False, 4),
    ]


@pytest.mark.parametrize("after", ["", "x", "[1]", '["2026-01-01", "a", "b", "zz"]', "[1, 2, 3, 4]"])
def test_a_position_that_is_none_is_refused(session: Connection, after: str) -> None:
    with pytest.raises(CdcError, match="is no position in this list"):
        page_of_items(session, EVERY, after=after)
