"""The file sink: crashes, full disks, rotation and second writers."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.file import FileSettings, FileSink
from tests.unit.sinks.target import record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "products.ndjson"


@pytest.fixture
def sink(path: Path) -> Iterator[FileSink]:
    opened = FileSettings(path=str(path)).open("archive")
    yield opened
    opened.close()


def revisions(path: Path) -> list[int]:
    content = path.read_bytes()
    assert content == b"" or content.endswith(b"\n")
    return [json.loads(line)["revision"] for line in content.splitlines()]


def test_each_feed_has_the_file_that_its_placeholder_names(tmp_path: Path) -> None:
    sink = FileSettings(path=str(tmp_path / "{sink}" / "{feed}.ndjson")).open("archive")
    sink.deliver("products", [record(1)])
    sink.deliver("prices", [record(2, feed="prices")])
    sink.close()
    assert revisions(tmp_path / "archive" / "products.ndjson") == [1]
    assert revisions(tmp_path / "archive" / "prices.ndjson") == [2]


def test_the_disk_has_file_and_folders_before_deliver_returns(
    sink: FileSink, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, int]] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), os.fstat(descriptor).st_size))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)  # the real call is made; a power cut can't be had here
    sink.deliver("products", [record(1)])
    assert [name for name, _ in synced] == [str(path.parent.parent), str(path.parent), str(path)]
    assert synced[-1][1] == path.stat().st_size > 0
    sink.deliver("products", [record(2)])
    assert [name for name, _ in synced[3:]] == [str(path)]
    assert synced[-1][1] == path.stat().st_size


def test_a_line_torn_anywhere_by_a_crash_is_repaired(path: Path) -> None:
    path.parent.mkdir()
    whole, torn = record(1).encode() + b"\n", record(2).encode()
    for length in range(1, len(torn) + 1):
        path.write_bytes(whole + torn[:length])
        sink = FileSettings(path=str(path)).open("archive")
        sink.deliver("products", [record(3)])
        sink.close()
        assert revisions(path) == [1, 3], length


def test_a_torn_first_line_is_repaired(sink: FileSink, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(record(1).encode()[:-1])
    sink.deliver("products", [record(2)])
    assert revisions(path) == [2]


def test_zeros_that_a_power_cut_left_are_cut_off(sink: FileSink, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(record(1).encode() + b"\n" + b"\0" * 5000)
    sink.deliver("products", [record(2)])
    assert revisions(path) == [1, 2]


def test_a_torn_line_of_many_blocks_is_repaired_without_reading_the_whole_file(
    sink: FileSink, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir()
    torn = record(2, b'{"t":"%s"}' % (b"x" * 200_000)).encode()[:-2]
    path.write_bytes((record(1).encode() + b"\n") * 20_000 + torn)
    read = 0
    pread = os.pread

    def counted(descriptor: int, size: int, offset: int) -> bytes:
        nonlocal read
        read += size
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", counted)  # counts; the real call is made
    sink.deliver("products", [record(3)])
    assert read < len(torn) + 2 * 64 * 1024
    assert revisions(path)[-2:] == [1, 3]


def test_a_line_torn_by_another_daemon_while_ours_has_the_file_open_is_repaired(
    sink: FileSink, path: Path
) -> None:
    sink.deliver("products", [record(1)])
    with path.open("ab") as other:
        other.write(record(2).encode()[:40])
    sink.deliver("products", [record(3)])
    assert revisions(path) == [1, 3]


def test_somebody_elses_file_is_left_as_it_is(sink: FileSink, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"first\nsecond, not closed")
    with pytest.raises(SinkUnavailable, match="not a record") as raised:
        sink.deliver("products", [record(1)])
    assert raised.value.hint
    assert path.read_bytes() == b"first\nsecond, not closed"


def test_a_file_moved_by_logrotate_is_noticed(sink: FileSink, path: Path) -> None:
    sink.deliver("products", [record(1)])
    path.rename(path.with_suffix(".1"))
    sink.deliver("products", [record(2)])
    assert (revisions(path.with_suffix(".1")), revisions(path)) == ([1], [2])


def test_a_file_replaced_by_an_empty_one_is_noticed(sink: FileSink, path: Path) -> None:
    sink.deliver("products", [record(1)])
    path.rename(path.with_suffix(".1"))
    path.touch()
    sink.deliver("products", [record(2)])
    assert revisions(path) == [2]


def test_a_deleted_file_and_folder_are_made_again(sink: FileSink, path: Path) -> None:
    sink.deliver("products", [record(1)])
    path.unlink()
    path.parent.rmdir()
    sink.deliver("products", [record(2)])
    assert revisions(path) == [2]


def test_a_file_cut_to_nothing_by_copytruncate_goes_on_from_its_beginning(sink: FileSink, path: Path) -> None:
    sink.deliver("products", [record(1)])
    os.truncate(path, 0)
    sink.deliver("products", [record(2)])
    assert revisions(path) == [2]


_FULL = """
import json, resource, sys
from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.file import FileSettings
from tests.unit.sinks.target import record

