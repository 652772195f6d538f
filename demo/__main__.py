"""`make demo`, from an empty folder to the comparison of all documents.

Variables: DEMO_PRODUCTS (2000), DEMO_SECONDS (30; more to look at the dashboard for longer), DEMO_LISTEN (the
dashboard's address; 127.0.0.1:0, a free port), DEMO_FEEDS (all; names, separated by commas), DEMO_FOLDER
(var/demo; emptied before and after), DEMO_KEEP=1 (keep the folder at the end).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import psycopg

from cdc_daemon.commerce.load import create
from cdc_daemon.commerce.size import Size
from cdc_daemon.errors import CdcError
from cdc_daemon.pg.embedded import EmbeddedServer
from cdc_daemon.pg.session import Connection, connect
from demo.daemon import CommandFailed, Daemon, Figures
from demo.proof import compare, fold, query_documents
from demo.workload import Workload

SOURCE = Path(__file__).parent
CONFIG = SOURCE.parent / "config"
FOLDER = Path(os.environ.get("DEMO_FOLDER", SOURCE.parent / "var" / "demo")).absolute()
COLUMNS = (
    "second",
    "writes",
    "captured",
    "recomputed",
    "unchanged",
    "changed",
    "deleted",
    "delivered",
    "lag",
)
SHOWN_KEYS = 5


def main() -> int:
    """Run the demo. Return 0 if every delivered document equals its query, else 1."""
    products = int(os.environ.get("DEMO_PRODUCTS", "2000"))
    seconds = float(os.environ.get("DEMO_SECONDS", "30"))
    # SIGINT too: a shell ignores it for background jobs, and Python keeps that setting.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    server = EmbeddedServer(FOLDER / "server")
    _clear(server)
    FOLDER.mkdir(parents=True)
    try:
        return _tell(server, products, seconds)
    except (CommandFailed, CdcError, psycopg.Error) as error:
        click.secho(f"\nThe demo failed. {error}", fg="red", err=True)
        return 1
    except KeyboardInterrupt:
        click.echo("\nInterrupted before there was anything to prove.", err=True)
        return 130
    finally:
        if os.environ.get("DEMO_KEEP") == "1":
            server.stop()
            click.echo(f"Kept: {FOLDER}")
        else:
            _clear(server)


def _tell(server: EmbeddedServer, products: int, seconds: float) -> int:
    (FOLDER / "commerce.toml").write_text(_configuration(), "utf-8")
    shutil.copytree(CONFIG / "feeds" / "commerce", FOLDER / "feeds" / "commerce")
    _step("Starting an embedded PostgreSQL", server.start)
    dsn = server.create_database("shop")
    with connect(dsn, search_path="public", purpose="demo") as connection:
        _load(connection, Size(products, orders=products // 5))
    daemon = Daemon(FOLDER / "commerce.toml", dsn, state=FOLDER / "state")
    workload = Workload(dsn)
    try:
        _step("Installing capture", lambda: daemon.call("install"))
        _step("First sync", lambda: daemon.call("run", "--once"))
        first = daemon.figures()
        click.echo(f"  {first.delivered:,} documents delivered to {FOLDER / 'out'}")
        _step("Starting the daemon", daemon.start)
        workload.start()
        with connect(dsn, search_path="public", purpose="demo") as connection:
            _watch(connection, daemon, workload, first, seconds)
        workload.stop()
        daemon.stop()
        _step("Workload and daemon stopped; catching up", lambda: daemon.call("run", "--once"))
    finally:
        daemon.kill()
    return _prove(dsn, daemon, workload, first)


def _configuration() -> str:
    """The configuration of the thirteen feeds, or of those that DEMO_FEEDS names."""
    text = (CONFIG / "commerce.toml").read_text("utf-8")
    named = os.environ.get("DEMO_FEEDS")
    if not named:
        return text
    kept = {f"[feeds.{name}]" for name in named.split(",")}
    tables = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    return "".join(
        table for table in tables if not table.startswith("[feeds.") or table.partition("\n")[0] in kept
    )


def _load(connection: Connection, size: Size) -> None:
    rows, begin = 0, time.monotonic()
    with click.progressbar(length=size.products + size.orders, label="Loading the shop") as bar:
        for part in create(connection, size, today=datetime.now(UTC).date().isoformat()):
            rows += len(part.lines)
            bar.update(part.weight)
    click.echo(
        f"  {size.products:,} products, {size.orders:,} orders, {size.store_views} store views: "
        f"{rows:,} rows in {time.monotonic() - begin:.1f} s"
    )


def _watch(
    connection: Connection, daemon: Daemon, workload: Workload, first: Figures, seconds: float
) -> None:
    """Print one line a second until the time is over, Ctrl-C, or the end of the workload or the daemon."""
    click.echo(f"\nThe daemon runs; a workload writes for {seconds:g} seconds (Ctrl-C ends it).")
    if url := daemon.dashboard():
        click.secho(f"Its dashboard is at {url} until then.", bold=True)
    click.echo("unchanged = recomputed, equal to what was sent before, dropped\n")
    click.secho("".join(name.rjust(11) for name in COLUMNS), bold=True)
    before, written, captured, begin = first, 0, 0, time.monotonic()
    try:
        for second in range(1, int(seconds) + 1):
            workload.join(max(0.0, begin + second - time.monotonic()))
            now, writes, entries = daemon.figures(), workload.done.total(), _captured(connection)
            new = now - before
            cells = (second, writes - written, entries - captured, new.recomputed, new.unchanged, new.upserts)
            lag = f"{new.lag_seconds * 1000:,.0f} ms" if new.passes else "–"
            row = [f"{cell:,}" for cell in (*cells, new.deletes, new.delivered)]
            click.echo("".join(cell.rjust(11) for cell in (*row, lag)))
            before, written, captured = now, writes, entries
            if not workload.is_alive() or not daemon.runs():
                return
    except KeyboardInterrupt:
        click.echo("\nStopping.")


def _prove(dsn: str, daemon: Daemon, workload: Workload, first: Figures) -> int:
    done = ", ".join(f"{count} × {kind}" for kind, count in workload.done.most_common())
    live = daemon.figures() - first
    click.echo(f"\nWritten: {done or 'nothing'}.")
    feeds = tomllib.loads((FOLDER / "commerce.toml").read_text("utf-8"))["feeds"]
    wrong = False
    with connect(dsn, search_path="public", purpose="demo") as connection:
        click.echo(
            f"{workload.done.total():,} writes, {_captured(connection):,} entries captured, "
            f"{live.recomputed:,} documents recomputed, {live.unchanged:,} of them dropped as unchanged, "
            f"{live.delivered:,} delivered.\n"
        )
        for feed, settings in feeds.items():
            wanted = query_documents(
                connection, (FOLDER / settings["query"]).read_text("utf-8"), settings["key"]
            )
            difference = compare(
                fold(FOLDER / "out" / f"{feed}.ndjson", settings["key"]),
                wanted,
                without=settings.get("hash_exclude", ()),
            )
            size = sum(len(document) for document in wanted.values())
            if not difference:
                click.secho(f"  {feed}: {len(wanted):,} documents, {size:,} bytes, all equal", fg="green")
                continue
            wrong = True
            click.secho(f"  {feed}: delivered documents differ from the query", fg="red")
            for what in ("missing", "surplus", "other"):
                if keys := getattr(difference, what):
                    click.echo(f"    {what}: {len(keys):,}, first {', '.join(keys[:SHOWN_KEYS])}")
    if wrong:
        click.secho("\nDelivered documents and queries differ.", fg="red", bold=True)
    else:
        click.secho(
            "\nProven: folding the delivered records gives what the queries say, byte for byte "
            "(but for fields that `hash_exclude` names).",
            bold=True,
        )
    return int(wrong)


def _captured(connection: Connection) -> int:
    row = connection.execute((SOURCE / "captured.sql").read_bytes()).fetchone()
    return row[0] if row else 0


def _step(what: str, do: Callable[[], object]) -> None:
    click.echo(f"{what} … ", nl=False)
    begin = time.monotonic()
    try:
        do()
    except BaseException:
        click.echo("failed")
        raise
    click.echo(f"{time.monotonic() - begin:.1f} s")


def _clear(server: EmbeddedServer) -> None:
    if server.directory.exists():
        server.remove()
    shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
