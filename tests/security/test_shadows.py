"""The whole life of feeds while every search path begins with a schema full of shadows; none is called."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cdc_daemon.cli import main
from cdc_daemon.pg.binaries import find_binaries
from tests.conftest import Connect
from tests.security import samples, shadows
from tests.security.resolved import watch
from tests.support.servers import Server

pytestmark = pytest.mark.timeout(300)  # whole lives

SHOP = """
CREATE TYPE kind AS ENUM ('box', 'bag');
CREATE DOMAIN sku AS varchar(20) CHECK (pg_catalog.length(VALUE) OPERATOR(pg_catalog.>) 0);
CREATE TABLE maker (id int PRIMARY KEY, name varchar);
CREATE TABLE item (
    sku varchar(20) PRIMARY KEY, name varchar(20), maker_id int REFERENCES maker, seen timestamptz
);
CREATE TABLE part (id int PRIMARY KEY, sku varchar(20), price numeric);
CREATE TABLE pack (sku sku, kind kind, code "char", PRIMARY KEY (sku, kind));
CREATE TABLE store (id int8 PRIMARY KEY, name name, found bool);
CREATE TABLE word (sku varchar(20), attribute int, word text, PRIMARY KEY (sku, attribute));
INSERT INTO maker SELECT n, 'maker ' || n FROM generate_series(1, 3) AS n;
INSERT INTO item SELECT 'A-' || n, 'item', n % 3 + 1 FROM generate_series(1, 40) AS n;
INSERT INTO part SELECT n, 'A-' || n % 40 + 1, n FROM generate_series(1, 80) AS n;
INSERT INTO pack SELECT 'A-' || n, 'box', 'c' FROM generate_series(1, 40) AS n;
INSERT INTO store SELECT n, 's' || n FROM generate_series(1, 3) AS n;
"""

# Their own operators are named: what the user's query finds in the configured path is the user's business.
FEEDS = {
    "items": (
        ["sku"],
        """SELECT i.sku, i.name, m.name AS maker, (
               SELECT pg_catalog.sum(p.price) FROM public.part AS p WHERE p.sku OPERATOR(pg_catalog.=) i.sku
           ) AS total
           FROM public.item AS i LEFT JOIN public.maker AS m ON m.id OPERATOR(pg_catalog.=) i.maker_id""",
        "",
    ),
    "packs": (
        ["sku", "kind", "store"],
        """SELECT p.sku, p.kind, s.id AS store, s.name, p.code, s.found
           FROM public.pack AS p CROSS JOIN public.store AS s""",
        "",
    ),
    "words": (
        ["sku"],
        """SELECT w.sku, w.word, 100 OPERATOR(pg_catalog./) pg_catalog.length(w.word) AS share
           FROM public.word AS w WHERE w.attribute OPERATOR(pg_catalog.=) 73""",
        "",
    ),
    "timed": (
        ["sku"],
        """SELECT i.sku, i.seen IS NULL AS new, i.seen AS _refresh_at, i.maker_id
           FROM public.item AS i""",
        'entity = ["sku", "maker_id"]\n',
    ),
}

CHANGES = (
    (
        "INSERT INTO public.item VALUES ('B-1', 'new', 1)",
        "INSERT INTO public.word VALUES ('A-1', 73, 'one'), ('A-1', 74, 'two')",
        "INSERT INTO public.pack VALUES ('B-1', 'bag', 'd'), ('B-2', 'box', 'e')",
        "UPDATE public.item SET name = 'renamed' WHERE sku OPERATOR(pg_catalog.=) 'A-1'",
        "UPDATE public.part SET price = 1, sku = 'A-2' WHERE id OPERATOR(pg_catalog.<) 9",
        "UPDATE public.store SET name = 'x' WHERE id OPERATOR(pg_catalog.=) 2",
        "UPDATE public.pack SET kind = 'bag' WHERE sku OPERATOR(pg_catalog.=) 'A-7'",
    ),
    (
        "UPDATE public.item SET name = 'every'",
        "UPDATE public.item SET maker_id = 2 WHERE maker_id OPERATOR(pg_catalog.=) 1",
        "UPDATE public.item SET seen = pg_catalog.now() OPERATOR(pg_catalog.+) '1 s'",
        "DELETE FROM public.pack WHERE kind OPERATOR(pg_catalog.=) 'bag'",
        "DELETE FROM public.item WHERE sku OPERATOR(pg_catalog.=) 'B-1'",
        "DELETE FROM public.store WHERE id OPERATOR(pg_catalog.=) 3",
    ),
    ("TRUNCATE public.part",),
)
"""Each group is caught up with at once."""


@dataclass
class Life:
    """Feeds of one database, run by a role through the command line.

    Attributes:
        administrator: a session of a superuser whose search path is PostgreSQL's own.
        dsn: as the daemon connects.
    """

    administrator: psycopg.Connection[Any]
    folder: Path
    dsn: str
    search_path: str

    def __post_init__(self) -> None:
        sections = [
            f"[database]\ndsn = {json.dumps(self.dsn)}\nsearch_path = {json.dumps(self.search_path)}",
            f"[daemon]\nstate_dir = {json.dumps(str(self.folder / 'state'))}\nhelper_sessions = 1",
            '[sinks.file]\ntype = "file"\npath = "out/{feed}.ndjson"',
            f'[sinks.table]\ntype = "postgres"\ndsn = {json.dumps(self.dsn)}\ntable = "copy.{{feed}}"',
        ]
        for name, (key, query, options) in FEEDS.items():
            (self.folder / f"{name}.sql").write_text(query)
            sections.append(
                f'[feeds.{name}]\nquery = "{name}.sql"\nkey = {json.dumps(key)}\n{options}'
                'accept = ["open-search-path"]'
            )
        (self.folder / "cdc.toml").write_text("\n".join(sections))

    def call(self, *arguments: str) -> str:
        """Run a command, which must succeed and call no shadow; returns what it wrote."""
        done = CliRunner().invoke(main, ["--config", str(self.folder / "cdc.toml"), *arguments])
        assert done.exit_code == 0, f"{arguments}: {done.output}"
        self.assert_no_call(" ".join(arguments))
        return done.output

    def assert_no_call(self, by: str) -> None:
        assert not shadows.calls(self.administrator), f"a shadow was called by {by}"

    def assert_in_step(self) -> None:
        """Catch up; then the copy that the sink keeps is what the query says."""
        self.call("run", "--once")
        for name, (_, query, _) in FEEDS.items():
            wanted = f"SELECT to_jsonb(q) - '_refresh_at' AS d FROM (\n{query}\n) AS q"
            wrong = self.administrator.execute(
                f"SELECT count(*) FROM ({wanted}) AS w FULL JOIN copy.{name} AS c ON c.document::jsonb = w.d"
                " WHERE c.key IS NULL OR w.d IS NULL".encode()
            ).fetchone()
            assert wrong == (0,), name

    def live(self, writer: psycopg.Connection[Any]) -> None:
        """What the daemon does after the installation: each kind of change and of fault, and its trace."""
        self.assert_in_step()
        for changes in CHANGES:
            for change in changes:
                writer.execute(change.encode())
                self.assert_no_call(change)
            self.assert_in_step()
        # A document that can't be made is set aside, and made again later.
        writer.execute("INSERT INTO public.word VALUES ('A-2', 73, '')")
        self.call("run", "--once")
        self.call("failed")
        assert "division by zero" in self.call("trace", "words", "A-2")
        self.call("trace", "words", "--entity", "A-2")
        self.call("retry", "words")
        writer.execute("UPDATE public.word SET word = 'x' WHERE sku OPERATOR(pg_catalog.=) 'A-2'")
        assert "changed row of public.word" in self.call("trace", "words", "A-2")
        writer.execute("UPDATE public.store SET name = 'y' WHERE id OPERATOR(pg_catalog.=) 2")
        assert "by the route partial" in self.call("trace", "packs", "A-8", "box", "2")
        assert "1 row has these values" in self.call("trace", "--row", "public.store", "id=2")
        assert "a row that is gone" in self.call("trace", "--row", "public.store", "id=9")
        self.assert_in_step()
        unknown = "SELECT count(*) FROM cdc.changelog_public_item WHERE rows IS NULL"
        assert self.administrator.execute(unknown).fetchone() == (0,)

    def ask_and_order(self, writer: psycopg.Connection[Any]) -> None:
        """What an operator does with the feeds later."""
        self.call("plan", "--explain")
        self.call("status")
        self.call("verify")
        self.call("verify", "items", "--sample", "2")
        self.call("verify", "items", "--since", "2020-01-01")
        self.call("verify", "--sink", "table")
        self.call("verify", "items", "--sink", "table", "--since", "2020-01-01")
        self.call("estimate")
        self.call("resync", "items", "--wait")
        self.call("resync", "packs", "--by-key", "kind=box", "--force", "--wait")
        self.call("resync", "packs")
        assert "backlog" in self.call("trace", "packs", "A-8", "box", "2")
        self.call("trace", "timed", "A-3")
        self.call("replay", "table", "--feed", "items", "--key", "sku=A-3")
        self.call("replay", "file", "--feed", "timed", "--since", "2020-01-01")
        self.call("replay", "table", "--all")
        self.call("failed")
        self.call("retry", "--all")
        self.call("pause", "--sink", "table")
        writer.execute("UPDATE public.item SET name = 'paused'")
        self.call("run", "--once")
        assert "paused" in self.call("trace", "items", "A-3")
        self.call("resume", "--sink", "table")
        self.assert_in_step()


@pytest.fixture(scope="module")
def shadowed(server: Server) -> Iterator[str]:
    """The name of a database with the shop and the shadows, which take a while to make."""
    with server.fresh_database() as dsn:
        with psycopg.connect(dsn, autocommit=True) as administrator:
            administrator.execute(SHOP.encode())
            shadows.cast_shadows(administrator)
            administrator.execute("CREATE SCHEMA copy")
        yield str(conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
def database(server: Server, shadowed: str) -> Iterator[str]:
    with server.fresh_database(shadowed) as dsn:
        yield dsn


@pytest.fixture
def shop(database: str, connect: Connect) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's session in a copy of it; whoever connects anew has the shadows first."""
    administrator = connect()
    name = sql.Identifier(administrator.info.dbname)
    administrator.execute(sql.SQL(f"ALTER DATABASE {{}} SET search_path = {shadows.FIRST}").format(name))
    yield administrator
    administrator.execute(sql.SQL("ALTER DATABASE {} RESET search_path").format(name))


