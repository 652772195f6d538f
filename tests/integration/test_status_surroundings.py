"""`status` tells what keeps something waiting, what it costs, and whether all is well."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import conninfo_to_dict

from cdc_daemon.cli import main
from cdc_daemon.errors import CdcError
from cdc_daemon.insight import blocking
from cdc_daemon.insight.health import health
from cdc_daemon.insight.status import Status, read_status
from cdc_daemon.insight.write_cost import measure
from cdc_daemon.pg.session import connect
from cdc_daemon.workers import control
from cdc_daemon.workers.presence import Presence
from tests.support.command import Running, execute
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]


@pytest.fixture
def feeds(database: str, tmp_path: Path) -> Synced:
    return Synced(tmp_path, database)


def status(feeds: Synced) -> Status:
    with connect(feeds.dsn) as session:
        return read_status(session, feeds.settings)


def cli(feeds: Synced, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(feeds.config), *arguments])


def test_an_open_writer_that_a_first_sync_waits_for_is_named(feeds: Synced) -> None:
    with psycopg.connect(feeds.dsn, application_name="a shop") as writer:
        writer.execute("UPDATE item SET price = 3 WHERE id = 1")
        (found,) = status(feeds).blockers
        assert (found.pid, found.program) == (writer.info.backend_pid, "a shop")
        assert found.state == "idle in transaction"
        assert found.query == "UPDATE item SET price = 3 WHERE id = 1"
        assert found.since is not None
        assert list(found.blocks) == ["the first sync of feed items waits for its end"]
        shown = cli(feeds, "status").output
        assert f"blocking: pid {writer.info.backend_pid} (role {writer.info.user}, a shop, idle in" in shown
    assert status(feeds).blockers == []


def test_a_prepared_writer_that_a_first_sync_waits_for_is_named_by_its_identifier(feeds: Synced) -> None:
    with psycopg.connect(feeds.dsn, autocommit=True) as session:
        session.execute("BEGIN; UPDATE item SET price = 3 WHERE id = 1; PREPARE TRANSACTION 'shop-7'")
        try:
            (found,) = status(feeds).blockers
            assert (found.pid, found.gid, found.state) == (None, "shop-7", "prepared")
            assert list(found.blocks) == ["the first sync of feed items waits for its end"]
        finally:
            session.execute("ROLLBACK PREPARED 'shop-7'")
    assert status(feeds).blockers == []


def test_a_lock_that_a_worker_waits_for_is_named_with_its_holder(feeds: Synced) -> None:
    feeds.sync()
    with (
        psycopg.connect(feeds.dsn) as holder,
        connect(feeds.dsn, purpose="feed items", lock_timeout_seconds=30) as worker,
    ):
        holder.execute("LOCK TABLE item")
        waiting = threading.Thread(target=worker.execute, args=("SELECT FROM public.item",))
        waiting.start()
        deadline = time.monotonic() + 20
        while not (found := status_of_locks(feeds)) and time.monotonic() < deadline:
            time.sleep(0.02)
        (blocker,) = found
        assert blocker.pid == holder.info.backend_pid
        assert blocker.blocks[0].startswith("feed items waits for a lock for ")
        holder.rollback()
        waiting.join()


def status_of_locks(feeds: Synced) -> list[blocking.Blocker]:
    with connect(feeds.dsn) as session:
        return blocking.read_blockers(session, {})


def test_an_old_transaction_is_named(feeds: Synced, monkeypatch: pytest.MonkeyPatch) -> None:
    feeds.sync()
    monkeypatch.setattr(blocking, "OLD_SECONDS", 0.0)
    with psycopg.connect(feeds.dsn) as reader:
        reader.execute("SELECT pg_current_xact_id()")
        found = {blocker.pid: blocker for blocker in status(feeds).blockers}
        assert "VACUUM and the emptying of changelogs wait for it" in found[reader.info.backend_pid].blocks


def test_sizes_are_told_by_table_and_the_cost_of_capture_where_the_server_measures_it(feeds: Synced) -> None:
    feeds.sync()
    sizes = status(feeds).sizes
    assert {"feed_items", "feed_items_log", "changelog_public_item"} <= set(sizes)
    assert min(sizes.values()) >= 0
    name = conninfo_to_dict(feeds.dsn)["dbname"]
    execute(feeds.dsn, f"ALTER DATABASE {name} SET track_functions = 'pl'")
    with connect(feeds.dsn, search_path="public") as writer:  # one that began after the setting
        writer.execute("UPDATE item SET price = price + 1")
        writer.execute("UPDATE item SET price = price + 1")
    deadline = time.monotonic() + 20
    while not (costs := status(feeds).write_costs) and time.monotonic() < deadline:
        time.sleep(0.02)  # a session hands its statistics over when it ends
    (cost,) = costs
    assert (cost.table, cost.statements) == ("public.item", 2)
    assert cost.milliseconds > 0


def test_the_cost_of_a_write_is_measured_and_leaves_nothing(feeds: Synced) -> None:
    before = feeds.value("SELECT json_agg(i ORDER BY id)::text FROM item AS i")
    with connect(feeds.dsn) as session:
        found = measure(session, "public", "item")
        assert (found.column, found.changes) == ("code", True)
        assert 0 < found.capture_milliseconds < found.milliseconds
        with pytest.raises(CdcError, match="no row with a column"):
            measure(session, "public", "other")
    # A constraint that takes no other value: the row is written as it is.
    execute(feeds.dsn, "ALTER TABLE item ADD CHECK (code ~ '^c[0-9]$' AND price = id + 0.50)")
    told = json.loads(cli(feeds, "cost", "public.item", "--json").output)
    assert (told["table"], told["changes"]) == ("public.item", False)
    assert "capture takes" in cli(feeds, "cost", "item").output
    assert feeds.value("SELECT json_agg(i ORDER BY id)::text FROM item AS i") == before
    assert feeds.value("SELECT count(*) FROM cdc.changelog_public_item") == 0


def test_exit_codes_tell_whether_all_is_well(feeds: Synced) -> None:
    feeds.sync()
    assert cli(feeds, "status").exit_code == 0
    assert cli(feeds, "status", "--exit-code").exit_code == 2
    with connect(feeds.dsn, purpose="watcher") as daemon:
        Presence(lambda: "an id/1", "cdc-daemon", ("items",), ("file",)).show(daemon)
        assert cli(feeds, "status", "items", "--exit-code").exit_code == 0
        with connect(feeds.dsn) as session:
            control.pause(session, "file", None, reason=None)
        assert cli(feeds, "status", "--exit-code").exit_code == 1
        assert health(status(feeds)).reasons == ["sink file, feed items: paused"]
        told = json.loads(cli(feeds, "status", "--json").output)
        assert told["health"] == {"level": "degraded", "reasons": ["sink file, feed items: paused"]}
    assert health(status(feeds)).level == "down"


def test_a_feed_can_be_chosen(feeds: Synced) -> None:
    assert "feed items: new" in cli(feeds, "status", "items").output
    mistaken = cli(feeds, "status", "itms")
    assert mistaken.exit_code == 2
    assert "`items`, the nearest known name" in mistaken.output


def test_a_watched_status_is_drawn_again_until_ctrl_c(feeds: Synced) -> None:
    # A shell that started the tests in the background has them ignore SIGINT, and their programs too.
    watching = Running(
        feeds.arguments("status", "--watch"), preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )
    deadline = time.monotonic() + 60
    while watching.text().count("feed items: new") < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert watching.text().count("feed items: new") >= 2
    assert watching.end(signal.SIGINT) == 0
