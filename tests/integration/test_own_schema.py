"""The daemon's schema under another name, beside one that has the usual name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cdc_daemon.cli.group import main
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.statements import sql_directory
from tests.conftest import Connect
from tests.support.bed import Bed
from tests.support.products import products

pytestmark = pytest.mark.any_server

OTHER = "shop_sync"


@pytest.fixture(autouse=True)
def _as_usual() -> Iterator[None]:
    yield
    own_schema.choose(own_schema.DEFAULT)


@pytest.fixture
def both(database: str, connect: Connect, tmp_path: Path) -> dict[str, Bed]:
    """Two configurations over one table, each with a schema of its own."""
    connect().execute(products(5, name="'n' || n").encode())
    found: dict[str, Bed] = {}
    for schema in (own_schema.DEFAULT, OTHER):
        (tmp_path / schema).mkdir()
        found[schema] = Bed(tmp_path / schema, database, database={"schema": schema})
        found[schema].add_feed("products", "SELECT p.id, p.name FROM product AS p", key=["id"])
    return found


def cli(daemon: Bed, *arguments: str) -> Result:
    daemon.end_kept()
    result = CliRunner().invoke(main, ["--config", str(daemon.config), *arguments])
    assert result.exit_code == 0, result.output
    return result


def test_two_schemas_capture_one_table_and_neither_touches_the_other(
    both: dict[str, Bed], connect: Connect
) -> None:
    usual, other = both.values()
    for daemon in both.values():
        cli(daemon, "check")
        cli(daemon, "install")
        cli(daemon, "run", "--once")
    connect().execute("UPDATE product SET name = 'x' WHERE id = 1; DELETE FROM product WHERE id = 2")
    for daemon in both.values():
        said = cli(daemon, "run", "--once").stdout
        assert '"entries":2' in said
        assert "resync" not in said
        daemon.assert_in_step()
        assert "drift: none" in cli(daemon, "status").stdout
        cli(daemon, "resync", "products", "--force", "--wait")
        cli(daemon, "failed")

    assert "nothing of cdc-daemon is left" in cli(other, "uninstall", "--yes").stdout
    left = "SELECT to_regnamespace(%s), (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'product'::regclass)"
    assert connect().execute(left, (OTHER,)).fetchone() == (None, 4)
    connect().execute("UPDATE product SET name = 'y' WHERE id = 3")
    assert '"entries":1' in cli(usual, "run", "--once").stdout
    usual.assert_in_step()


def test_no_file_of_sql_names_the_usual_schema_once_another_one_is_chosen() -> None:
    for path in sorted(sql_directory().rglob("*.sql")):
        statements = "\n".join(
            line for line in path.read_text("utf-8").splitlines() if not line.lstrip().startswith("--")
        )
        left = own_schema.named_in(statements, OTHER)
        for word in ("cdc.", "SCHEMA cdc", "'cdc'", "cdc_capture", "cdc_owner"):
            assert word not in left, (path, word)
