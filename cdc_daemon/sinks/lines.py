"""A file of whole lines that survives crashes, full disks, rotation and a second writer."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
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
    """When a file is renamed and a new one begins.

    Attributes:
        bytes: largest size of a file. Only the first lines of a file may exceed it.
        seconds: length of the period whose lines a file has. Periods are counted from 1970-01-01 UTC, so that
            days and hours begin with the clock's. The modification time of the file tells its period, so
            nothing is remembered over a restart.
    """

    bytes: int | None = None
    seconds: int | None = None

    def is_due(self, size: int, modified_at: float, more: int) -> bool:
        """Whether a file of `size` bytes, last written at `modified_at`, is full for `more` bytes now."""
        if size == 0:
            return False
        if self.bytes is not None and size + more > self.bytes:
            return True
        return self.seconds is not None and modified_at // self.seconds != time.time() // self.seconds


_turns: dict[Path, threading.Lock] = {}
_looking = threading.Lock()


def _turn(path: Path) -> threading.Lock:
    """The locks of this process for the files that it writes, by path."""
    with _looking:
        return _turns.setdefault(path.absolute(), threading.Lock())


class LineFile:
    """An append-only file with whole lines only, whatever interrupted the writer.

    The lock is held only during a write: daemons on one machine take turns with a feed, and the former daemon
    must not keep the file from the next one. Within a process, where several feeds may write one file, each
    waits for its turn.
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
        self._end: int | None = None  # end of the lines that we wrote or checked, which need no repair

    def append(self, lines: bytes) -> None:
        """Append whole lines and fsync. After an error the file has none of them.

        (After a crash during this call the file may have some whole lines. The next call removes a torn one.)

        Raises:
            HeldByAnotherError: another process writes the file now.
            NotRecordsError: the file is not ours.
            LinkError: the file, or a folder of its path, is a symbolic link.
            OSError: an error of the file system.
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
                # After a failed fsync the kernel marks the lost pages as clean, and a second fsync succeeds
                # without them. So cut the file to its safe length, and open it again next time.
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, end)
                raise
        except BaseException:
            self.close()
            raise
        self._end = end + len(content)
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def look(self) -> None:
        """Check that lines could be appended now. It removes what it writes for the check.

        Raises:
            As `append`.
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
            # The check does not change the file, and a new file in the folder may not be allowed.
            if os.statvfs(folder).f_bavail == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
            return
        with opened_folder(folder):
            pass
        # Permissions are not enough: a quota, a full disk or a network file system may refuse the write.
        with tempfile.TemporaryFile(dir=folder, prefix=".cdc-daemon-") as tried:
            tried.write(b"\n")
            tried.flush()
            os.fsync(tried.fileno())

    def close(self) -> None:
        """Close the file. A later `append` opens it again."""
        self._end = None
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)  # gives up the lock too

    def _repaired(self) -> tuple[int, int]:
        """Return the locked file and its size in bytes, after cutting a torn line."""
        descriptor = self._locked()
        try:
            seen = os.fstat(descriptor)
            end = self._whole_end(descriptor)
            if end < seen.st_size:
                os.ftruncate(descriptor, end)
                # Keep the modification time, which tells the period of the file.
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
        """Rename the locked file; the new name has the time of its last write.

        After a crash at this point there is no file at the path, and the next `append` creates one.
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
        """Return a descriptor of the file at the path, locked."""
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
            # logrotate may have renamed the file since it was opened, even between open and lock.
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
    while rest:  # a nearly full disk takes a part first, and fails at the next write
        rest = rest[os.write(descriptor, rest) :]


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def _name_aside(path: Path, microseconds: int) -> Path:
    """Return the path with a time before its extensions: products-20250102T030405.678901Z.ndjson.gz."""
    moment = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    stamp = f"{moment:%Y%m%dT%H%M%S}.{microseconds % 1_000_000:06}Z"
    stem, dot, endings = path.name[1:].partition(".")  # a leading dot hides the file and begins no extension
    return path.with_name(f"{path.name[0]}{stem}-{stamp}{dot}{endings}")


def files_aside(path: Path) -> list[Path]:
    """Return the files that rotation has set aside, the oldest first."""
    stem, dot, endings = path.name[1:].partition(".")
    name = re.compile(
        re.escape(f"{path.name[0]}{stem}-") + r"\d{8}T\d{6}\.\d{6}Z" + re.escape(f"{dot}{endings}")
    )
    try:
        return sorted(each for each in path.parent.iterdir() if name.fullmatch(each.name))
    except FileNotFoundError:
        return []


def _holder(descriptor: int) -> str:
    """Return the process that holds the lock, if the system tells (Linux: /proc/locks)."""
    file = os.fstat(descriptor)
    try:
        locks = Path("/proc/locks").read_text("ascii").splitlines()
    except OSError:
        return "another process"
    inode = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    for lock in locks:
        fields = lock.split()
        if fields[1] == "FLOCK" and inode in fields:
            pid = int(fields[4])
            if pid == os.getpid():
                return "another sink of this process"
            return f"process {pid}" if pid > 0 else "a process of another container"
    return "another process"
