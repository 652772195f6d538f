"""What a target may have of each document, for sinks that deliver patches."""

from __future__ import annotations

import pytest

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.workers import control
from cdc_daemon.workers.delivered_documents import MOST_DOCUMENTS
from tests.support.delivering import Delivering

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]


@pytest.fixture
def patching(delivering: Delivering) -> Delivering:
    delivering.sink.wants_previous = True
    delivering.catch_up()
    return delivering


def previous(delivering: Delivering) -> list[str]:
    """Names of product 7 that the target may have, as the last record told it."""
    record = [one for one in delivering.sink.taken if one.key == b'{"sku":"sku7"}'][-1]
    return [document.decode().split('"name":"')[1].rstrip('"}') for document in record.previous]


def rename(delivering: Delivering, name: str) -> None:
    delivering.catch_up(f"UPDATE product SET name = '{name}' WHERE id = 7")


def test_at_first_nothing_is_known(patching: Delivering) -> None:
    assert previous(patching) == []


def test_then_it_is_what_was_acknowledged_last(patching: Delivering) -> None:
    rename(patching, "b")
    assert previous(patching) == ["a"]
    rename(patching, "c")
    assert previous(patching) == ["b"]


def test_what_was_sent_without_an_answer_may_be_there_too(patching: Delivering) -> None:
    def cut() -> None:
        raise SinkUnavailable("cut off")

    patching.sink.during = cut
    for name in "bc":
        with pytest.raises(SinkUnavailable):
            rename(patching, name)
    patching.sink.during = lambda: None
    rename(patching, "d")
    assert previous(patching) == ["a", "b", "c"]
    rename(patching, "e")
    assert previous(patching) == ["d"]


def test_the_same_document_again_is_one_possibility(patching: Delivering) -> None:
    patching.sink.is_down = True
    for _ in range(3):
        with pytest.raises(SinkUnavailable):
            rename(patching, "b")
    patching.sink.is_down = False
    patching.deliver()
    assert previous(patching) == ["a", "b"]


def test_after_many_sends_without_an_answer_nothing_is_known(patching: Delivering) -> None:
    patching.sink.is_down = True
    for n in range(MOST_DOCUMENTS):
        with pytest.raises(SinkUnavailable):
            rename(patching, f"b{n}")
    assert patching.rows("SELECT max(cardinality(documents)) FROM cdc.delivered_document") == [(2,)]
    patching.sink.is_down = False
    patching.deliver()
    assert previous(patching) == []
    rename(patching, "c")
    assert previous(patching) == [f"b{MOST_DOCUMENTS - 1}"]


def test_what_was_refused_is_not_there(patching: Delivering) -> None:
    patching.sink.named = {"sku7"}
    rename(patching, "b")
    patching.sink.named = set()
    rename(patching, "c")
    assert previous(patching)[0] == "a"
    assert patching.failed() == []


def test_after_a_delete_there_is_nothing(patching: Delivering) -> None:
    patching.catch_up("DELETE FROM product WHERE id = 7")
    assert patching.rows("SELECT count(*) FROM cdc.delivered_document") == [(49,)]
    patching.catch_up("INSERT INTO product VALUES (7, 'sku7', 'new')")
    assert previous(patching) == []


def test_a_replay_replaces_what_is_there(patching: Delivering) -> None:
    with patching.session() as session:
        control.replay_all(session, "target", "products")
    patching.deliver()
    assert previous(patching) == []


def test_a_sink_that_asks_no_more_leaves_nothing_that_could_mislead_it_later(patching: Delivering) -> None:
    patching.sink.wants_previous = False
    rename(patching, "b")
    assert patching.rows("SELECT count(*) FROM cdc.delivered_document") == [(0,)]
    patching.sink.wants_previous = True
    rename(patching, "a")
    assert previous(patching) == []
