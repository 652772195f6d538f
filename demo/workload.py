"""A small live workload: what people and other programs do to a shop, about twenty times a second."""

from __future__ import annotations

import random
import threading
from collections import Counter
from pathlib import Path

import psycopg

FOLDER = Path(__file__).parent / "workload"
PAUSE_SECONDS = 0.05

# How often each statement of the folder happens, of their sum.
WEIGHTS = {
    "change_price": 20,
    "move_stock": 25,
    "sell_out": 3,
    "edit_attribute": 12,
    "translate_name": 6,
    "rename_category": 2,
    "start_sale": 1,
    "disable_product": 3,
    "add_product": 4,
    "delete_product": 3,
    "write_note": 12,
    "save_again": 9,
}


class Workload(threading.Thread):
    """Writes until it is stopped; what it does is drawn by a seed.

    Attributes:
        done: how often each statement was executed.
        error: what ended it, if anything did.
    """

    def __init__(self, dsn: str, *, products: int, seed: int = 1) -> None:
        super().__init__(name="workload", daemon=True)
        self.done: Counter[str] = Counter()
        self.error: psycopg.Error | None = None
        self._dsn = dsn
        self._products = products
        self._chance = random.Random(seed)  # noqa: S311 # a workload that can be repeated, not a secret
        self._leave = threading.Event()

    def run(self) -> None:
        statements = {name: (FOLDER / f"{name}.sql").read_bytes() for name in WEIGHTS}
        names, weights = list(WEIGHTS), list(WEIGHTS.values())
        try:
            with psycopg.connect(self._dsn, autocommit=True, application_name="demo: workload") as connection:
                (categories,) = connection.execute("SELECT max(category_id) FROM category").fetchone() or (0,)
                while not self._leave.wait(PAUSE_SECONDS):
                    (name,) = self._chance.choices(names, weights)
                    number = self._chance.randint(1, 40)
                    connection.execute(
                        statements[name],
                        {
                            "product": self._chance.randint(1, self._products),
                            "category": self._chance.randint(1, categories),
                            "number": number,
                            "text": f"{name.replace('_', ' ')} {sum(self.done.values())}",
                        },
                    )
                    self.done[name] += 1
        except psycopg.Error as error:
            self.error = error

    def stop(self) -> None:
        """End after the statement at hand, and say what went wrong if anything did.

        Raises:
            psycopg.Error: what had ended the workload before.
        """
        self._leave.set()
        self.join()
        if self.error:
            raise self.error
