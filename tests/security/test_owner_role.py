"""An uninstall that can't drop the owner role removes all else, and says what to do; install works then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cdc_daemon.cli import main
from cdc_daemon.workers.owner_role import default_owner
from tests.security.attacker import Session
from tests.support import servers
from tests.support.bed import Bed


@pytest.fixture
def installer(shop: Session, database: str) -> Iterator[str]:
    """A role that may do what an installer needs, and is no superuser: its name."""
    role = f"installer_{shop.info.dbname}"
    name = sql.Identifier(role)
    shop.execute(
        sql.SQL(
            "CREATE ROLE {0} LOGIN CREATEROLE PASSWORD 'i'; GRANT CREATE ON DATABASE {1} TO {0};"
            "ALTER TABLE product OWNER TO {0}; ALTER TABLE stock OWNER TO {0}"
        ).format(name, sql.Identifier(shop.info.dbname))
    )
    yield role
    owner = default_owner(shop)
    shop.execute(
        sql.SQL("REASSIGN OWNED BY {0} TO CURRENT_USER; DROP OWNED BY {0}").format(sql.Identifier(role))
    )
    if shop.execute("SELECT FROM pg_roles WHERE rolname = %s", (owner,)).rowcount:
        shop.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(sql.Identifier(owner)))
    shop.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.fixture
def installed(installer: str, database: str, tmp_path: Path) -> Bed:
    """Installed and in step, as that role."""
    daemon = Bed(tmp_path, make_conninfo(database, user=installer, password="i"))  # noqa: S106 # a test's
    daemon.add_feed("products", "SELECT id, sku, price FROM product", key=["id"])
    daemon.install()
    daemon.assert_in_step()
    return daemon


def uninstalled(daemon: Bed) -> str:
    """What the command says; it is an error, with a hint."""
    done = CliRunner().invoke(main, ["--config", str(daemon.config), "uninstall", "--yes"])
    assert done.exit_code == 1, done.output
    assert "left behind: role" in done.output
    assert "Try:" in done.output
    return " ".join(done.output.split())


def assert_only_the_role_is_left(shop: Session, daemon: Bed) -> None:
    assert shop.execute("SELECT to_regnamespace('cdc')").fetchone() == (None,)
    assert shop.execute("SELECT FROM pg_trigger WHERE tgname LIKE 'cdc%'").rowcount == 0
    (daemon.folder / "out" / "products.ndjson").unlink()
    daemon.install()
    assert daemon.wanted() == []
    shop.execute("UPDATE product SET price = price + 1")
    daemon.assert_in_step()


def test_one_that_has_rights_in_another_database(
    installed: Bed, shop: Session, installer: str, server: servers.Server
) -> None:
    owner = default_owner(shop)
    with server.fresh_database() as copy, psycopg.connect(copy, autocommit=True) as session:
        session.execute(
            sql.SQL("CREATE TABLE kept (); ALTER TABLE kept OWNER TO {}").format(sql.Identifier(owner))
        )
        said = uninstalled(installed)
        assert session.info.dbname in said
        assert f'DROP OWNED BY "{owner}"' in said
        assert_only_the_role_is_left(shop, installed)
        uninstalled(installed)
        session.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(owner)))
    installed.install()
    assert installed.uninstall() == []
    assert shop.execute("SELECT FROM pg_roles WHERE rolname = %s", (owner,)).rowcount == 0


@pytest.mark.parametrize("may_create_roles", [True, False])
def test_one_that_the_installer_is_no_member_of(
    installed: Bed, shop: Session, installer: str, may_create_roles: bool
) -> None:
    owner = default_owner(shop)
    names = {"owner": sql.Identifier(owner), "role": sql.Identifier(installer)}
    if shop.info.server_version >= 160000:  # each grantor's membership is one of its own
        shop.execute(sql.SQL("REVOKE {owner} FROM {role} GRANTED BY {role} CASCADE").format(**names))
    shop.execute(sql.SQL("REVOKE {owner} FROM {role} CASCADE").format(**names))
    if not may_create_roles:
        shop.execute(sql.SQL("ALTER ROLE {role} NOCREATEROLE").format(**names))
    if may_create_roles and shop.info.server_version < 160000:
        assert installed.uninstall() == []  # CREATEROLE alone was enough then
        return
    assert f'DROP ROLE "{owner}"' in uninstalled(installed)
    assert_only_the_role_is_left(shop, installed)
    # As the message says.
    uninstalled(installed)
    shop.execute(sql.SQL("DROP ROLE {owner}").format(**names))


def test_one_that_the_installer_may_no_more_drop(installed: Bed, shop: Session, installer: str) -> None:
    shop.execute(sql.SQL("ALTER ROLE {} NOCREATEROLE").format(sql.Identifier(installer)))
    assert f'DROP ROLE "{default_owner(shop)}"' in uninstalled(installed)
    assert_only_the_role_is_left(shop, installed)


def test_one_that_the_installer_administers_and_has_no_rights_of(
    installed: Bed, shop: Session, installer: str
) -> None:
    """PostgreSQL 16 gives the creator of a role no more than that by itself."""
    owner = sql.Identifier(default_owner(shop))
    if shop.info.server_version >= 160000:
        shop.execute(sql.SQL("REVOKE {0} FROM {1} GRANTED BY {1}").format(owner, sql.Identifier(installer)))
    else:
        shop.execute(sql.SQL("REVOKE {} FROM {}").format(owner, sql.Identifier(installer)))
    assert installed.uninstall() == []
