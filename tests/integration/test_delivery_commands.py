"""What a person sees of deliveries: `failed`, `retry`, `replay`, `pause`, `resume`, `sinks test`."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from cdc_daemon.pg.session import connect
from cdc_daemon.workers import audit
from tests.support.command import execute
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

ITEM = (
    "INSERT INTO cdc.failed_item"
    " (sink, feed, id, key, revision, attempts, status, reason, first_failed_at, next_attempt_at) VALUES"
    """ ('file', 'items', '', '{"id": 3}', 1, 20, '422', 'price must be positive', '2026-01-02', NULL)"""
)


class Line:
    """The command line over a configuration, in this process."""

    def __init__(self, feeds: Synced) -> None:
        self.feeds = feeds

    def __call__(self, *arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, ["--config", str(self.feeds.config), *arguments])
        assert done.exit_code == code, f"{done.output}\n{done.exception}"
        return done.output


@pytest.fixture
def line(database: str, tmp_path: Path) -> Line:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    return Line(feeds)


def test_failed_items_are_shown_with_what_the_target_said(line: Line) -> None:
    assert line("failed") == "No failed items.\n"
    execute(line.feeds.dsn, ITEM)
    assert line("failed", "items", "--sink", "file") == (
        'sink file, feed items, {"id": 3}, revision 1\n'
        "  422: price must be positive\n"
        "  first refused 2026-01-02 00:00:00+00:00   attempts 20   parked\n"
    )
    (item,) = json.loads(line("failed", "--json"))
    assert item == {
        "sink": "file",
        "feed": "items",
        "key": {"id": 3},
        "revision": 1,
        "attempts": 20,
        "status": "422",
        "reason": "price must be positive",
        "first_failed_at": "2026-01-02T00:00:00Z",
        "next_attempt_at": None,
    }
    assert "failed items 1 (1 parked)" in line("status")


def test_a_retry_tells_how_many_are_due(line: Line) -> None:
    execute(line.feeds.dsn, ITEM)
    assert line("retry", "items", "--key", "id=3") == "1 failed item is due now.\n"
    assert "nothing failed with this key" in line("retry", "items", "--key", "id=4", code=1)
    assert line("retry", "--all", "--sink", "file") == "1 failed item is due now.\n"
    assert "next attempt" in line("failed")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["retry"], "Name a feed, or give --all."),
        (["retry", "items", "--all"], "Name a feed, or give --all."),
        (["retry", "--all", "--key", "id=1"], "--key needs a feed."),
        (["retry", "items", "--key", "id"], "'id' is not COLUMN=VALUE"),
        (["retry", "items", "--key", "code=1"], "'code' is no key column"),
        (["retry", "itms"], "`items`, the nearest known name"),
        (["failed", "--sink", "fil"], "`file`, the nearest known name"),
        (["pause"], "Name a sink (--sink), a feed (--feed), or both."),
        (["pause", "--sink", "fil"], "sink fil: is not configured"),
        (["replay", "file"], "Give one of --all, --since and --key."),
        (["replay", "file", "--all", "--since", "2026-01-01"], "Give one of --all, --since and --key."),
        (["replay", "file", "--key", "id=1"], "--key needs --feed."),
        (["replay", "file", "--since", "yesterday"], "'yesterday' is no date or time"),
        (["replay", "fil", "--all"], "sink fil: is not configured"),
        (["sinks", "test", "fil"], "sink fil: is not configured"),
    ],
)
def test_what_is_mistaken_is_told_with_what_would_be_right(
    line: Line, arguments: list[str], said: str
) -> None:
    assert said in line(*arguments, code=2)


def test_a_pause_is_shown_and_taken_back(line: Line) -> None:
    assert line("pause", "--sink", "file", "--reason", "a move") == "sink file: paused.\n"
    assert "paused: `cdc-daemon resume` lets it go on" in line("status")
    said = line("resume", "--feed", "items", code=1)
    assert "feed items: is not paused" in said
    assert "paused are: sink file" in said
    assert line("resume", "--sink", "file") == "sink file: resumed.\n"
    assert "nothing is paused" in line("resume", "--sink", "file", code=1)


def test_a_replay_is_delivered_by_the_daemon(line: Line) -> None:
    assert line("replay", "file", "--all") == "sink file, feed items: everything is delivered again\n"
    assert "a full snapshot is being delivered" in line("status")
    assert len(line.feeds.delivered_by()) == 5
    said = line("replay", "file", "--feed", "items", "--key", "id=3")
    assert said == "sink file, feed items: 1 document is delivered again\n"
    (record,) = line.feeds.delivered_by()
    assert record["key"] == {"id": 3}
    assert "no document has id=9" in line("replay", "file", "--feed", "items", "--key", "id=9", code=1)
    assert "since then" in line("replay", "file", "--since", "2026-01-01")
    assert len(line.feeds.delivered_by()) == 5


def test_a_probe_tells_what_each_step_found(line: Line) -> None:
    said = line("sinks", "test", "file")
    assert said.startswith("sink file, feed items\n  accept         ok ")
    (line.feeds.folder / "out" / "items.ndjson").unlink()
    (line.feeds.folder / "out" / "items.ndjson").mkdir()
    said = line("sinks", "test", "file", code=1)
    assert "accept         failed" in said
    assert "1 of 1 feeds can't be delivered" in said


def test_a_probe_does_not_change_the_target(line: Line) -> None:
    before = line.feeds.file("items").read_bytes()
    line("sinks", "test", "file", "--feed", "items")
    assert line.feeds.file("items").read_bytes() == before


def test_failed_items_are_chosen_by_status_words_and_state(line: Line) -> None:
    execute(line.feeds.dsn, ITEM)
    chosen = {
        ("--parked",): True,
        ("--status", "422"): True,
        ("--words", "MUST BE"): True,
        ("--status", "500"): False,
        ("--words", "nothing of this"): False,
    }
    for options, found in chosen.items():
        assert (line("failed", "items", *options) != "No failed items.\n") is found, options
        count = "1 failed item is" if found else "0 failed items are"
        assert line("retry", "items", *options) == f"{count} due now.\n"
        execute(line.feeds.dsn, "UPDATE cdc.failed_item SET next_attempt_at = NULL")


def test_failed_items_are_found_by_key_and_shown_with_the_document(line: Line) -> None:
    execute(
        line.feeds.dsn,
        ITEM,
        "UPDATE cdc.failed_item AS i SET revision = f.revision FROM cdc.feed_items AS f WHERE f.id = 3",
    )
    assert line("failed", "items", "--key", "id=4") == "No failed items.\n"
    shown = line("failed", "items", "--key", "id=3", "--document").splitlines()
    assert shown[1] == "  422: price must be positive"
    assert shown[3] == '  sent: {"id":3,"code":"c3","price":3.50}'
    (item,) = json.loads(line("failed", "show", "--document", "--json"))
    assert item["document"] == {"id": 3, "code": "c3", "price": 3.5}
    line.feeds.sync("UPDATE item SET price = 4 WHERE id = 3")
    execute(line.feeds.dsn, "UPDATE cdc.failed_item SET revision = 1")
    assert "sent: revision 1, which is no longer stored; revision" in line("failed", "--document")
    assert "is no key column" in line("failed", "items", "--key", "price=4", code=2)
    assert "--key needs one feed" in line("failed", "--key", "id=3", code=2)


def test_a_discarded_item_is_gone_and_the_next_revision_goes_out(line: Line) -> None:
    execute(line.feeds.dsn, ITEM)
    said = line("failed", "discard", "items", "--key", "id=3", "--reason", "no such brand")
    assert said == "1 failed item is discarded.\n"
    assert line("failed") == "No failed items.\n"
    again = line("failed", "discard", "items", "--key", "id=3", "--reason", "again", code=1)
    assert "no item failed with this key" in again
    (record,) = line.feeds.delivered_by("UPDATE item SET price = 9 WHERE id = 3")
    assert record["key"] == {"id": 3}


def test_every_act_of_a_person_is_recorded(line: Line) -> None:
    execute(line.feeds.dsn, ITEM)
    for command in (
        ("pause", "--sink", "file", "--reason", "a move"),
        ("resume", "--sink", "file"),
        ("retry", "items", "--key", "id=3"),
        ("failed", "discard", "items", "--key", "id=3", "--reason", "no such brand"),
        ("replay", "file", "--feed", "items", "--key", "id=1"),
        ("replay", "file", "--all"),
        ("resync", "items", "--by-key", "id=2", "--force"),
    ):
        line(*command)
    line("resume", "--sink", "file", code=1)
    acts = json.loads(line("audit", "--json"))
    told = [(act["act"], act["feed"], act["sink"], act["arguments"], act["outcome"]) for act in acts]
    assert told == [
        ("resume", None, "file", {}, "was not paused"),
        ("resync", "items", None, {"by_key": {"id": "2"}, "force": True}, "1 entities"),
        ("replay", "items", "file", {"all": True}, "done"),
        ("replay", "items", "file", {"key": {"id": "1"}}, "1 documents"),
        ("discard", "items", None, {"key": {"id": "3"}, "reason": "no such brand"}, "1 items: revisions 1"),
        ("retry", "items", None, {"key": {"id": "3"}}, "1 items, 0 entities"),
        ("resume", None, "file", {}, "done"),
        ("pause", None, "file", {"reason": "a move"}, "done"),
        ("install", None, None, {"feeds": ["items"]}, acts[-1]["outcome"]),
    ]
    assert {(act["role"], act["os_user"], act["web_user"]) for act in acts} == {
        (line.feeds.value("SELECT session_user::text"), getpass.getuser(), None)
    }
    assert len(json.loads(line("audit", "--act", "replay", "--json"))) == 2
    assert json.loads(line("audit", "--since", "2100-01-01", "--json")) == []
    assert "a move" in line("audit", "--sink", "file", "--user", getpass.getuser())
    assert line("audit", "--user", "nobody-else") == "No acts.\n"


def test_an_act_that_fails_is_recorded_with_its_reason_and_without_its_effect(line: Line) -> None:
    said = line("replay", "file", "--feed", "items", "--key", "id=1")
    assert "is delivered again" in said
    execute(line.feeds.dsn, "DELETE FROM cdc.sink_state")
    line("replay", "file", "--all", code=1)
    (act, *_) = json.loads(line("audit", "--json"))
    assert act["outcome"] == "failed: sink file, feed items: nothing was delivered yet"


def test_acts_are_removed_when_they_are_old(line: Line) -> None:
    line("pause", "--sink", "file")
    execute(line.feeds.dsn, "UPDATE cdc.audit SET at = at - interval '31 days' WHERE act = 'pause'")
    with connect(line.feeds.dsn) as session:
        audit.forget(session, days=32)
        assert '"pause"' in line("audit", "--json")
        audit.forget(session, days=30)
    assert '"pause"' not in line("audit", "--json")
