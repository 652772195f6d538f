"""A file of whole lines that survives crashes, full disks, rotation and a second writer."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cdc_daemon.sinks.folders import Rights, opened_file, opened_folder
from cdc_daemon.sinks.frames import Frames
from cdc_daemon.sinks.torn import NotRecordsError, whole_end


class HeldByAnotherError(Exception):
    """Another process (or another sink of this one) is writing the file."""


@dataclass(frozen=True)
class Rotation:
    """When a file is set aside and a new one begun.

    Attributes:
        bytes: the size that no file grows past, unless by its first lines alone.
        seconds: a file holds what was written in one period of this length, counted from 1970-01-01 UTC, so
            that the periods of a day or an hour begin where a clock's do. Its modification time says in
            which one that was: nothing to remember over a restart.
    """

    bytes: int | None = None
    seconds: int | None = None

    def is_due(self, size: int, modified_at: float, more: int) -> bool:
        """Whether a file of `size` bytes, last written at `modified_at`, may not take `more` bytes now."""
        if size == 0:
            return False
        if self.bytes is not None and size + more > self.bytes:
            return True
        return self.seconds is not None and modified_at // self.seconds != time.time() // self.seconds


_turns: dict[Path, threading.Lock] = {}
_looking = threading.Lock()


def _turn(path: Path) -> threading.Lock:
    """What the writers of this process hold while they write the file at a path."""
    with _looking:
        return _turns.setdefault(path.absolute(), threading.Lock())


class LineFile:
    """An append-only file whose every line is whole, whatever interrupted the writer before.

    The lock is held only while lines are written: daemons on one machine take turns with a feed, and the one
    whose turn is over must not keep the other from the file. Within a process, where several feeds may go to
    one file, each waits for its turn.
    """

    def __init__(
        self,
        path: Path,
        frames: Frames,
        rotation: Rotation,
        rights: Rights | None = None,
        *,
        feed: str | None = None,
    ) -> None:
        self._path = path
        self._rights = rights or Rights()
        self._feed = feed
        self._turn = _turn(path)
        self._frames = frames
        self._rotation = rotation
        self._descriptor: int | None = None
        self._end: int | None = None  # of what we wrote or looked at: nothing to repair before it

    def append(self, lines: bytes) -> None:
        """Append whole lines and return once the disk has them; on an error none of them is in the file.

        (After a crash within this call some may be there, whole; the next call removes the torn one.)

        Raises:
            HeldByAnotherError: somebody else writes it now.
            NotRecordsError: the file is not one that we wrote.
            LinkError: the file, or a folder on the way, is a symbolic link.
            OSError: from the file system.
        """
        content = self._frames.packed(lines)
        with self._turn:
            self._append(content)

    def _append(self, content: bytes) -> None:
        descriptor, end = self._repaired()
        if self._rotation.is_due(end, os.fstat(descriptor).st_mtime, len(content)):
            self._set_aside(descriptor)
            descriptor, end = self._repaired()
        try:
            try:
                _write_all(descriptor, content)
                os.fsync(descriptor)
            except BaseException:
                # After a failed fsync the kernel calls the lost pages clean, and a second fsync succeeds
                # without them. So cut back to what was safe and open the file afresh next time.
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, end)
                raise
        except BaseException:
            self.close()
            raise
        self._end = end + len(content)
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def look(self) -> None:
        """Find out whether lines could be appended now; what is written for it is gone again.

        Raises: as `append` does.
        """
        folder = next(folder for folder in self._path.parents if os.path.lexists(folder))
        with contextlib.suppress(FileNotFoundError):
            self._path.lstat()
            with self._turn:
                descriptor = self._locked()
                try:
                    self._whole_end(descriptor)
                    fcntl.flock(descriptor, fcntl.LOCK_UN)
                except BaseException:
                    self.close()
                    raise
            # The file itself is not touched, and a new one may not be allowed beside it.
            if os.statvfs(folder).f_bavail == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
            return
        with opened_folder(folder):
            pass
        # Rights say little: a quota, a full disk, a network's file system refuse where they allow.
        with tempfile.TemporaryFile(dir=folder, prefix=".cdc-daemon-") as tried:
            tried.write(b"\n")
            tried.flush()
            os.fsync(tried.fileno())

    def close(self) -> None:
        """Close the file; a later `append` opens it again."""
        self._end = None
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)  # gives up the lock too

    def _repaired(self) -> tuple[int, int]:
        """The locked file and its size in bytes, after what a crash tore is cut off."""
        descriptor = self._locked()
        try:
            seen = os.fstat(descriptor)
            end = self._whole_end(descriptor)
            if end < seen.st_size:
                os.ftruncate(descriptor, end)
                # It stays in the period in which it was written.
                os.utime(descriptor, ns=(seen.st_atime_ns, seen.st_mtime_ns))
                os.fsync(descriptor)
        except BaseException:
            self.close()
            raise
        return descriptor, end

    def _whole_end(self, descriptor: int) -> int:
        size = os.fstat(descriptor).st_size
        return size if size == self._end else whole_end(descriptor, size, self._frames, self._feed)

    def _set_aside(self, descriptor: int) -> None:
        """Rename the file, which we hold locked, to what says when it was last written.

        A crash right after it leaves no file at the path, and the next `append` makes one.
        """
        try:
            modified_at = os.fstat(descriptor).st_mtime_ns // 1000
            while os.path.lexists(aside := _name_aside(self._path, modified_at)):
                modified_at += 1
            with opened_folder(self._path.parent) as folder:
                os.rename(self._path.name, aside.name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
        finally:
            self.close()

    def _locked(self) -> int:
        """A descriptor of the file that stands at the path now, locked."""
        while True:
            if self._descriptor is None:
                self._descriptor = _opened(self._path, self._rights)
            descriptor = self._descriptor
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _holder(descriptor)
                self.close()
                raise HeldByAnotherError(f"{holder} is writing the file") from None
            except OSError:
                self.close()
                raise
            # logrotate may have moved it since it was opened, even between open and lock.
            if _is_at(descriptor, self._path):
                return descriptor
            self.close()


def _opened(path: Path, rights: Rights) -> int:
    descriptor = opened_file(path, rights)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        what = "it is not a regular file"
    elif found.st_nlink > 1:
        what = "it has other names (hard links): what is written here would be written there"
    else:
        return descriptor
    os.close(descriptor)
    raise NotRecordsError(what)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:  # a nearly full disk takes a part first, and raises at the next try
        rest = rest[os.write(descriptor, rest) :]


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def _name_aside(path: Path, microseconds: int) -> Path:
    """The path with a moment (since 1970) before its endings: products-20250102T030405.678901Z.ndjson.gz."""
    moment = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    stamp = f"{moment:%Y%m%dT%H%M%S}.{microseconds % 1_000_000:06}Z"
    stem, dot, endings = path.name[1:].partition(".")  # a first dot hides the file, and begins no ending
    return path.with_name(f"{path.name[0]}{stem}-{stamp}{dot}{endings}")


def _holder(descriptor: int) -> str:
    """Who has the lock, as far as the system tells (Linux: /proc/locks)."""
    file = os.fstat(descriptor)
    try:
        locks = Path("/proc/locks").read_text("ascii").splitlines()
    except OSError:
        return "another process"
    place = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    for lock in locks:
        fields = lock.split()
        if fields[1] == "FLOCK" and place in fields:
            pid = int(fields[4])
            if pid == os.getpid():
                return "another sink of this process"
            return f"process {pid}" if pid > 0 else "a process of another container"
    return "another process"
