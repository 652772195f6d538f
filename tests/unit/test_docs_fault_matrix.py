"""Every row of the fault matrix in docs/operating.md names tests that exist and events of the log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cdc_daemon.events import EVENTS

ROOT = Path(__file__).parents[2]
HEADING = "## Faults, one by one\n"
COLUMNS = ["Fault", "Noticed after", "What the log and `status` say", "What a person does", "Test"]
_TEST = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
_EVENT = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")
_NO_EVENTS = frozenset({"drain_seconds", "max_attempts", "lag_unknown"})


class Row(NamedTuple):
    """Cells of a row of the matrix."""

    fault: str
    noticed: str
    said: str
    to_do: str
    tests: str


def rows(text: str) -> Iterator[Row]:
    section = text[text.index(HEADING) + len(HEADING) :].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("|") and not line.startswith("| ---"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            if cells != COLUMNS:
                yield Row(*cells)


def faults_of(row: Row) -> Iterator[str]:
    """What is wrong with a row."""
    if not all(row):
        yield "an empty cell"
    named = _TEST.findall(row.tests)
    if not named or _TEST.sub("", row.tests).strip(", "):
        yield "something else than tests in the last column"
    for file, test in named:
        path = ROOT / "tests" / file
        if not path.is_file() or f"\ndef {test}(" not in path.read_text("utf-8"):
            yield f"no test {file}::{test}"
    for event in set(_EVENT.findall(row.said)) - _NO_EVENTS - EVENTS.keys():
        yield f"no event {event}"


MATRIX = list(rows((ROOT / "docs" / "operating.md").read_text("utf-8")))


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.fault)
def test_every_fault_names_tests_and_events_that_exist(row: Row) -> None:
    assert list(faults_of(row)) == []


def test_no_fault_stands_there_twice() -> None:
    assert len({row.fault for row in MATRIX}) == len(MATRIX) > 0


def test_a_row_that_names_nothing_or_what_is_not_there_is_found() -> None:
    row = Row("a", "b", "`sink_exploded`", "", "see `unit/test_log.py::test_nothing_of_this_name`")
    assert list(faults_of(row)) == [
        "an empty cell",
        "something else than tests in the last column",
        "no test unit/test_log.py::test_nothing_of_this_name",
        "no event sink_exploded",
    ]
