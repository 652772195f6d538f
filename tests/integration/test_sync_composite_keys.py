"""A composite key with a NULL inside: for it both IS NULL and IS NOT NULL are false, and it is a value."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.command import execute
from tests.integration.daemon import Daemon


def test_rows_whose_composite_key_holds_a_null_are_followed(database: str, tmp_path: Path) -> None:
    execute(
        database,
        "CREATE TYPE pair AS (number int, word text)",
        "CREATE TABLE thing (id pair PRIMARY KEY, value int)",
        "INSERT INTO thing VALUES ((1, 'a'), 1), ((2, NULL), 2), ((NULL, NULL), 3)",
    )
    daemon = Daemon(tmp_path, database)
    daemon.feed("things", "SELECT t.id, t.value FROM thing AS t", key=["id"])
    daemon.install()
    daemon.assert_in_step()
    for statements in (
        ["UPDATE thing SET value = value + 10"],
        ["UPDATE thing SET value = 7 WHERE value = 12"],
        [
            "UPDATE thing SET id = (9, NULL) WHERE value = 7",
            "UPDATE thing SET id = (NULL, 'x') WHERE value = 13",
        ],
        ["DELETE FROM thing WHERE (id).word IS NULL"],
    ):
        execute(database, *statements)
        daemon.assert_in_step()
