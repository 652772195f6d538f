r"""What `json` holds and `jsonb` does not: `\u0000`, half a surrogate pair. It passes through as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Feed, Record
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

SCHEMA = """
CREATE TABLE note (id int PRIMARY KEY, payload json, "path\\to" json, state text);
INSERT INTO note SELECT n, '{}', '{}', 'x' FROM generate_series(1, 3) AS n;
"""
FEEDS = {"items": Feed('SELECT id, payload, "path\\to", state FROM note')}


@pytest.fixture
def feeds(database: str, tmp_path: Path) -> Synced:
    found = Synced(tmp_path, database, schema=SCHEMA, feeds=FEEDS)
    found.sync()
    return found


def changed(records: list[Record]) -> list[list[str]]:
    return [record["changed"] for record in records]


@pytest.mark.parametrize(
    "odd", [r'{"s":"\u0000"}', r'{"s":"half \ud83d"}', r'{"\u0000\ude00":[1]}', r'"\ud83d"']
)
def test_a_value_that_cannot_be_decoded_is_delivered_as_it_is_and_leaves_as_it_came(
    feeds: Synced, odd: str
) -> None:
    came = feeds.delivered_by(f"UPDATE note SET payload = '{odd}' WHERE id = 1")
    assert changed(came) == [["payload"]]
    assert odd.encode() in (feeds.folder / "out" / "items.ndjson").read_bytes()
    assert changed(feeds.delivered_by("UPDATE note SET state = 'y' WHERE id = 1")) == [["state"]]
    assert changed(feeds.delivered_by("UPDATE note SET payload = '{}', state = 'z' WHERE id = 1")) == [
        ["payload", "state"]
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (r"\\u0041", r"\u0041"),  # a backslash and five characters; the letter A
        (r"\\u0041", r"\\.u0041"),
        (r"\u0041", r"\\\\u0041"),
        (r"\\\u0000", r"\\\\u0000"),
        (r"\\.\u0000", r"\\\u0000"),
        (r"\"\u0000", r"\\\"\u0000"),
    ],
)
def test_texts_that_differ_in_escapes_alone_are_told_apart(feeds: Synced, before: str, after: str) -> None:
    feeds.sync(f"""UPDATE note SET payload = '{{"s":"{before}"}}', "path\\to" = '"\\u0000"' WHERE id = 1""")
    came = feeds.delivered_by(f"""UPDATE note SET payload = '{{"s":"{after}"}}' WHERE id = 1""")
    assert changed(came) == [["payload"]]


def test_a_field_whose_name_holds_a_backslash_is_named_by_it(feeds: Synced) -> None:
    came = feeds.delivered_by("""UPDATE note SET "path\\to" = '"\\u0000"' WHERE id = 1""")
    assert changed(came) == [["path\\to"]]
    came = feeds.delivered_by("""UPDATE note SET "path\\to" = '"\\u0000 "', state = 'y' WHERE id = 1""")
    assert changed(came) == [["path\\to", "state"]]
