"""A query of the soundness test."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """A query and the columns of its entity.

    Attributes:
        rows, change: statements: what stands in the tables, and a change that random ones hardly ever hit.
    """

    entity: str
    query: str
    rows: str = ""
    change: str = ""
