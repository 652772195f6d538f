"""Whatever rows fail in whatever batches: they are set aside, and every other document equals the query."""

from __future__ import annotations

import random
from pathlib import Path

import hypothesis
import pytest

from cdc_daemon.pg.session import connect
from cdc_daemon.workers import control
from tests.support.command import Feed, execute, query
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

SCHEMA = r"""
CREATE FUNCTION checked(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF $1 = 'raise' THEN RAISE EXCEPTION 'not this one'; END IF;
    RETURN $1;
END $$;
CREATE TABLE many (id int PRIMARY KEY, code text, v int);
INSERT INTO many VALUES (1, 'two', 1), (2, 'two', 2), (3, 'one', 3);
CREATE TABLE item (
    id int PRIMARY KEY, number text, divisor int, escaped text, code text, body text, grp int, note int,
    is_poison boolean NOT NULL DEFAULT false
);
INSERT INTO item SELECT n, n::text, 1, 'a', 'one', 'short', n % 7, 0 FROM generate_series(1, 400) AS n;
"""
TEXT = """
SELECT i.id, i.number::numeric AS number, 100 / i.divisor AS share,
       ('"' || i.escaped || '"')::jsonb AS escaped,
       checked(i.code) AS code, (SELECT m.v FROM many AS m WHERE m.code = i.code) AS v, i.body, i.grp, i.note
FROM {items} AS i
"""
POISON = (
    "number = '12 kg'",
    "divisor = 0",
    r"escaped = '\ud800'",
    r"escaped = '\u0000'",
    "code = 'raise'",
    "code = 'two'",
    "body = repeat('x', 5000)",
)
HEALED = "number = '1', divisor = 2, escaped = 'a', code = 'one', body = 'short', is_poison = false"
NEW = """
INSERT INTO item SELECT n, '1', 1, 'a', 'one', 'short', 1, 0 FROM generate_series(1, 420) AS n
WHERE random() < 0.1 ON CONFLICT DO NOTHING
"""
ROUNDS = min(max(hypothesis.settings().max_examples // 12, 4), 40)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("entity", ["id", "grp"])
def test_only_entities_with_a_row_that_fails_are_out_of_date(
    database: str, tmp_path: Path, seed: int, entity: str
) -> None:
    choose = random.Random(seed)  # noqa: S311 # no secret
    options = f'entity = ["{entity}"]\nmax_document_bytes = 2000\nreads = []'
    feeds = Synced(
        tmp_path,
        database,
        schema=SCHEMA,
        feeds={"items": Feed(TEXT.format(items="item"), options=options)},
        daemon=f"batch_entities = {choose.choice([7, 50, 1000])}\nmax_pass_entities = 1000",
    )
    for _ in range(ROUNDS):
        execute(database, *_changes(choose))
        if choose.random() < 0.2:
            feeds.call("resync", "items", *choose.choice([(), ("--force",)]))
        feeds.sync()
        _check(feeds, entity)
    feeds.sync(f"UPDATE item SET {HEALED} WHERE is_poison")
    assert _failed(feeds) == set()
    feeds.assert_equal_to_the_query()


def _changes(choose: random.Random) -> list[str]:
    found: list[str] = []
    for _ in range(choose.randint(1, 6)):
        some = f"id IN ({', '.join(str(choose.randint(1, 420)) for _ in range(choose.choice([1, 3, 40])))})"
        found.append(
            choose.choice(
                [
                    f"UPDATE item SET {choose.choice(POISON)}, is_poison = true WHERE {some}",
                    f"UPDATE item SET {HEALED} WHERE {some}",
                    f"UPDATE item SET note = note + 1 WHERE {some}",
                    f"UPDATE item SET grp = {choose.randint(0, 9)} WHERE {some}",
                    f"DELETE FROM item WHERE {some}",
                    NEW,
                    "UPDATE many SET v = v + 1",
                ]
            )
        )
    return found


def _failed(feeds: Synced) -> set[str]:
    with connect(feeds.dsn) as connection:
        return {
            "".join(each.entity or ("unknown",)) for each in control.failed_entities(connection, ["items"])
        }


def _check(feeds: Synced, entity: str) -> None:
    with connect(feeds.dsn, search_path="public") as connection:
        bad = {
            str(row[0]) for row in connection.execute(f"SELECT {entity} FROM item WHERE is_poison".encode())
        }
    failed = _failed(feeds)
    assert failed >= bad
    if entity == "id":
        # (An entity of many rows may also fail for one that has gone to another entity which fails.)
        assert failed == bad
    left = ", ".join(f"'{each}'" for each in failed) or "''"
    good = f"(SELECT * FROM item WHERE {entity}::text NOT IN ({left}) OFFSET 0)"
    wanted = query(feeds.dsn, Feed(TEXT.format(items=good)))
    stored = {key: document for key, document in feeds.documents("items").items() if document is not None}
    for key, document in wanted.items():
        assert stored[key] == document
    kept = {key for key, document in stored.items() if str(document[entity]) in failed}
    assert stored.keys() - kept == wanted.keys() - kept
