"""What a person sees of deliveries: `failed`, `retry`, `replay`, `pause`, `resume`, `sinks test`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from tests.support.command import execute
from tests.support.synced import Synced

pytestmark = pytest.mark.any_server

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
