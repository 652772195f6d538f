"""The acts of persons."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from pydantic import Field

from cdc_daemon.dashboard.definitions import Asked
from cdc_daemon.insight.audit import RecordedAct, read_acts
from cdc_daemon.redaction import HIDDEN
from cdc_daemon.workers.payload_log import masked

SHOWN_TO_ALL = frozenset({"all", "dry_run", "force", "limit", "reason", "revision", "since"})
"""Arguments that hold nothing of a document. A key does."""


@dataclass(frozen=True)
class AuditQuestion:
    """Which acts.

    Attributes:
        user: a database role, or a user of the operating system or of the dashboard.
        since: only acts since then.
        limit: largest number of acts, the latest first.
    """

    act: str | None = None
    feed: str | None = None
    sink: str | None = None
    user: str | None = None
    since: datetime | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


@dataclass(frozen=True)
class Audit:
    """Acts, the latest first."""

    acts: Sequence[RecordedAct]


def audit(asked: Asked, question: AuditQuestion) -> Audit:
    """Return the acts."""
    found = read_acts(
        asked.connection,
        act=question.act,
        feed=question.feed,
        sink=question.sink,
        user=question.user,
        since=question.since,
        limit=question.limit,
    )
    if not asked.viewer.documents:
        return Audit([_without_keys(each) for each in found])
    mask = asked.settings.log.mask
    return Audit([replace(each, arguments=_masked(each.arguments, mask)) for each in found])


def _masked(arguments: Mapping[str, object], mask: Collection[str]) -> Mapping[str, object]:
    return {name: masked(value, mask) for name, value in arguments.items()}


def _without_keys(act: RecordedAct) -> RecordedAct:
    """Return the act without what only those may see who may see documents."""
    arguments: Mapping[str, object] = {
        name: value if name in SHOWN_TO_ALL or value in (None, False, {}, []) else HIDDEN
        for name, value in act.arguments.items()
    }
    # The reason of a failure may quote a key.
    outcome = "failed" if act.outcome.startswith("failed:") else act.outcome
    return replace(act, arguments=arguments, outcome=outcome)
