"""Retired words stay retired: one idea has one word, in code, SQL and documentation (decision 48)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RETIRED = {
    r"slow[ _-]?lane": "backlog",
    r"side[ _]session": "helper session",
    r"\breferee": "cross-check",
    r"\bstrangers?\b": "key conflict, or the role's name",
    r"\bleft[-_]?overs?\b": "obsolete keys",
    r"\bdigested": "hashed",
    r"\bbells?\b": "wake-ups",
    r"hand_over|HandOver": "batch sender",
    r"history_continued|another history": "incarnation",
    r"pending_(?:added|position|end|entities)": "backlog",
    r"shown_the_door|\bknock": "client certificate rejected; ping",
}

# Migrations are never edited. Decision 48 and the changelog list the retired words. A shop may sell bells.
EXEMPT = re.compile(r"sql/migrations/|sql/commerce/|docs/decisions/0048|CHANGELOG\.md|cdc_daemon/commerce/")
FILES = sorted(
    path
    for folder, pattern in (
        ("cdc_daemon", "*.py"),
        ("sql", "*.sql"),
        ("docs", "*.md"),
        ("config", "*.toml"),
        (".", "*.md"),
    )
    for path in ((ROOT / folder).glob(pattern) if folder == "." else (ROOT / folder).rglob(pattern))
    if not EXEMPT.search(path.relative_to(ROOT).as_posix())
)


@pytest.mark.parametrize(("word", "instead"), RETIRED.items(), ids=list(RETIRED))
def test_a_retired_word_does_not_come_back(word: str, instead: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in FILES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(word, line, re.IGNORECASE)
    ]
    assert not found, f"say: {instead}"
