"""The role for which `install --grants` prints rights: it sees everything and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cdc_daemon.cli import main
from tests.security.attacker import Session
from tests.support.bed import Bed

LOOKING = (
    ("status",),
    ("status", "products", "--json"),
    ("check",),
    ("plan", "products"),
    ("trace", "products", "1"),
    ("trace", "products", "1", "--json"),
    ("verify",),
    ("failed",),
    ("failed", "show"),
    ("audit",),
)
ACTING = (
    ("cost", "product"),
    ("pause", "--feed", "products"),
    ("resync", "products"),
    ("replay", "file", "--all"),
    ("logs", "documents", "products"),
    ("run", "--once"),
    ("uninstall",),
)


@pytest.fixture
def reader(daemon: Bed, shop: Session, database: str) -> Iterator[str]:
    """The connection string of a role with the printed rights, and no others."""
    daemon.add_feed("products", "SELECT p.id, p.sku, p.price FROM product AS p", key=["id"])
    daemon.install()
    daemon.run_once()
    role = f"reader {shop.info.dbname}"  # a name that has to be quoted
    name = sql.Identifier(role)
    shop.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'k'").format(name))
    printed = called(daemon, "install", "--grants", role)
    assert printed.exit_code == 0, printed.output
    shop.execute(printed.stdout.encode())
    yield make_conninfo(database, user=role, password="k")  # noqa: S106 # of a role that ends with the test
    daemon.dsn = database
    shop.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(name))


def called(daemon: Bed, *command: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(daemon.config), *command])


def test_it_may_look_at_everything_and_change_nothing(daemon: Bed, reader: str, shop: Session) -> None:
    # A feed that is installed later is readable, too.
    daemon.add_feed(
        "stock", "SELECT s.product_sku AS sku, s.state, s.quantity FROM stock AS s", key=["sku", "state"]
    )
    daemon.install()
    daemon.run_once()
    shop.execute("GRANT SELECT ON stock TO PUBLIC")
    daemon.dsn = reader
    daemon.write()
    for command in LOOKING:
        done = called(daemon, *command)
        assert done.exit_code == 0, f"{command}: {done.output}"
    before = shop.execute("SELECT count(*), max(generation) FROM cdc.feed_state").fetchone()
    for command in ACTING:
        done = called(daemon, *command)
        assert done.exit_code != 0, command
        assert "Traceback" not in done.output, command
    assert shop.execute("SELECT count(*), max(generation) FROM cdc.feed_state").fetchone() == before
    with psycopg.connect(reader) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("DELETE FROM cdc.feed_state")
