"""A search path in which a stranger could put code is refused, however the stranger may do that."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from psycopg import sql

from cdc_daemon.cli.plans import plan_feeds
from cdc_daemon.errors import ConfigurationError
from cdc_daemon.pg.session import connect
from tests.security.attacker import SCHEMA, Attacker, Session
from tests.support.bed import Bed

pytestmark = pytest.mark.any_server

OPEN: Mapping[str, tuple[str, str]] = {
    "a right that everybody has": ("public", "GRANT CREATE ON SCHEMA public TO PUBLIC"),
    "a right": ("public", "GRANT CREATE ON SCHEMA public TO {stranger}"),
    "a right of a group": (
        "public",
        "CREATE ROLE {group} ROLE {stranger}; GRANT CREATE ON SCHEMA public TO {group}",
    ),
    "a schema of its own": (f"{SCHEMA}, public", "SELECT 1"),
    "a schema that is not there": (
        "later, public",
        "GRANT CREATE ON DATABASE {database} TO {stranger}",
    ),
    "a schema of the role that reads": (
        '"$user", public',
        "GRANT CREATE ON DATABASE {database} TO {stranger}",
    ),
}
CLOSED: Mapping[str, tuple[str, str]] = {
    "PostgreSQL's own": ("public", "SELECT 1"),
    "a schema that nobody may make": ("later, public", "SELECT 1"),
    "a schema that is not in the path": ("public", "GRANT CREATE ON SCHEMA aside TO {stranger}"),
    "a schema of the tables' owner": (f"{SCHEMA}, public", "ALTER TABLE product OWNER TO {stranger}"),
}


def plan(daemon: Bed, shop: Session, attacker: Attacker, path: str, setting: str) -> None:
    """Plan a feed after the setting was made."""
    names = {"stranger": attacker.role, "group": f"group_{shop.info.dbname}", "database": shop.info.dbname}
    shop.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE SCHEMA aside")  # as since PostgreSQL 15
    text = sql.SQL(setting)  # pyright: ignore[reportArgumentType]
    shop.execute(text.format(**{name: sql.Identifier(value) for name, value in names.items()}))
    daemon.configure(database={"search_path": path})
    daemon.add_feed("products", "SELECT id, sku FROM public.product", key=["id"])
    with connect(daemon.dsn) as session:
        plan_feeds(session, daemon.settings, ["products"])


@pytest.mark.parametrize("case", OPEN)
def test_a_path_in_which_a_stranger_may_create_is_refused(
    case: str, daemon: Bed, shop: Session, attacker: Attacker
) -> None:
    path, setting = OPEN[case]
    group = f"group_{shop.info.dbname}"
    try:
        with pytest.raises(ConfigurationError, match="open-search-path") as refused:
            plan(daemon, shop, attacker, path, setting)
        assert any(role in str(refused.value) for role in (attacker.role, "PUBLIC", group))
    finally:
        if "{group}" in setting:
            shop.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(group)))


@pytest.mark.parametrize("case", CLOSED)
def test_a_path_in_which_no_stranger_may_create_is_not(
    case: str, daemon: Bed, shop: Session, attacker: Attacker
) -> None:
    plan(daemon, shop, attacker, *CLOSED[case])
    shop.execute("ALTER TABLE product OWNER TO CURRENT_USER")
