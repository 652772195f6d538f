"""`cdc-daemon commerce traffic`: edits that the thirteen feeds follow."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc_daemon.commerce.load import create
from cdc_daemon.commerce.size import Size
from cdc_daemon.commerce.traffic import Traffic
from cdc_daemon.errors import CdcError
from tests.support.bed import Bed

pytestmark = pytest.mark.any_server

Session = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[..., Session]

CONFIG = Path(__file__).parents[2] / "config"
SIZE = Size(products=120, store_views=3, websites=2, customer_groups=4, orders=25)


def test_every_feed_follows_every_kind_of_edit(connect: Connect, database: str, tmp_path: Path) -> None:
    session = connect()
    for _ in create(session, SIZE, today="2024-05-06"):
        pass
    daemon = Bed(tmp_path, database)
    for name, feed in tomllib.loads((CONFIG / "commerce.toml").read_text())["feeds"].items():
        daemon.add_feed(name, (CONFIG / feed.pop("query")).read_text(), **feed)
    daemon.install()
    daemon.assert_in_step()
    edits = Traffic(session, random.Random(5))  # noqa: S311 # the same edits each time
    for name in list(edits.kinds):
        edits.make(name)
    daemon.assert_in_step()
    for _ in range(100):
        edits.edit()
    daemon.assert_in_step()


def test_the_same_seed_makes_the_same_edits(connect: Connect) -> None:
    session = connect()
    for _ in create(session, SIZE, today="2024-05-06"):
        pass
    first, second = (Traffic(session, random.Random(9)) for _ in range(2))  # noqa: S311 # what is tested
    assert [first.edit() for _ in range(30)] == [second.edit() for _ in range(30)]


def test_a_database_without_a_shop_is_told_how_to_get_one(connect: Connect) -> None:
    with pytest.raises(CdcError, match="there is no shop") as caught:
        Traffic(connect(), random.Random(1))  # noqa: S311 # never asked
    assert "commerce seed" in str(caught.value.hint)
