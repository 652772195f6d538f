"""Edits of a shop like those of merchants and customers: mostly small, sometimes large."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from psycopg import sql

from cdc_daemon.commerce.lines import Lines
from cdc_daemon.commerce.orders import OrderLines, Stage
from cdc_daemon.commerce.size import Size
from cdc_daemon.errors import CdcError
from cdc_daemon.pg.statements import statement

Session = psycopg.Connection[tuple[Any, ...]]

# Frequency of each kind of edit, in a thousand.
_WEIGHTS = {
    "price": 220,
    "stock": 250,
    "order placed": 120,
    "order shipped": 80,
    "saved again": 90,
    "attribute": 80,
    "translation": 30,
    "sale": 35,
    "tier price": 20,
    "review": 20,
    "category of product": 30,
    "product on or off": 12,
    "category renamed": 4,
    "category moved": 1,
    "price file": 3,
    "product deleted": 5,
}


class Traffic:
    """Makes edits, each in its own transaction. Several instances may work on one shop.

    Args:
        connection: session in autocommit mode.
        chance: makes all random choices.

    Raises:
        CdcError: the database has no shop.
    """

    def __init__(self, connection: Session, chance: random.Random) -> None:
        self._connection = connection
        self._chance = chance
        self.done: Counter[str] = Counter()
        self._size = _size_of(connection)
        self._last_order = 1
        self._edits: dict[str, Callable[[], None]] = {
            "price": lambda: self._run("change_price", price=self._price()),
            "stock": self._move_stock,
            "order placed": self._place_order,
            "order shipped": self._ship_order,
            "saved again": lambda: self._run("save_again"),
            "attribute": lambda: self._run(chance.choice(("rename_product", "edit_care")), name=self._text()),
            "translation": lambda: self._run("translate_name", name=self._text()),
            "sale": self._sale,
            "tier price": lambda: self._run("set_tier", price=self._price()),
            "review": lambda: self._run("review_product", name=self._text()),
            "category of product": self._move_product,
            "product on or off": lambda: self._run("switch"),
            "category renamed": self._rename_category,
            "category moved": self._move_category,
            "price file": lambda: self._run("import_prices", factor=chance.choice((0.99, 1.01))),
            "product deleted": lambda: self._run("delete_product"),
        }

    @property
    def kinds(self) -> Iterable[str]:
        """The names of all kinds of edits."""
        return self._edits

    def edit(self) -> str:
        """Make one edit. Return its kind."""
        (kind,) = self._chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
        self.make(kind)
        return kind

    def at_pace(self, rate: float, stop: threading.Event, seconds: float | None = None) -> None:
        """Make edits at an even pace, or one right after the other if the database is too slow.

        Args:
            rate: edits a second.
            stop: set it to end after the current edit.
            seconds: duration; None means until `stop`.
        """
        started, first = time.monotonic(), self.done.total()
        while not stop.is_set():
            passed = time.monotonic() - started
            due = (self.done.total() - first) / rate
            if seconds is not None and max(passed, due) >= seconds:
                return
            if not stop.wait(max(0.0, due - passed)):
                self.edit()

    def make(self, kind: str) -> None:
        """Make one edit of the given kind."""
        with self._connection.transaction():
            self._edits[kind]()
        self.done[kind] += 1

    def _run(self, name: str, /, **values: object) -> None:
        parameters = {"product": self._product(), **values}
        self._connection.execute(statement(f"commerce_traffic.{name}"), parameters)

    def _read(self, name: str, /, **values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement(f"commerce_traffic.{name}"), values).fetchall()

    def _product(self) -> int:
        """Return a random product. Few products are edited most, as few are sold most."""
        return 1 + int(self._size.products * self._chance.random() ** 2)

    def _price(self) -> str:
        return f"{self._chance.randint(100, 20_000) / 100:.2f}"

    def _text(self) -> str:
        return f"Edited {self._chance.randrange(1_000_000)}"

    def _move_stock(self) -> None:
        if self._chance.random() < 0.5:
            self._run("count_stock", quantity=self._chance.randint(0, 400))
        else:
            self._run("reserve", quantity=self._chance.randint(1, 3))

    def _sale(self) -> None:
        if self._chance.random() < 0.5:
            self._run("begin_sale", price=self._price())
        else:
            self._run("end_sale")

    def _place_order(self) -> None:
        lines = Lines()
        [(order,)] = self._read("next_order")
        self._last_order = order
        OrderLines(lines, self._size).write(order, self._chance, Stage.PLACED)
        with self._connection.cursor() as cursor:
            for target, rows in lines:
                into = sql.SQL("COPY {} ({}) FROM STDIN").format(
                    sql.Identifier(target.table), sql.SQL(", ").join(map(sql.Identifier, target.columns))
                )
                with cursor.copy(into) as copy:
                    copy.write("\n".join(rows) + "\n")

    def _ship_order(self) -> None:
        for order, _ in self._read("open_order", order=self._chance.randint(1, self._last_order)):
            for step in ("complete_order", "complete_items", "ship", "give_back"):
                self._run(step, order=order)

    def _category(self) -> int | None:
        found = self._read("some_category", near=self._chance.randint(100, 100 + self._size.categories))
        return found[0][0] if found else None

    def _move_product(self) -> None:
        product = self._product()
        for step in ("take_off_shelf", "put_on_shelf"):
            self._run(step, product=product, category=self._category())

    def _rename_category(self) -> None:
        self._run("rename_category", category=self._category(), name=self._text())

    def _move_category(self) -> None:
        near = self._chance.randint(100, 100 + self._size.categories)
        for category, parent in self._read("some_leaf", near=near, place=self._chance.randrange(4)):
            if parent is not None:
                self._run("move_category", category=category, parent=parent)


def _size_of(connection: Session) -> Size:
    try:
        rows = connection.execute(statement("commerce_traffic.shop")).fetchall()
    except psycopg.errors.UndefinedTable:
        rows = [(None, 0, 0, 0)]
    [(products, store_views, websites, customer_groups)] = rows
    if not products:
        raise CdcError(
            "there is no shop in it",
            where=f"database {connection.info.dbname}",
            hint="fill it first: cdc-daemon commerce seed",
        )
    return Size(products, store_views, websites, customer_groups)
