"""The file sink sets files aside by size and by time, whatever happens meanwhile."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.file import FileSettings, FileSink
from tests.unit.sinks.target import record

LINE = len(record(1).encode()) + 1


def opened(path: Path, **settings: object) -> FileSink:
    return FileSettings.model_validate({"path": str(path), **settings}).open("archive")


def deliver(sink: FileSink, *numbers: int) -> None:
    sink.deliver("products", [record(number) for number in numbers])


def contents(folder: Path) -> list[list[int]]:
    """The revisions in each file, in the order of the names, the one that is written now last."""
    files = sorted(folder.iterdir(), key=lambda path: (path.name == "products.ndjson", path.name))
    return [[json.loads(line)["revision"] for line in path.read_bytes().splitlines()] for path in files]


def written_at(path: Path, moment: float) -> None:
    os.utime(path, (moment, moment))


def test_no_file_grows_past_the_size_and_names_sort_by_age(tmp_path: Path) -> None:
    sink = opened(tmp_path / "products.ndjson", rotate_bytes=3 * LINE)
    for number in range(1, 9):
        deliver(sink, number)
    sink.close()
    assert contents(tmp_path) == [[1, 2, 3], [4, 5, 6], [7, 8]]


def test_a_batch_larger_than_the_size_stands_alone(tmp_path: Path) -> None:
    sink = opened(tmp_path / "products.ndjson", rotate_bytes=2 * LINE)
    deliver(sink, 1, 2, 3, 4)
    deliver(sink, 5)
    sink.close()
    assert contents(tmp_path) == [[1, 2, 3, 4], [5]]


def test_a_new_period_begins_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "products.ndjson"
    sink = opened(path, rotate_seconds=3600)
    deliver(sink, 1)
    written_at(path, path.stat().st_mtime - 3600)
    deliver(sink, 2)
    deliver(sink, 3)
    sink.close()
    assert contents(tmp_path)[:1] == [[1]]
    assert [revision for file in contents(tmp_path) for revision in file] == [1, 2, 3]


def test_a_restart_within_the_period_goes_on_with_the_file_and_after_it_with_another(tmp_path: Path) -> None:
    path = tmp_path / "products.ndjson"
    for number in (1, 2):
        sink = opened(path, rotate_seconds=10**9)
        deliver(sink, number)
        sink.close()
    written_at(path, 1.0)
    sink = opened(path, rotate_seconds=10**9)
    deliver(sink, 3)
    sink.close()
    assert contents(tmp_path) == [[1, 2], [3]]


def test_the_name_says_when_the_file_was_last_written_before_its_endings(tmp_path: Path) -> None:
    path = tmp_path / "products.v1.ndjson.gz"
    sink = opened(path, compression="gzip", rotate_seconds=3600)
    deliver(sink, 1)
    written_at(path, 1735787045.25)
    deliver(sink, 2)
    sink.close()
    aside = tmp_path / "products-20250102T030405.250000Z.v1.ndjson.gz"
    assert sorted(tmp_path.iterdir()) == [aside, path]
    assert json.loads(gzip.decompress(aside.read_bytes()))["revision"] == 1


def test_a_file_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "products.ndjson"
    sink = opened(path, rotate_seconds=3600)
    for number in (1, 2, 3):
        deliver(sink, number)
        written_at(path, 1735787045.25)
    sink.close()
    assert contents(tmp_path) == [[1], [2], [3]]


def test_an_empty_file_is_not_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "products.ndjson"
    path.touch()
    written_at(path, 1.0)
    sink = opened(path, rotate_seconds=3600, rotate_bytes=1)
    deliver(sink, 1)
    sink.close()
    assert contents(tmp_path) == [[1]]


def test_a_torn_line_is_repaired_before_its_file_is_set_aside_and_keeps_its_period(tmp_path: Path) -> None:
    path = tmp_path / "products.ndjson"
    path.write_bytes(record(1).encode() + b"\n" + record(2).encode()[:30])
    written_at(path, 1.0)
    sink = opened(path, rotate_seconds=3600)
    deliver(sink, 3)
    sink.close()
    assert contents(tmp_path) == [[1], [3]]


def test_a_crash_between_setting_aside_and_writing_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = opened(tmp_path / "products.ndjson", rotate_bytes=LINE)
    deliver(sink, 1)
    rename = os.rename

    def crash(source: str, target: str, **folders: int) -> None:
        rename(source, target, **folders)
        raise KeyboardInterrupt  # a crash can't be had in this process; what is on the disk is the same

    monkeypatch.setattr(os, "rename", crash)
    with pytest.raises(KeyboardInterrupt):
        deliver(sink, 2)
    monkeypatch.undo()
    assert contents(tmp_path) == [[1]]
    again = opened(tmp_path / "products.ndjson", rotate_bytes=LINE)
    deliver(again, 2)
    again.close()
    assert contents(tmp_path) == [[1], [2]]


def test_daemons_that_take_turns_set_one_file_aside_once(tmp_path: Path) -> None:
    sinks = [opened(tmp_path / "products.ndjson", rotate_bytes=2 * LINE) for _ in range(2)]
    for number in range(1, 8):
        deliver(sinks[number % 2], number)
    for sink in sinks:
        sink.close()
    assert contents(tmp_path) == [[1, 2], [3, 4], [5, 6], [7]]


def test_a_folder_in_which_nothing_can_be_renamed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = opened(tmp_path / "products.ndjson", rotate_bytes=LINE)
    deliver(sink, 1)

    def refused(source: str, target: str, **folders: int) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "rename", refused)  # root, as which tests may run, is refused nothing
    with pytest.raises(SinkUnavailable, match="Permission denied"):
        deliver(sink, 2)
    monkeypatch.undo()
    deliver(sink, 2)
    sink.close()
    assert contents(tmp_path) == [[1], [2]]
