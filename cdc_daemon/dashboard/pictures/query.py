"""A feed's query, with marks where it reads tables and where the analysis has something to say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cdc_daemon.insight.feed_plan import PlannedFeed

_WORD = re.compile(r'(?:"(?:[^"]|"")*"|[\w$]+)(?:\.(?:"(?:[^"]|"")*"|[\w$]+))*|.')
"""A name, also one with a schema; or any other sign."""


@dataclass(frozen=True)
class Piece:
    """A piece of the query.

    Attributes:
        note: what is said of it; None for the text around.
        tone: `busy` for a occurrence that is read, `held` for a warning, `bad` for a refusal.
    """

    text: str
    note: str | None = None
    tone: str = ""


def marked_query(plan: PlannedFeed) -> list[list[Piece]]:
    """Return the lines of the query, in pieces; those that are read, and those of verdicts, have notes."""
    notes: dict[tuple[int, int], tuple[str, str]] = {}
    for occurrence in plan.occurrences:
        if occurrence.line and occurrence.column:
            notes[occurrence.line, occurrence.column] = (
                "busy",
                f"reads {occurrence.table}: {occurrence.kind}; {occurrence.reach}",
            )
    for verdict in plan.verdicts:
        if verdict.line and verdict.column:
            tone = {"refused": "bad", "accepted": "busy"}.get(verdict.level, "held")
            notes[verdict.line, verdict.column] = (tone, f"{verdict.level}: {verdict.what} [{verdict.name}]")
    return [list(_pieces(text, n, notes)) for n, text in enumerate(plan.query.splitlines(), start=1)]


def _pieces(text: str, line: int, notes: Mapping[tuple[int, int], tuple[str, str]]) -> Iterator[Piece]:
    done = 0
    for column in sorted(column for at, column in notes if at == line):
        start = min(column - 1, len(text))
        if start < done:
            continue
        found = _WORD.match(text, start)
        end = found.end() if found else start
        yield Piece(text[done:start])
        tone, note = notes[line, column]
        yield Piece(text[start:end], note, tone)
        done = end
    yield Piece(text[done:])
