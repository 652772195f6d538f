"""An upgrade from the last released version: nothing is lost, and nothing is sent again needlessly."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.receivers.http import Request, Script, Target, answer, serving
from tests.receivers.http_faults import never
from tests.receivers.postgres import PostgresReceiver
from tests.support.bed import Bed
from tests.support.command import Feed, Values, eventually, execute, toml
from tests.support.released import ROOT, Released, unpacked

SCHEMA = (
    "CREATE TABLE item (id int PRIMARY KEY, code text, amount int);"
    "INSERT INTO item SELECT n, 'a', n FROM generate_series(1, 300) AS n;"
    "UPDATE item SET code = 'refused' WHERE id = 7"
)
FEEDS = {"items": Feed("SELECT id, code, amount FROM item")}
# What touches more than 20 entities waits in the backlog, from which one at a time is recomputed.
SMALL = "max_pass_entities = 20\nbatch_entities = 1"

Sent = list[tuple[int, Any]]
"""Keys and documents in the order in which a sink got them."""


class Upgraded:
    """One configuration with three sinks, on which two versions work in turn."""

    def __init__(self, folder: Path, dsn: str, target: Target) -> None:
        self.dsn, self.target = dsn, target
        self.copy = PostgresReceiver("copy")
        sinks: dict[str, Values] = {
            "out": {"type": "file", "path": "out/{feed}.ndjson"},
            "web": {"type": "http", "url": target.url},
            "copy": {"type": "postgres", **self.copy.settings()},
        }
        self.sinks = "\n".join(f"[sinks.{name}]\n{toml(values)}" for name, values in sinks.items())
        self._configured = (folder, dsn, FEEDS)
        self.old = Released(*self._configured, sinks=self.sinks)

    def upgrade(self) -> Bed:
        """Write the configuration for this version."""
        return Bed(*self._configured, sinks=self.sinks)

    def sent(self) -> dict[str, Sent]:
        """What the two sinks that keep every record got so far."""
        requests = [request for request in list(self.target.requests) if request.taken]
        web = [record for request in requests for record in json.loads(request.content)]
        return {"out": _documents(self.old.records("items")), "web": _documents(web)}

    def copied(self) -> dict[int, Any]:
        """The documents of the third sink."""
        with self.copy.connect() as session:
            rows = session.execute("SELECT (key ->> 'id')::int, document FROM items").fetchall()
        return dict(rows)

    def queried(self) -> dict[int, Any]:
        """What the query says now."""
        return {key[0]: document for key, document in self.old.query("items").items()}


def _documents(records: list[Any]) -> Sent:
    return [(record["key"]["id"], record["data"]) for record in records if "key" in record]


def _folded(sent: Sent) -> dict[int, Any]:
    return {key: document for key, document in dict(sent).items() if document is not None}


@pytest.fixture
def upgraded(database: str, tmp_path: Path) -> Iterator[Upgraded]:
    execute(database, SCHEMA)
    for target in serving(None):
        found = Upgraded(tmp_path, database, target)
        yield found
        found.old.close()
        found.copy.close()


@pytest.mark.timeout(300)
def test_an_upgrade_loses_nothing_and_repeats_only_what_a_sink_may_not_have_taken(upgraded: Upgraded) -> None:
    target, old = upgraded.target, upgraded.old
    target.admit = _refuse_one_and_hold_some(target)
    old.call("install")
    old.call("run", "--once")
    old.configure(sinks=upgraded.sinks, daemon=SMALL)
    daemon = old.start()
    daemon.await_event("feed_planned")
    # A sink in mid-delivery: the receiver takes a batch and does not answer.
    execute(old.dsn, "UPDATE item SET code = 'held' WHERE id BETWEEN 101 AND 110")
    eventually("the request is held", lambda: any(b"held" in each.content for each in target.requests))
    for sink in ("out", "copy"):
        daemon.await_event("batch_delivered", sink=sink)
    # A backlog, of which the daemon recomputes a part at most.
    execute(old.dsn, "UPDATE item SET amount = -amount WHERE id > 150")
    daemon.await_event("pending_added")
    daemon.kill()
    # Entries that no daemon read.
    execute(
        old.dsn,
        "UPDATE item SET code = 'unread' WHERE id <= 5; DELETE FROM item WHERE id = 6;"
        "INSERT INTO item VALUES (1000, 'new', 0)",
    )
    before = upgraded.sent()

    new = upgraded.upgrade()
    new.install()
    (feed,) = new.read_status().feeds
    assert feed.backlog > 0
    assert {sink.sink: sink.failed_items for sink in feed.sinks} == {"out": 0, "web": 1, "copy": 0}
    target.admit = lambda request, _: answer(422, b"no") if b"refused" in request.content else None
    new.run_once()

    wanted, after = upgraded.queried(), upgraded.sent()
    assert _folded(after["out"]) == upgraded.copied() == wanted
    assert _folded(after["web"]) == {key: wanted[key] for key in wanted if key != 7}
    repeated = {
        sink: [key for key, document in after[sink][len(sent) :] if dict(sent).get(key, ...) == document]
        for sink, sent in before.items()
    }
    assert repeated == {"out": [], "web": list(range(101, 111))}
    # The failed item is still there to be tried again.
    target.admit = lambda _request, _under_way: None
    new.call("retry", "items", "--sink", "web")
    new.run_once()
    assert _folded(upgraded.sent()["web"]) == wanted


def test_the_old_version_refuses_the_new_schema_with_the_reason_and_touches_nothing(
    database: str, tmp_path: Path
) -> None:
    execute(database, SCHEMA)
    new = Bed(tmp_path, database, FEEDS)
    new.install()
    old = Released(tmp_path, database, FEEDS)
    for arguments in (("run", "--once"), ("install",)):
        done = old.finish(*arguments)
        assert done.returncode == 1, arguments
        assert "a later version of cdc-daemon changed this schema: run 0.2.0 or later" in done.stderr
    new.write()
    assert new.wanted() == []


def test_a_shallow_clone_tells_what_the_tests_of_upgrades_need(tmp_path: Path) -> None:
    clone = ["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(tmp_path / "clone")]
    subprocess.run(clone, check=True, timeout=60)
    with pytest.raises(pytest.fail.Exception, match="git fetch --unshallow"):
        unpacked("0.1.0", tmp_path / "clone")


def _refuse_one_and_hold_some(target: Target) -> Callable[[Request, int], Script | None]:
    def admit(request: Request, _: int) -> Script | None:
        if b"refused" in request.content:
            return answer(422, b"no")
        return never(target) if b"held" in request.content else None

    return admit