@contextmanager
def role(administrator: psycopg.Connection[Any], dsn: str, name: str) -> Iterator[str]:
    """The connection string of a role without rights, whose search path begins with the shadows."""
    name = f"{name}_{administrator.info.dbname}"
    quoted = sql.Identifier(name)
    administrator.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'k'").format(quoted))
    administrator.execute(sql.SQL(f"ALTER ROLE {{}} SET search_path = {shadows.FIRST}").format(quoted))
    try:
        yield make_conninfo(dsn, user=name, password="k")  # noqa: S106 # of a role that ends with the test
    finally:
        administrator.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(quoted))
        administrator.execute(sql.SQL("DROP ROLE {}").format(quoted))


def grant(administrator: psycopg.Connection[Any], dsn: str, *rights: str) -> None:
    name = sql.Identifier(str(conninfo_to_dict(dsn)["user"]))
    for right in rights:
        text = sql.SQL(right)  # pyright: ignore[reportArgumentType] # built by a test
        administrator.execute(text.format(name, sql.Identifier(administrator.info.dbname)))


def test_a_shadow_is_called_by_a_session_that_is_not_careful(
    shop: psycopg.Connection[Any], connect: Connect
) -> None:
    for text in ("SELECT 1 = 1", "SELECT lower('a')", "SELECT 'a'::text"):
        with pytest.raises(psycopg.errors.DatabaseError, match=r"a shadow was called|boolean"):
            connect().execute(text.encode())
    assert shadows.calls(shop)


