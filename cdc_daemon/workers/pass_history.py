"""What the history of documents keeps of a pass: a row of `cdc.history_pass`."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import orjson

from cdc_daemon.feeds.hashed_documents import Entity
from cdc_daemon.workers.passes import Pass

MOST_TOUCHED = 100
"""Largest number of recomputed entities that the history keeps of one pass.

Each costs an entry of an index, two microseconds. Larger passes keep the changed documents alone.
"""


def digest(feed: str, entity: Entity) -> int:
    """Return the number (int4) by which the history finds the passes of an entity.

    Args:
        entity: its values as PostgreSQL writes them.
    """
    number = zlib.crc32(orjson.dumps([feed, *entity]))
    return number - (1 << 32) if number >= 1 << 31 else number


def record(
    feed: str,
    done: Pass,
    entities: Sequence[Entity],
    *,
    after_revision: int,
    requested: int = 0,
    positions: tuple[int, int] | None = None,
) -> Mapping[str, object]:
    """Return the parameters of `document_history.pass`.

    Args:
        entities: the recomputed entities.
        after_revision: the feed's last revision before the pass.
        requested: the request for the backlog that the pass made; 0 if none.
        positions: for a chunk, its first and last position in the backlog, the first one excluded.
    """
    recomputed = done.recomputed
    moments = [moment for moment in (done.delta.captured_at, done.due.since) if moment is not None]
    after, position = positions or (None, None)
    few = len(entities) <= MOST_TOUCHED
    return {
        "after_revision": after_revision,
        "kind": done.kind,
        "captured_at": min(moments, default=None),
        "entities": done.entities,
        "recomputed": recomputed.documents,
        "upserts": recomputed.upserts,
        "deletes": recomputed.deletes,
        "causes": orjson.dumps([cause.stored() for cause in done.delta.causes]).decode(),
        "transactions": done.delta.transactions,
        "requested": requested,
        "after_position": after,
        "position": position,
        "touched": [digest(feed, entity) for entity in entities] if few else None,
    }
