"""A query of the soundness test."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    entity: str
    query: str
