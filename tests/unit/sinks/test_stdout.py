"""The stdout sink in a process of its own, whose reader goes away, stops reading, or is a full disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_DELIVER = """
import sys
from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.stdout import StdoutSettings
from tests.unit.sinks.target import record

sink = StdoutSettings(timeout_seconds=0.2).open("screen")
large = record(1, b'{"t":"%s"}' % (b"x" * 100_000))
for number in (1, 2):
    try:
        sink.deliver("products", [large, record(2), record(3)])
    except SinkUnavailable as error:
        print(error, error.hint, sep=" | ", file=sys.stderr, flush=True)
    if number == 1:
        sys.stdin.readline()
"""


def _start(stdout: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _DELIVER], stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE
    )


def test_a_reader_that_went_away_makes_the_sink_unavailable_and_not_the_process_end() -> None:
    process = _start(subprocess.PIPE)
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(b"\n")
    assert process.returncode == 0
    fault = (
        "sink screen, feed products: standard output takes nothing: Broken pipe"
        " | keep the program that reads it running, or use a file sink"
    )
    assert said.decode().splitlines() == [fault, fault]


def test_a_full_disk_behind_it_makes_the_sink_unavailable() -> None:
    with Path("/dev/full").open("wb") as full:
        process = _start(full.fileno())
        _, said = process.communicate(b"\n")
    assert process.returncode == 0
    assert said.count(b"No space left on device") == 2


def test_a_line_that_a_stopped_reader_has_half_of_is_finished_before_the_next_begins() -> None:
    process = _start(subprocess.PIPE)
    assert process.stderr
    assert b"nobody reads it" in process.stderr.readline()  # the pipe is full in the middle of the first line
    output, said = process.communicate(b"\n")
    assert (process.returncode, said) == (0, b"")
    assert [json.loads(line)["revision"] for line in output.splitlines()] == [1, 1, 2, 3]
