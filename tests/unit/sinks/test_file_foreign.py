"""The file sink destroys no file but its own, follows no link, and makes files that others can't read."""

from __future__ import annotations

import grp
import gzip
import io
import os
import struct
import tarfile
import zlib
from pathlib import Path

import pytest
from backports import zstd

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.file import FileSettings, FileSink
from tests.unit.sinks.target import record

COMPRESSIONS = ["none", "gzip", "zstd"]


def opened(path: Path, compression: str = "none", **settings: object) -> FileSink:
    return FileSettings.model_validate({"path": str(path), "compression": compression, **settings}).open(
        "archive"
    )


def image() -> bytes:
    """A PNG of one pixel, of which the last bytes are no line."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)),
            chunk(b"IDAT", zlib.compress(b"\0\0\0\0")),
            chunk(b"IEND", b""),
        )
    )


def archive(content: bytes = b"a line\nanother line\n") -> bytes:
    """A tar archive; its file ends in a line, and it in zeros."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo("notes.txt")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def record_line(feed: str = "products") -> bytes:
    return record(1, feed=feed).encode() + b"\n"


NOISE = bytes(range(256)) * 1024
FOREIGN = {
    "an image": image(),
    "an archive": archive(),
    "an archive of records": archive(record_line()),
    "an empty disk": bytes(1024 * 1024),
    "zeros behind a line": b"a line\n" + bytes(4096),
    "whole lines of text": b"first\nsecond\n",
    "JSON lines of others": b'{"feed":"products"}\n{"id":1}\n',
    "JSON of others that is not closed": b'{"feed":"other"',
    "records and then text": record_line() + b"a note of somebody",
    "records of another feed": record_line("prices"),
    "a torn record of another feed": record(1, feed="prices").encode()[:60],
    "text in gzip": gzip.compress(b"a line\n"),
    "text in gzip, torn": gzip.compress(os.urandom(30_000).hex().encode() + b"\n", mtime=0)[:20_000],
    "text in zstd": zstd.compress(b"a line\n"),
    "text in zstd, torn": zstd.compress(os.urandom(900_000).hex().encode() + b"\n")[:600_000],
    "what begins as gzip": gzip.compress(b"", mtime=0)[:10] + NOISE,
    "what begins as zstd": b"\x28\xb5\x2f\xfd" + NOISE,
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("what", FOREIGN)
def test_a_file_of_somebody_else_is_refused_and_stays_as_it_is(
    tmp_path: Path, what: str, compression: str
) -> None:
    path = tmp_path / "products.ndjson"
    path.write_bytes(FOREIGN[what])
    for records in ([record(1)], []):
        with pytest.raises(SinkUnavailable) as raised:
            opened(tmp_path / "{feed}.ndjson", compression).deliver("products", records)
        assert "move the file away" in str(raised.value.hint)
        assert path.read_bytes() == FOREIGN[what]


def test_feeds_that_share_a_file_find_each_others_records(tmp_path: Path) -> None:
    path = tmp_path / "all.ndjson"
    path.write_bytes(record_line("prices") + record(2, feed="prices").encode()[:-3])
    opened(path).deliver("products", [record(3)])
    assert path.read_bytes() == record_line("prices") + record(3).encode() + b"\n"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(record_line())
    (tmp_path / "products.ndjson").symlink_to(victim)
    (tmp_path / "prices.ndjson").symlink_to(tmp_path / "not there")
    for feed in ("products", "prices"):
        for records in ([record(2, feed=feed)], []):
            with pytest.raises(SinkUnavailable, match="symbolic link") as raised:
                opened(tmp_path / "{feed}.ndjson").deliver(feed, records)
            assert raised.value.hint
    assert victim.read_bytes() == record_line()
    assert not (tmp_path / "not there").exists()


def test_a_link_that_takes_a_files_place_while_it_is_open_is_not_followed(tmp_path: Path) -> None:
    path, victim = tmp_path / "products.ndjson", tmp_path / "victim"
    sink = opened(path)
    sink.deliver("products", [record(1)])
    victim.write_bytes(record_line())
    path.rename(tmp_path / "kept")
    path.symlink_to(victim)
    with pytest.raises(SinkUnavailable, match="symbolic link"):
        sink.deliver("products", [record(2)])
    assert victim.read_bytes() == record_line()


@pytest.mark.parametrize("link", ["linked", "made/linked"])
def test_a_linked_folder_is_not_followed(tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(elsewhere)
    for records in ([record(1)], []):
        with pytest.raises(SinkUnavailable, match="linked is a symbolic link") as raised:
            opened(tmp_path / link / "deeper" / "{feed}.ndjson").deliver("products", records)
        assert "leads to" in str(raised.value.hint)
    assert list(elsewhere.iterdir()) == []


def test_a_file_with_a_second_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "victim").touch()
    (tmp_path / "products.ndjson").hardlink_to(tmp_path / "victim")
    with pytest.raises(SinkUnavailable, match="hard links"):
        opened(tmp_path / "products.ndjson").deliver("products", [record(1)])
    assert (tmp_path / "victim").read_bytes() == b""


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_is_made_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "a" / "b" / "products.ndjson"
    before = os.umask(umask)
    try:
        sink = opened(path, rotate_bytes=1)
        sink.deliver("products", [record(1)])
        sink.deliver("products", [record(2)])
    finally:
        os.umask(before)
    assert [found.stat().st_mode & 0o777 for found in path.parent.iterdir()] == [0o600, 0o600]
    assert [folder.stat().st_mode & 0o777 for folder in (path.parent, path.parent.parent)] == [0o700] * 2


def a_group() -> str:
    """A group that this process may give its files to, and not its own one if it has a choice."""
    if os.geteuid() == 0:
        return "users"
    others = [number for number in os.getgroups() if number != os.getegid()]
    return grp.getgrgid(others[0] if others else os.getegid()).gr_name


def test_a_group_may_read_if_the_settings_say_so(tmp_path: Path) -> None:
    group = a_group()
    path = tmp_path / "made" / "products.ndjson"
    before = os.umask(0o077)  # as below systemd's unit
    try:
        opened(path, file_mode="0640", folder_mode="750", group=group).deliver("products", [record(1)])
    finally:
        os.umask(before)
    assert (path.stat().st_mode & 0o777, path.group()) == (0o640, group)
    assert (path.parent.stat().st_mode & 0o777, path.parent.group()) == (0o750, group)


def test_a_file_that_was_there_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "products.ndjson"
    path.touch()
    path.chmod(0o664)
    opened(path).deliver("products", [record(1)])
    assert path.stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("file_mode", "0888", "chmod"),
        ("file_mode", "4600", "chmod"),
        ("file_mode", "0060", "at least 0600"),
        ("file_mode", "0666", "everybody"),
        ("folder_mode", "0600", "at least 0700"),
        ("group", "no such group", "group of this system"),
    ],
)
def test_rights_that_make_no_sense_are_faults(setting: str, value: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        FileSettings.model_validate({"path": "out/{feed}.ndjson", setting: value})
