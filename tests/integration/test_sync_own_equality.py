"""Keys and links of a type that has an equality of its own (as citext has), whatever the search path."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc_daemon.feeds.catalogue import describe
from cdc_daemon.pg.session import connect as pinned
from tests.support.caseless import CASELESS
from tests.support.command import Feed
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

SCHEMA = (
    CASELESS
    + """
CREATE TABLE person (email caseless PRIMARY KEY, name text, town caseless);
CREATE TABLE letter (id int PRIMARY KEY, email caseless, words text);
CREATE INDEX ON letter (email);
INSERT INTO person SELECT 'P' || n || '@x', 'n', 'Town ' || n % 3 FROM generate_series(1, 30) AS n;
INSERT INTO letter SELECT n, 'p' || n % 30 + 1 || '@X', 'w' FROM generate_series(1, 60) AS n;
"""
)

FEEDS = {
    "people": Feed(
        "SELECT p.email, p.name, (SELECT count(*) FROM letter AS l WHERE l.email = p.email) AS letters,"
        " CASE p.town WHEN 'town 1' THEN 'first' END AS place FROM person AS p",
        key=("email",),
    ),
    "letters": Feed(
        "SELECT email, l.id, l.words, p.name, NULLIF(p.town, 'TOWN 2') AS town"
        " FROM letter AS l LEFT JOIN person AS p USING (email)",
        key=("email", "id"),
    ),
    "towns": Feed(
        "SELECT town, count(*) AS people, bool_or(email IS NOT DISTINCT FROM 'p1@X') AS first"
        " FROM person GROUP BY town",
        key=("town",),
    ),
}

SINK = '[sinks.file]\ntype = "file"\npath = "out/{feed}.ndjson"\nbatch_records = 7\n'


@pytest.fixture
def people(database: str, tmp_path: Path) -> Synced:
    people = Synced(tmp_path, database, schema=SCHEMA, feeds=FEEDS, sinks=SINK)
    people.sync()
    people.assert_equal_to_the_query()
    return people


def test_a_changed_row_finds_its_documents_by_the_types_own_equality(people: Synced) -> None:
    for change in (
        "UPDATE letter SET words = 'other' WHERE id = 7",
        "UPDATE letter SET email = 'p3@X' WHERE id < 5",
        "DELETE FROM letter WHERE id = 9",
        "UPDATE person SET name = 'm' WHERE email = 'P4@X'",
        "UPDATE person SET town = 'Town 1' WHERE email = 'p6@x'",
        "INSERT INTO person VALUES ('new@x', 'o', 'Town 2')",
        "DELETE FROM person WHERE email = 'p5@X'",
    ):
        people.sync(change)
        people.assert_equal_to_the_query()


def test_documents_of_a_value_are_found_in_whatever_case_it_is_given(
    people: Synced,
) -> None:
    before = len(people.records("people"))
    people.call("resync", "people", "--by-key", "email=P1@X", "--force", "--wait")
    people.sync()
    assert [record["key"] for record in people.records("people")[before:]] == [{"email": "P1@x"}]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        (
            "SELECT id FROM letter WHERE words = 'w' AND id < 7",
            "pg_catalog, public",
        ),  # its email is compared, too
        ("SELECT relname FROM (VALUES ('a'::varchar)) AS v (relname) WHERE relname = 'b'", "pg_catalog"),
    ],
)
def test_a_definition_is_read_with_the_schemas_of_its_operators(
    people: Synced, query: str, path: str
) -> None:
    with pinned(people.dsn) as connection:
        found, _ = describe(connection, feed="f", text=query, key=(), entity=(), search_path="public")
    assert found.search_path == path
