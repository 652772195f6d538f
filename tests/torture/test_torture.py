"""Half a minute of `make torture`, always from the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Command, execute
from tests.support.shop import FEEDS, SCHEMA
from tests.torture.equality import differences
from tests.torture.rounds import torture

SEED = 2
SECONDS = 30.0  # the nightly tier has an hour
KINDS = ("http", "nats", "postgres", "redis")


@pytest.mark.timeout(600)  # the faults have a bound of time, and what follows has the machine's
def test_after_every_fault_at_once_each_sink_holds_what_the_query_says(tmp_path: Path) -> None:
    report = torture(tmp_path, seed=SEED, seconds=SECONDS, round_seconds=SECONDS, kinds=KINDS)
    print(report)
    assert report.findings == []
    assert report.commits > 0
    assert report.faults.total() > 0


def test_a_sink_that_lacks_a_document_or_has_another_one_is_named(database: str, tmp_path: Path) -> None:
    execute(database, SCHEMA)
    command = Command(tmp_path, database, FEEDS)
    command.call("install")
    command.call("run", "--once")
    assert list(differences(command, FEEDS, [])) == []
    lines = command.file("products").read_bytes().splitlines(keepends=True)
    ours = next(line for line in lines if b'"product 7"' in line)
    command.file("products").write_bytes(b"".join(lines).replace(ours, ours.replace(b"product 7", b"other")))
    command.file("categories").unlink()
    products, categories = differences(command, FEEDS, [])
    assert products.startswith("file, products: 60 documents wanted, 60 held; missing 1 ({")
    assert categories.startswith("file, categories: 5 documents wanted, 0 held; missing 5 ({")
