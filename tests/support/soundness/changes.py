"""Random changes to the tables of the soundness test, and those that are written down."""

from __future__ import annotations

import random

from tests.support.delta import Connection, Followed, Outcome, outcome, remember
from tests.support.soundness.case import Case
from tests.support.soundness.queries import COLUMNS


def after_its_change(connection: Connection, case: Case, followed: Followed) -> Outcome:
    """What becomes of a query by the change that is written down for it."""
    connection.execute(f"TRUNCATE {', '.join(COLUMNS)}; {case.rows}".encode())
    remember(connection, [followed])
    with connection.transaction():
        connection.execute(case.change.encode())
    return outcome(connection, 0, followed)


def value(chance: random.Random, kind: str) -> str:
    if kind not in ("key", "set") and chance.random() < 0.2:
        return "NULL"
    number = chance.randint(1, 4)
    return {
        "text": f"'{'abcd'[number - 1]}'",
        "word": f"'{chance.choice('abcd1234')}'",
        "numeric": chance.choice(["1.0", "1.00", "2", "2.0"]),
        "ints": f"ARRAY[{number}, {chance.randint(1, 4)}]",
    }.get(kind, str(number))


def insertion(chance: random.Random, table: str) -> str:
    values = ", ".join(value(chance, kind) for kind in COLUMNS[table].values())
    return f"INSERT INTO {table} VALUES ({values}) ON CONFLICT DO NOTHING"


def change(connection: Connection, chance: random.Random) -> list[str]:
    """One transaction of random DML on some of the tables.

    Rows that hang together often go together: that is when one table's route may not lean on another's rows.
    """
    tables = chance.sample(list(COLUMNS), chance.choice([1, 1, 2, 3, 7]))
    kind = chance.random()
    if kind < 0.1:
        script = [f"DELETE FROM {table}" for table in tables[:2]]
    elif kind < 0.35:
        number = chance.randint(1, 4)
        script = [delete_all(table, number) for table in tables]
    else:
        script = [statement(chance, table) for _ in range(chance.choice([1, 1, 2, 4])) for table in tables]
    with connection.transaction():
        for each in script:
            connection.execute(each.encode())
    return script


def delete_all(table: str, number: int) -> str:
    numbers = [column for column, kind in COLUMNS[table].items() if kind in ("int", "key", "set")]
    return f"DELETE FROM {table} WHERE {number} IN ({', '.join(numbers)})"


def statement(chance: random.Random, table: str) -> str:
    action = chance.random()
    if action < 0.5:
        return insertion(chance, table)
    one = f"ctid = (SELECT ctid FROM {table} ORDER BY md5(ctid::text || '{chance.random()}') LIMIT 1)"
    if action < 0.65:
        return f"DELETE FROM {table} WHERE {one}"
    column, kind = chance.choice(list(COLUMNS[table].items()))
    new = value(chance, kind)
    free = f" AND NOT EXISTS (SELECT FROM {table} x WHERE x.{column} = {new})" if kind == "key" else ""
    return f"UPDATE {table} SET {column} = {new} WHERE {one}{free}"