def test_no_shadow_is_called_where_the_tables_owner_installs_and_runs(
    shop: psycopg.Connection[Any], database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It executes every statement of `sql/`, on each server."""
    _owners_life(shop, database, tmp_path, shadows.FIRST, monkeypatch)


@pytest.mark.any_server
def test_no_shadow_behind_pg_catalog_is_called_where_the_tables_owner_installs_and_runs(
    shop: psycopg.Connection[Any], database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _owners_life(shop, database, tmp_path, "shadow, public", monkeypatch)


def _owners_life(
    shop: psycopg.Connection[Any], database: str, tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = watch(monkeypatch, shop)
    with role(shop, database, "owner") as owner, role(shop, database, "writer") as writer:
        grant(
            shop,
            owner,
            "ALTER ROLE {0} CREATEROLE",
            "GRANT CREATE ON DATABASE {1} TO {0}",
            "GRANT CREATE, USAGE ON SCHEMA copy TO {0}",
            *(
                f"ALTER TABLE {table} OWNER TO {{0}}"
                for table in ("maker", "item", "part", "pack", "store", "word")
            ),
        )
        grant(shop, writer, "GRANT ALL ON ALL TABLES IN SCHEMA public TO {0}")
        life = Life(shop, tmp_path, owner, path)
        life.call("check", "--count")
        life.call("plan")
        life.call("estimate")
        life.call("install")
        with psycopg.connect(writer, autocommit=True) as session:
            life.live(session)
            # The orders are the same sentences whatever the configured path: they run once.
            if path == shadows.FIRST:
                life.ask_and_order(session)
                samples.send(database, resolved.missing())
        life.call("uninstall", "--yes")
    if path == shadows.FIRST:
        pieces = {f"{folder}/{name}" for folder in ("queries", "objects") for name in samples.NO_STATEMENTS}
        assert resolved.missing() <= pieces
    assert resolved.trees > 1000
    assert resolved.wrong(shop, "shadow") == {}


@pytest.mark.any_server
def test_no_shadow_is_called_where_an_administrator_runs_the_script(
    shop: psycopg.Connection[Any], database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = watch(monkeypatch, shop)
    with role(shop, database, "daemon") as daemon, role(shop, database, "writer") as writer:
        grant(
            shop,
            daemon,
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {0}",
            "GRANT CREATE, USAGE ON SCHEMA copy TO {0}",
        )
        grant(shop, writer, "GRANT ALL ON ALL TABLES IN SCHEMA public TO {0}")
        life = Life(shop, tmp_path, daemon, shadows.FIRST)
        script = life.call("install", "--script")
        path = shadows.FIRST.replace(" ", "")
        done = subprocess.run(
            [find_binaries("machine") / "psql", "--no-psqlrc", "--quiet", "--file=-", database],
            input=script,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PGOPTIONS": f"-c client_min_messages=notice -c search_path={path}"},
        )
        assert (done.returncode, done.stderr) == (0, "")
        life.assert_no_call("the script")
        with psycopg.connect(writer, autocommit=True) as session:
            life.live(session)
    assert resolved.trees > 1000
    assert resolved.wrong(shop, "shadow") == {}