path, limit = sys.argv[1], int(sys.argv[2])
sink = FileSettings(path=path).open("archive")
sink.deliver("products", [record(1)])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    sink.deliver("products", [record(n) for n in range(2, 1000)])
except SinkUnavailable as error:
    with open(path, "rb") as file:
        json.dump({"error": str(error), "hint": error.hint, "file": file.read().decode()}, sys.stdout)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
sink.deliver("products", [record(2)])
"""


def test_what_a_full_disk_took_of_a_batch_is_cut_off_again(path: Path) -> None:
    # A limit of the file's size fails as a full disk does: a part is written, then an error.
    ended = subprocess.run(
        [sys.executable, "-c", _FULL, str(path), "10000"], capture_output=True, check=True, text=True
    )
    seen = json.loads(ended.stdout)
    assert seen["file"] == record(1).encode().decode() + "\n"
    assert "products.ndjson: can't be written: File too large" in seen["error"]
    assert "rotate" in seen["hint"]
    assert revisions(path) == [1, 2]


def test_a_failed_fsync_is_not_trusted_the_second_time(
    sink: FileSink, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.deliver("products", [record(1)])
    before = path.stat().st_size
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", failing)  # a failing disk can't be had here
    with pytest.raises(SinkUnavailable, match="Input/output error") as raised:
        sink.deliver("products", [record(2)])
    assert "kernel" in str(raised.value.hint)
    assert path.stat().st_size == before  # written again next time, not merely synced again
    monkeypatch.setattr(os, "fsync", fsync)
    sink.deliver("products", [record(2)])
    assert revisions(path) == [1, 2]


def test_a_second_writer_is_named_and_awaited(sink: FileSink, path: Path) -> None:
    sink.deliver("products", [record(1)])
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, 2); print(flush=True); input()",
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin
    assert holder.stdout
    holder.stdout.readline()
    with pytest.raises(SinkUnavailable, match="is writing the file") as raised:
        sink.deliver("products", [record(2)])
    assert f"process {holder.pid} " in str(raised.value) or "another process" in str(raised.value)
    holder.communicate(b"\n")
    sink.deliver("products", [record(2)])
    assert revisions(path) == [1, 2]


def test_the_file_is_free_between_batches_so_that_daemons_can_take_turns(sink: FileSink, path: Path) -> None:
    other = FileSettings(path=str(path)).open("archive")
    for revision in (1, 3):
        sink.deliver("products", [record(revision)])
        other.deliver("products", [record(revision + 1)])
    other.close()
    assert revisions(path) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("place", "what", "hint"),
    [
        ("a file/products.ndjson", "Not a directory|File exists", "file where a folder"),
        ("a folder", "Is a directory", "name a file"),
        ("a pipe", "not a regular file", "correct the path"),
        ("a circle", "symbolic link, which is not followed", "leads to"),
    ],
)
def test_a_path_that_can_not_be_written_is_said_with_a_remedy(
    tmp_path: Path, place: str, what: str, hint: str
) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "a folder").mkdir()
    os.mkfifo(tmp_path / "a pipe")
    (tmp_path / "a circle").symlink_to("a circle")
    sink = FileSettings(path=str(tmp_path / place)).open("archive")
    with pytest.raises(SinkUnavailable, match=what) as raised:
        sink.deliver("products", [record(1)])
    assert hint in str(raised.value.hint)
    assert "sink archive, feed products" in str(raised.value)


def test_a_folder_that_can_not_be_made_is_said_with_a_remedy() -> None:
    sink = FileSettings(path="/proc/nowhere/products.ndjson").open("archive")
    with pytest.raises(SinkUnavailable, match="No such file") as raised:
        sink.deliver("products", [record(1)])
    assert "folder" in str(raised.value.hint)


def test_an_empty_batch_makes_no_file_and_no_folder(sink: FileSink, path: Path) -> None:
    sink.deliver("products", [])
    assert not path.parent.exists()
    sink.deliver("products", [record(1)])
    sink.deliver("products", [])
    assert revisions(path) == [1]


@pytest.mark.parametrize("place", ["/proc/1/mem/products.ndjson", "/dev/null", "/proc/version"])
def test_an_empty_batch_fails_where_records_would(place: str) -> None:
    sink = FileSettings(path=place).open("archive")
    with pytest.raises(SinkUnavailable) as raised:
        sink.deliver("products", [])
    assert raised.value.hint


def test_no_descriptor_stays_open(sink: FileSink, path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not walked
    sink.deliver("products", [record(1)])
    for _ in range(5):
        path.unlink()
        sink.deliver("products", [record(1)])
    holder = os.open(path, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(SinkUnavailable, match=r"another (sink of this )?process"):
        sink.deliver("products", [record(2)])
    os.close(holder)
    sink.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


def test_feeds_that_go_to_one_file_at_the_same_time_take_turns(path: Path) -> None:
    feeds = ["products", "prices", "categories"]
    settings = FileSettings(path=str(path))

    def deliver(feed: str) -> None:
        sink = settings.open("archive")
        for number in range(20):
            sink.deliver(feed, [record(number, feed=feed), record(number, feed=feed)])
        sink.close()

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(deliver, feed) for feed in feeds]:
            done.result()  # none was told that another one holds the file
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    for feed in feeds:
        assert [line["revision"] for line in lines if line["feed"] == feed] == [n // 2 for n in range(40)]
