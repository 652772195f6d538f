"""`python -m bench`: runs every measurement, or those that are named."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click
import psycopg

from bench import (
    capture,
    commerce,
    dashboard,
    dead_sink,
    first_sync,
    growth,
    history,
    idle,
    latency,
    sinks,
    status,
    throughput,
    trace,
    verification,
)
from bench.daemon import CommandFailed
from bench.figure import Figure
from bench.machine import described
from bench.place import SETTINGS, Place
from cdc_daemon.errors import CdcError
from cdc_daemon.pg.embedded import EmbeddedServer
from cdc_daemon.pg.session import connect

RESULTS = Path(__file__).parent / "results.md"

MEASUREMENTS: Mapping[str, Callable[[Place], Iterator[Figure]]] = {
    "capture": capture.measure,
    "first-sync": first_sync.measure,
    "latency": latency.measure,
    "throughput": throughput.measure,
    "history": history.measure,
    "sinks": sinks.measure,
    "growth": growth.measure,
    "commerce": commerce.measure,
    "dashboard": dashboard.measure,
    "dead-sink": dead_sink.measure,
    "idle": idle.measure,
    "status": status.measure,
    "trace": trace.measure,
    "verification": verification.measure,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(list(MEASUREMENTS)))
@click.option(
    "--scale", type=click.IntRange(min=1000), help="Products in the shop (the larger one of growth)."
)
@click.option("--quick", is_flag=True, help="Small shops and few rounds: whether it works, not how fast.")
@click.option(
    "--results",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the table there. Default: bench/results.md after a whole run at full scale.",
)
def main(names: Sequence[str], scale: int | None, quick: bool, results: Path | None) -> None:
    """Measure cdc-daemon and compare the figures with aims, on a private server with fsync on.

    Each ratio is of two measurements that alternate in this run. The table shows the median and, in brackets,
    the least and the greatest value. It also shows figures that miss their aim.
    """
    # SIGTERM, like Ctrl-C, also stops the server.
    signal.signal(signal.SIGTERM, _end)
    figures: list[Figure] = []
    failed = False
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="cdc-daemon-bench-", dir="/var/tmp"))  # a disk, not memory
    server = EmbeddedServer(folder / "server", settings=SETTINGS)
    try:
        server.start()
        with connect(server.dsn(), purpose="bench") as connection:
            machine = described(connection)
        click.echo(machine)
        place = Place(server, folder, scale, quick)
        for name in names or MEASUREMENTS:
            try:
                for figure in MEASUREMENTS[name](place):
                    figures.append(figure)
                    click.echo(_line(figure))
            except (CommandFailed, CdcError, psycopg.Error, AssertionError) as error:
                failed = True
                click.echo(f"{name} could not be measured: {error}", err=True)
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)
    if results is None and not (names or scale or quick or failed):
        results = RESULTS
    if results is not None:
        results.write_text(_page(figures, machine, time.monotonic() - started), "utf-8")
        click.echo(f"written to {results}")
    sys.exit(1 if failed else 0)


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _line(figure: Figure) -> str:
    aim = f"   aim {figure.aim}: {figure.verdict}" if figure.aim else ""
    return f"\n{figure.name}\n    {figure.shown}{aim}\n    {figure.made_of}"


def _page(figures: Sequence[Figure], machine: str, seconds: float) -> str:
    rows = [
        f"| {figure.name} | {figure.shown} | {figure.aim or ''} | {figure.verdict} | {figure.made_of} |"
        for figure in figures
    ]
    return "\n".join(
        [
            "# What `make bench` measured",
            "",
            f"{machine}. One run of {seconds / 60:.0f} minutes; median (least–greatest).",
            "",
            "| What | Measured | Aim | | Made of |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    main()
