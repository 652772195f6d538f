"""The verdict names the first obstacle in force, from the source to the sink."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cdc_daemon.insight.history import Cause, Recomputation, Revision, SinkDelivery
from cdc_daemon.insight.trace.facts import (
    Backlog,
    DocumentHistory,
    Event,
    Facts,
    FeedFacts,
    Holder,
    Sink,
    Stored,
    Waiting,
    Yielded,
)
from cdc_daemon.insight.trace.remedies import hint
from cdc_daemon.insight.trace.verdict import Standing, Verdict, judge
from cdc_daemon.insight.trace.words import sentence
from cdc_daemon.workers.chosen_items import FailedItem
from cdc_daemon.workers.control import FailedEntity, Pause

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference.md"
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
FEED = FeedFacts(begun=True, seen_at=NOON)
STORED = Stored('{"sku":"A-1"}', "aa", 17, False, NOON, NOON, None, ("7",))
TOMBSTONE = replace(STORED, document=None, hash=None, deleted=True)
SAME = Yielded('{"sku":"A-1"}', "aa", ("7",))
OTHER = Yielded('{"sku":"A-1","price":1}', "bb", ("7",))
HAS = Sink("catalog", has=True, revision=17)
LACKS = Sink("catalog", has=False, revision=16, ahead=2)
PAUSE = Pause("catalog", None, "moving", NOON, "ops", "kim")
ROWS = Waiting("public.price", "pr", "join", 1, NOON)
PLACE = Backlog(1200, "large delta", NOON, 100.0)
READER = Holder("public.price", 71, None, "ops", "psql", NOON, None, excludes=True)
WRITER = replace(READER, excludes=False)


def item(attempts: int, again: datetime | None) -> FailedItem:
    return FailedItem(
        "catalog", "products", '{"sku":"A-1"}', 17, attempts, "422", "price must be positive", NOON, again
    )


SET_ASIDE = FailedEntity("products", ("7",), 2, "22012", "division by zero", NOON, NOON, None)
IN_STEP = Facts(
    "products", '{"sku":"A-1"}', NOON, FEED, {"productId": "7"}, yielded=SAME, stored=STORED, sinks=[HAS]
)
BEHIND = replace(IN_STEP, yielded=OTHER)
CAUSE = Cause("public.price", "update", 7123, 1, NOON, "shop", "app")
REVISION = Revision(17, False, ["price"], 5, NOON, NOON, [CAUSE], 1)
TAKEN = SinkDelivery("catalog", "page", NOON + timedelta(milliseconds=41), None, None, 1)
STORED_NOW = Event(NOON, REVISION, None, [TAKEN])
NO_CHANGE = Event(NOON, None, Recomputation(6, NOON, 17, 17, [replace(CAUSE, table="public.stock")], 1))


def feed(**changes: Any) -> FeedFacts:
    return replace(FEED, **changes)


@pytest.mark.parametrize(
    ("facts", "standing", "words"),
    [
        (IN_STEP, "delivered", "Delivered to catalog: revision 17, stored at 12:00:00.000 UTC"),
        (
            replace(IN_STEP, history=DocumentHistory(NOON, [STORED_NOW])),
            "delivered",
            "12:00:00.041 UTC, 41 ms after transaction 7123 updated public.price (1 row), application shop",
        ),
        (
            replace(IN_STEP, history=DocumentHistory(NOON, [NO_CHANGE, STORED_NOW])),
            "unchanged",
            "recomputed at 12:00:00.000 UTC because public.stock changed, the document is the same; ",
        ),
        (
            replace(IN_STEP, history=DocumentHistory(NOON, [NO_CHANGE, STORED_NOW]), sinks=[LACKS]),
            "undelivered",
            "catalog has not taken revision 17",
        ),
        (replace(IN_STEP, sinks=[]), "stored", "Stored, and no sink takes the feed"),
        (replace(IN_STEP, stored=TOMBSTONE, yielded=Yielded()), "gone", "it left the feed at 12:00:00.000"),
        (
            replace(IN_STEP, stored=None, yielded=Yielded(), sinks=[replace(HAS, has=None)]),
            "never",
            "Not a doc",
        ),
        (replace(IN_STEP, state=feed(followed=False, stopped="a key is NULL")), "delivered", "Delivered to"),
        (
            replace(BEHIND, state=feed(disabled=("public.price: t is disabled",))),
            "not-captured",
            "t is disabled",
        ),
        (
            replace(BEHIND, state=feed(uncaptured="pid 5 holds it")),
            "not-captured",
            "Not captured: pid 5 holds",
        ),
        (
            replace(BEHIND, waiting=[ROWS], state=feed(disabled=("t",))),
            "unread",
            "has not read 1 changed row",
        ),
        (
            replace(BEHIND, waiting=[ROWS], state=feed(stopped="a key is NULL")),
            "feed-stopped",
            "is stopped: a key",
        ),
        (replace(BEHIND, waiting=[ROWS], state=feed(followed=False)), "no-daemon", "no daemon runs"),
        (
            replace(BEHIND, waiting=[ROWS], state=feed(holders=(READER,))),
            "blocked",
            "a transaction of pid 71",
        ),
        (
            replace(BEHIND, waiting=[ROWS], state=feed(holders=(WRITER,))),
            "unread",
            "public.price by the route join",
        ),
        (replace(BEHIND, yielded=Yielded(failed="55P03: …", blocked=True)), "blocked", "a transaction holds"),
        (replace(BEHIND, state=feed(begun=False)), "not-begun", "has not begun"),
        (
            replace(BEHIND, state=feed(begun=False, holders=(WRITER,))),
            "blocked",
            "has written to public.price",
        ),
        (
            replace(BEHIND, yielded=Yielded(failed="22012: …"), set_aside=SET_ASIDE),
            "set-aside",
            "division by zero",
        ),
        (
            replace(BEHIND, yielded=Yielded(failed="22012: …")),
            "query-fails",
            "can't be run for this key: 22012",
        ),
        (replace(BEHIND, backlog=PLACE, waiting=[ROWS]), "in-backlog", "behind 1,200 entities (large delta)"),
        (replace(BEHIND, backlog=PLACE), "in-backlog", "its turn comes in about 12 s"),
        (replace(BEHIND, state=feed(moved=True)), "unread", "the next one plans it anew"),
        (replace(BEHIND, stored=replace(STORED, refresh_at=NOON + timedelta(hours=1))), "due", "in 60 min"),
        (BEHIND, "different", "no change is on its way"),
        (replace(BEHIND, yielded=replace(SAME, entity=("8",))), "different", "no change is on its way"),
        (replace(BEHIND, yielded=Yielded()), "different", "no change is on its way"),
        (replace(IN_STEP, sinks=[LACKS]), "undelivered", "has not taken revision 17 yet; 2 changes"),
        (
            replace(IN_STEP, sinks=[LACKS], state=feed(followed=False)),
            "no-daemon",
            "catalog lacks revision 17",
        ),
        (
            replace(IN_STEP, sinks=[replace(LACKS, pause=PAUSE, failure="is down")]),
            "paused",
            "Waiting: sink catalog is paused since 12:00:00.000 UTC by role ops (kim): moving",
        ),
        (
            replace(IN_STEP, sinks=[replace(LACKS, item=item(20, None))]),
            "parked",
            "refused revision 17 20 times",
        ),
        (replace(IN_STEP, sinks=[replace(LACKS, item=item(1, NOON))]), "refused", "once: 422: price must be"),
        (
            replace(IN_STEP, sinks=[replace(LACKS, item=item(0, NOON))]),
            "undelivered",
            "a replay asked for it",
        ),
        (
            replace(IN_STEP, sinks=[replace(LACKS, failure="is down", attempts=3)]),
            "sink-fails",
            "tried 3 times",
        ),
        (replace(IN_STEP, sinks=[replace(LACKS, snapshot="wanted")]), "snapshot", "which has not begun"),
        (
            replace(IN_STEP, sinks=[replace(LACKS, snapshot="under way")]),
            "snapshot",
            "has not reached this key",
        ),
        (replace(IN_STEP, stored=TOMBSTONE, yielded=Yielded(), sinks=[LACKS]), "undelivered", "revision 17"),
        (
            replace(IN_STEP, sinks=[replace(LACKS, name="a"), replace(LACKS, name="b", pause=PAUSE)]),
            "paused",
            "sink b is paused",
        ),
    ],
)
def test_the_verdict_is_the_first_obstacle_in_force(facts: Facts, standing: str, words: str) -> None:
    verdict = judge(facts)
    assert verdict.standing == standing
    assert words in sentence(facts, verdict)


@pytest.mark.parametrize(
    ("facts", "remedy"),
    [
        (IN_STEP, None),
        (BEHIND, "`cdc-daemon resync products --by-key sku=A-1`"),
        (replace(IN_STEP, sinks=[replace(LACKS, pause=PAUSE)]), "`cdc-daemon resume --sink catalog`"),
        (
            replace(IN_STEP, sinks=[replace(LACKS, item=item(20, None))], key='{"sku":"A 1","n":2}'),
            (
                "correct the receiver or the row; then "
                "`cdc-daemon retry products --sink catalog --key 'sku=A 1' --key n=2`"
            ),
        ),
        (
            replace(BEHIND, waiting=[ROWS], state=feed(holders=(READER,))),
            "end it, or wait: SELECT pg_terminate_backend(71)",
        ),
        (
            replace(BEHIND, state=feed(begun=False, holders=(replace(WRITER, pid=None, prepared="tx"),))),
            "end it: ROLLBACK PREPARED 'tx' or COMMIT PREPARED 'tx'",
        ),
    ],
)
def test_the_remedy_is_a_command(facts: Facts, remedy: str | None) -> None:
    assert hint(facts, judge(facts)) == remedy


def test_every_standing_has_words() -> None:
    for standing in Standing:
        facts = replace(BEHIND, sinks=[LACKS])
        about = "catalog" if standing in {"paused", "parked", "refused", "sink-fails", "snapshot"} else None
        about = "catalog" if standing == "undelivered" else about
        assert sentence(facts, Verdict(standing, about))


def test_the_reference_explains_every_standing_and_nothing_else() -> None:
    section = REFERENCE.read_text("utf-8").partition("## Answers of trace")[2]
    table = section.partition("| Verdict | Meaning |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == list(Standing)


def test_each_question_of_the_page_has_a_test_that_asks_it() -> None:
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    table = page.partition("| Question | Ask | The answer |")[2].partition("\n\n")[0]
    questions = re.findall(r"^\| ([^|]+\?) \|", table, re.MULTILINE)
    tests = (ROOT / "tests" / "integration" / "test_trace.py").read_text("utf-8")
    assert len(questions) >= 25
    assert sorted(questions) == sorted(re.findall(r'@pytest\.mark\.question\(\s*"([^"]+)"\s*\)', tests))
