"""The tables and feeds of one round, made from a seed by the grammar of the property tests."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from tests.support.command import Feed
from tests.support.delta import accepted
from tests.support.grammar.changes import change, execute, filling
from tests.support.grammar.keys import unique
from tests.support.grammar.queries import Grammar
from tests.support.grammar.schemas import SEARCH_PATH, Chance, Schema, prepare, schema

RANDOM_FEEDS = 3
MOST_KEY_COLUMNS = 2
"""Receivers of tests read names of documents with as many parts."""
FIRST_DAYS = 3

# The grammar makes no partitioned table.
_VISITS = """
CREATE TABLE visit (id integer, day integer, page text, PRIMARY KEY (id, day)) PARTITION BY LIST (day);
CREATE TABLE visit_1 PARTITION OF visit FOR VALUES IN (1);
CREATE TABLE visit_2 PARTITION OF visit FOR VALUES IN (2);
CREATE TABLE visit_3 PARTITION OF visit FOR VALUES IN (3);
"""
_VISITS_FEED = Feed("SELECT v.id, count(*) AS visits, max(v.page) AS last FROM visit AS v GROUP BY v.id")


class Seeded(Chance):
    """The decisions of a random generator: the same seed takes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 # chooses what a test does

    def number(self, least: int, most: int) -> int:
        return self._random.randint(least, most)


@dataclass
class Case:
    """What one round is about.

    Attributes:
        feeds: by name; the names of two rounds differ, for they share their sinks.
        days: how many partitions `visit` has: one for each of the days from 1 on.
    """

    schema: Schema
    feeds: dict[str, Feed]
    days: int = FIRST_DAYS

    def statement(self, chance: Chance) -> str:
        """A random statement of a writer, which may fail."""
        match chance.weighed({"change": 78, "visit": 18, "shorten": 4}):
            case "visit":
                return self._visit(chance)
            case "shorten":
                # A table without a key would grow without end.
                table = chance.of(self.schema.tables).name
                return f"DELETE FROM {table} WHERE ctid NOT IN (SELECT ctid FROM {table} LIMIT 60)"
            case _:
                return change(chance, self.schema)

    def _visit(self, chance: Chance) -> str:
        visitor, day = chance.number(1, 40), chance.number(1, self.days)
        table = chance.of(("visit", f"visit_{day}"))
        return chance.of(
            (
                f"INSERT INTO {table} VALUES ({visitor}, {day}, 'a') ON CONFLICT DO NOTHING",
                f"UPDATE {table} SET page = 'page {visitor}' WHERE id = {visitor}",
                f"UPDATE visit SET day = {day} WHERE id = {visitor} AND day = 1",
                f"DELETE FROM {table} WHERE id = {visitor}",
            )
        )


def make_case(dsn: str, chance: Chance, number: int) -> Case:
    """Make the tables of a round with a few rows, and feeds over them."""
    tables = schema(chance)
    with psycopg.connect(dsn, autocommit=True) as connection:
        prepare(connection)
        connection.execute(f"SET search_path = {SEARCH_PATH}; SET client_min_messages = error".encode())
        connection.execute(tables.ddl.encode())
        connection.execute(_VISITS.encode())
        feeds = {f"r{number}_visits": _VISITS_FEED}
        while len(feeds) <= RANDOM_FEEDS:
            found, key = unique(chance, Grammar(chance, tables).feed())
            if len(key) <= MOST_KEY_COLUMNS and accepted(connection, found.sql):
                entity = ", ".join(f'"{name}"' for name in found.entity)
                feeds[f"r{number}_f{len(feeds)}"] = Feed(found.sql, tuple(key), f"entity = [{entity}]")
        for each in filling(chance, tables):
            with suppress(psycopg.IntegrityError):
                execute(connection, each)
    return Case(tables, feeds)
