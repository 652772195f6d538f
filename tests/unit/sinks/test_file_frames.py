"""The file sink's gzip and zstd: what a crash leaves of a frame, and what readers see."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.file import FileSettings, FileSink
from tests.unit.sinks.target import record

READERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "zstd": zstd.decompress}


@pytest.fixture(params=sorted(READERS))
def compression(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "products.ndjson.packed"


def opened(path: Path, compression: str) -> FileSink:
    return FileSettings.model_validate({"path": str(path), "compression": compression}).open("archive")


def revisions(path: Path, compression: str) -> list[int]:
    return [json.loads(line)["revision"] for line in READERS[compression](path.read_bytes()).splitlines()]


def frame(path: Path, compression: str, *numbers: int) -> bytes:
    """What the sink writes for one batch."""
    sink = opened(path, compression)
    sink.deliver("products", [record(number) for number in numbers])
    sink.close()
    content = path.read_bytes()
    path.unlink()
    return content


def test_batches_are_one_file_for_the_formats_own_reader(path: Path, compression: str) -> None:
    sink = opened(path, compression)
    for number in (1, 3, 5):
        sink.deliver("products", [record(number), record(number + 1)])
    assert revisions(path, compression) == [1, 2, 3, 4, 5, 6]
    sink.close()
    sink.deliver("products", [record(7)])
    assert revisions(path, compression)[-1] == 7
    sink.close()


def test_a_frame_torn_anywhere_by_a_crash_is_repaired(path: Path, compression: str) -> None:
    whole, torn = frame(path, compression, 1), frame(path, compression, 2)
    for before in (b"", whole, whole * 2):
        for length in range(len(torn)):
            path.write_bytes(before + torn[:length])
            sink = opened(path, compression)
            sink.deliver("products", [record(3)])
            sink.close()
            assert revisions(path, compression) == [1] * before.count(whole) + [3], length


def test_zeros_that_a_power_cut_left_are_cut_off(path: Path, compression: str) -> None:
    path.write_bytes(frame(path, compression, 1) + b"\0" * 5000)
    sink = opened(path, compression)
    sink.deliver("products", [record(2)])
    sink.close()
    assert revisions(path, compression) == [1, 2]


def test_the_inside_of_a_frame_that_looks_like_a_beginning_is_not_taken_for_one(
    path: Path, compression: str
) -> None:
    # Random letters don't compress: what is stored is what was written, with the bytes that begin a frame.
    beginning = {"gzip": b"\x1f\x8b\x08", "zstd": b"\x28\xb5\x2f\xfd"}[compression]
    sink = opened(path, compression)
    sink.deliver("products", [record(1)])
    noise = os.urandom(100_000).hex().encode()
    sink.deliver("products", [record(2, b'"' + noise + b'"')])
    sink.close()
    content = path.read_bytes()
    middle = len(content) // 2
    torn = content[:middle] + beginning + content[middle : middle + 1000]
    path.write_bytes(torn)
    sink = opened(path, compression)
    sink.deliver("products", [record(3)])
    sink.close()
    assert revisions(path, compression) == [1, 3]


def test_a_large_file_is_not_read_from_its_beginning(
    path: Path, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = frame(path, compression, *range(100))
    path.write_bytes(one * 500 + one[:-3])
    read = 0
    pread = os.pread

    def counted(descriptor: int, size: int, offset: int) -> bytes:
        nonlocal read
        read += size
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", counted)  # counts; the real call is made
    sink = opened(path, compression)
    sink.deliver("products", [record(1)])
    sink.close()
    assert read < 64 * 1024 + 5 * len(one)
    assert len(revisions(path, compression)) == 50_001


@pytest.mark.parametrize("content", [b"plain\n", b'{"feed":"products"}\n', b"\x1f\x9b\x08 compress"])
def test_a_file_of_another_kind_is_left_as_it_is(path: Path, compression: str, content: bytes) -> None:
    path.write_bytes(content)
    sink = opened(path, compression)
    with pytest.raises(SinkUnavailable, match="not a record") as raised:
        sink.deliver("products", [record(1)])
    assert "move the file away" in str(raised.value.hint)
    assert path.read_bytes() == content


def test_a_compressed_file_whose_lines_are_not_closed_is_left_as_it_is(path: Path, compression: str) -> None:
    packed = {"gzip": gzip.compress(b"notes"), "zstd": zstd.compress(b"notes")}[compression]
    path.write_bytes(packed)
    with pytest.raises(SinkUnavailable, match="not closed"):
        opened(path, compression).deliver("products", [record(1)])
    assert path.read_bytes() == packed
