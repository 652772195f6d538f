"""A shop of three joined tables with two feeds over them, and writers who treat it roughly."""

from __future__ import annotations

import random
import threading
from collections.abc import Generator
from contextlib import contextmanager

import psycopg

from tests.support.command import Feed

SCHEMA = """
CREATE TABLE product (id int PRIMARY KEY, name text NOT NULL, category_id int, price numeric NOT NULL);
CREATE TABLE category (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE stock (product_id int, place int, quantity int NOT NULL, PRIMARY KEY (product_id, place));
CREATE INDEX ON product (category_id);
INSERT INTO category SELECT n, 'category ' || n FROM generate_series(1, 5) AS n;
INSERT INTO product SELECT n, 'product ' || n, 1 + n % 5, n + 0.50 FROM generate_series(1, 60) AS n;
INSERT INTO stock SELECT n, 1, n FROM generate_series(1, 60) AS n;
"""

FEEDS = {
    "products": Feed(
        """
        SELECT p.id, p.name, p.price, c.name AS category,
               (SELECT sum(s.quantity) FROM stock AS s WHERE s.product_id = p.id) AS quantity
        FROM product AS p LEFT JOIN category AS c ON c.id = p.category_id
        """
    ),
    "categories": Feed(
        """
        SELECT c.id, c.name, count(p.id) AS products, max(p.price) AS dearest
        FROM category AS c LEFT JOIN product AS p ON p.category_id = c.id
        GROUP BY c.id
        """
    ),
}

_STATEMENTS = (
    "INSERT INTO product VALUES (%(a)s, 'new', %(c)s, %(b)s) ON CONFLICT (id) DO UPDATE SET name = 'again'",
    "UPDATE product SET price = price + 0.10 WHERE id = %(a)s",
    "UPDATE product SET category_id = %(c)s WHERE id IN (%(a)s, %(b)s)",
    "DELETE FROM product WHERE id = %(a)s",
    # Key changes, of a document and of rows that it is joined to.
    "UPDATE product SET id = %(b)s WHERE id = %(a)s AND NOT EXISTS (SELECT FROM product WHERE id = %(b)s)",
    "UPDATE category SET id = %(c)s WHERE id = %(d)s AND NOT EXISTS (SELECT FROM category WHERE id = %(c)s)",
    "UPDATE category SET name = name || '.' WHERE id = %(c)s AND length(name) < 60",
    "INSERT INTO category VALUES (%(c)s, 'new') ON CONFLICT DO NOTHING",
    "DELETE FROM category WHERE id = %(d)s",
    "INSERT INTO stock VALUES (%(a)s, %(d)s, 1) ON CONFLICT (product_id, place) DO UPDATE SET quantity = 7",
    """UPDATE stock SET product_id = %(b)s WHERE product_id = %(a)s AND place = %(d)s
       AND NOT EXISTS (SELECT FROM stock WHERE product_id = %(b)s AND place = %(d)s)""",
    "DELETE FROM stock WHERE product_id = %(a)s",
    "UPDATE stock SET quantity = quantity",
)


class Writer(threading.Thread):
    """Transactions of several statements, some of them rolled back, until it is told to stop.

    Attributes:
        committed: how many transactions.
        failure: what ended it, if it was not `stop`.
    """

    def __init__(self, dsn: str, seed: int) -> None:
        super().__init__(daemon=True)
        self._dsn = dsn
        self._random = random.Random(seed)  # noqa: S311 # chooses statements
        self._stop_asked = threading.Event()
        self.committed = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with psycopg.connect(self._dsn) as connection:
                # A little rest between transactions: the daemon is to pass many times, not once at the end.
                while not self._stop_asked.wait(0.002):
                    self._transaction(connection)
        except BaseException as error:
            self.failure = error

    def stop(self) -> None:
        self._stop_asked.set()
        self.join()
        assert self.failure is None, self.failure

    def _transaction(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        choose = self._random
        try:
            for _ in range(choose.randint(1, 4)):
                values = {
                    "a": choose.randint(1, 90),
                    "b": choose.randint(1, 90),
                    "c": choose.randint(1, 7),
                    "d": choose.randint(1, 7),
                }
                connection.execute(choose.choice(_STATEMENTS), values)
            if choose.random() < 0.25:
                connection.rollback()
            else:
                connection.commit()
                self.committed += 1
        except (psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation):
            connection.rollback()  # the other writer was first, as happens in shops


@contextmanager
def writers(dsn: str, *seeds: int) -> Generator[list[Writer]]:
    """Writers at work; stopped, and none may have failed, at the end."""
    started = [Writer(dsn, seed) for seed in seeds]
    for writer in started:
        writer.start()
    try:
        yield started
    finally:
        for writer in started:
            writer.stop()
    assert all(writer.committed for writer in started)
