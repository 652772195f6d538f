"""A key for a random query."""

from __future__ import annotations

from tests.support.delta import quoted
from tests.support.grammar.queries import Feed
from tests.support.grammar.schemas import (
    SAME,
    Chance,
)


def unique(chance: Chance, feed: Feed) -> tuple[Feed, list[str]]:
    """The feed with a key that is unique and never NULL: a document per entity, or per row of it."""
    entity = [f"q.{quoted(name)}" for name in feed.entity]
    known = " AND ".join(f"{name} IS NOT NULL" for name in entity)
    inside = f"FROM (\n{feed.sql}\n) q WHERE {known}"
    if set(feed.types) <= set(SAME) and chance.percent(50):
        query = (
            f"SELECT {', '.join(entity)}, array_agg((q.*)::text ORDER BY (q.*)::text) AS rows "
            f"{inside} GROUP BY {', '.join(entity)}"
        )
        return feed._replace(sql=query), list(feed.entity)
    number = f"row_number() OVER (PARTITION BY {', '.join(entity)} ORDER BY (q.*)::text) AS number"
    return feed._replace(sql=f"SELECT q.*, {number} {inside}"), [*feed.entity, "number"]
