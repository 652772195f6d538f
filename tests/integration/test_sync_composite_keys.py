"""Keys of types that users made: composites with a NULL inside, and domains over enums."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bed import Bed
from tests.support.command import execute

pytestmark = pytest.mark.any_server


def test_rows_whose_composite_key_holds_a_null_are_followed(database: str, tmp_path: Path) -> None:
    execute(
        database,
        "CREATE TYPE pair AS (number int, word text)",
        "CREATE TABLE thing (id pair PRIMARY KEY, value int)",
        "INSERT INTO thing VALUES ((1, 'a'), 1), ((2, NULL), 2), ((NULL, NULL), 3)",
    )
    daemon = Bed(tmp_path, database)
    daemon.add_feed("things", "SELECT t.id, t.value FROM thing AS t", key=["id"])
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


def test_a_domain_over_an_enum_is_a_key_like_others(database: str, tmp_path: Path) -> None:
    execute(
        database,
        "CREATE TYPE size AS ENUM ('small', 'medium', 'large')",
        "CREATE DOMAIN fit AS size CHECK (VALUE <> 'medium'::size)",
        "CREATE TABLE stock (item int, fit fit, number int, PRIMARY KEY (item, fit))",
        "INSERT INTO stock SELECT n, fit::fit, n"
        " FROM generate_series(0, 3) AS n, unnest('{small,large}'::size[]) AS fit",
    )
    daemon = Bed(tmp_path, database)
    daemon.add_feed("stocks", "SELECT item, fit, number FROM stock", key=["item", "fit"])
    daemon.add_feed("fits", "SELECT fit, sum(number) AS number FROM stock GROUP BY fit", key=["fit"])
    daemon.add_feed(
        "totals",
        "SELECT s.item, s.fit,"
        " (SELECT sum(o.number) FROM stock AS o WHERE o.fit::size = s.fit::size) AS total"
        " FROM stock AS s",
        key=["item", "fit"],
        entity=["fit"],
    )
    daemon.install()
    daemon.assert_in_step()
    for statements in (
        ["UPDATE stock SET number = number + 10 WHERE fit::size = 'large'"],
        ["UPDATE stock SET fit = 'large', item = 9 WHERE item = 1 AND fit::size = 'small'"],
        ["DELETE FROM stock WHERE fit::size = 'large'"],
    ):
        execute(database, *statements)
        daemon.assert_in_step()
