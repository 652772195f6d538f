"""The daemon as a role without superuser's rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cdc_daemon.errors import FeedError
from tests.support.command import execute
from tests.support.synced import Synced


@pytest.fixture
def keeper(database: str) -> Iterator[str]:
    """The connection string of a role that may create in the database, and no more."""
    name = f"keeper_{conninfo_to_dict(database)['dbname']}"
    role = sql.Identifier(name)
    with psycopg.connect(database, autocommit=True) as administrator:
        administrator.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'k'").format(role))
        administrator.execute(
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                sql.Identifier(administrator.info.dbname), role
            )
        )
        administrator.execute(sql.SQL("GRANT CREATE, USAGE ON SCHEMA public TO {}").format(role))
    yield make_conninfo(database, user=name, password="k")  # noqa: S106 # of a role that ends with the test
    with psycopg.connect(database, autocommit=True) as administrator:
        administrator.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(role))
        administrator.execute(sql.SQL("DROP ROLE {}").format(role))


def test_a_role_that_owns_the_tables_can_install_and_run(keeper: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, keeper)
    feeds.sync()
    [record] = feeds.delivered_by("UPDATE item SET price = 0 WHERE id = 1")
    assert record["data"]["price"] == 0
    feeds.sync("ALTER TABLE item DISABLE TRIGGER cdc_capture_update", "UPDATE item SET price = 3")
    feeds.assert_equal_to_the_query()


@pytest.mark.parametrize("condition", ["id > 2", "true"])
def test_row_security_stops_the_feed_rather_than_hiding_rows(
    keeper: str, tmp_path: Path, condition: LiteralString
) -> None:
    feeds = Synced(tmp_path, keeper)
    feeds.sync()
    before = feeds.file("items").read_bytes()
    execute(
        keeper,
        "ALTER TABLE item ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE item FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY part ON item USING ({condition})",
    )
    with pytest.raises(FeedError, match="row-level security") as stopped:
        feeds.sync("UPDATE item SET price = 3")
    assert "row-level security" in str(feeds.reason("items"))
    assert "BYPASSRLS" in str(stopped.value)
    # The role owns the table: it would not help to run the daemon as the owner.
    assert "NO FORCE ROW LEVEL SECURITY" in str(stopped.value)
    assert "USING (true) does not help" in str(stopped.value)
    assert feeds.file("items").read_bytes() == before
    feeds.sync("ALTER TABLE item DISABLE ROW LEVEL SECURITY")
    feeds.assert_equal_to_the_query()


def test_a_feed_that_lost_its_rights_goes_on_once_it_has_them_again(keeper: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, keeper)
    feeds.sync()
    role = conninfo_to_dict(keeper)["user"]
    with pytest.raises(FeedError, match="may not read"):
        feeds.sync(f"REVOKE ALL ON item FROM {role}")
    assert "may not read" in str(feeds.reason("items"))
    # Nothing was written meanwhile: the next pass finds no entry, and all is well again all the same.
    feeds.sync(f"GRANT ALL ON item TO {role}")
    assert feeds.reason("items") is None
