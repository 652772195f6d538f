"""A file of whole lines that survives crashes, full disks, rotation and a second writer."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path

_BLOCK = 64 * 1024
_BEGINNING_OF_A_RECORD = b'{"feed":"'


class HeldByAnotherError(Exception):
    """Another process (or another sink of this one) is writing the file."""


class NotRecordsError(Exception):
    """The file isn't one of ours: not regular, or it ends in neither a whole line nor a torn record."""


class LineFile:
    """An append-only file whose every line is whole, whatever interrupted the writer before.

    The lock is held only while lines are written: daemons on one machine take turns with a feed, and the one
    whose turn is over must not keep the other from the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def append(self, lines: bytes) -> None:
        """Append whole lines and return once the disk has them; on an error none of them is in the file.

        (After a crash within this call some may be there, whole; the next call removes the torn one.)

        Raises:
            HeldByAnotherError: somebody else writes it now.
            NotRecordsError: the file is not one that we wrote.
            OSError: from the file system.
        """
        descriptor = self._locked()
        try:
            end = _repaired_end(descriptor)
            try:
                _write_all(descriptor, lines)
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
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file; a later `append` opens it again."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)  # gives up the lock too

    def _locked(self) -> int:
        """A descriptor of the file that stands at the path now, locked."""
        while True:
            if self._descriptor is None:
                self._descriptor = _opened(self._path)
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


def _opened(path: Path) -> int:
    _make_folder(path.parent)
    # O_NONBLOCK: a named pipe without a reader must not hold us here; it means nothing for a regular file.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(path, flags, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotRecordsError("it is not a regular file")  # noqa: TRY301 - the descriptor must be closed
        # Also when it was there: who made it may have died before it did this.
        _sync_folder(path.parent)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):  # a file of that name: opening what is below it will say so
        folder.mkdir()
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Have the disk keep the folder's entries: fsync of a file doesn't keep its name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:  # a nearly full disk takes a part first, and raises at the next try
        rest = rest[os.write(descriptor, rest) :]


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def _repaired_end(descriptor: int) -> int:
    """The file's size in bytes, after a line that a crash tore is cut off.

    Only what can be the beginning of a record (or the zeros that a power cut may leave) is cut: a wrong path
    must not destroy somebody's file.
    """
    size = os.fstat(descriptor).st_size
    end = _end_of_last_line(descriptor, size)
    if end == size:
        return size
    beginning = os.pread(descriptor, len(_BEGINNING_OF_A_RECORD), end).rstrip(b"\0")
    if not _BEGINNING_OF_A_RECORD.startswith(beginning):
        raise NotRecordsError("its last line is not closed and not a record")
    os.ftruncate(descriptor, end)
    os.fsync(descriptor)
    return end


def _end_of_last_line(descriptor: int, size: int) -> int:
    """Where the last whole line ends, in bytes; read backwards, so a long file costs no more."""
    start, block = size, 1  # nearly always the last byte is the line end
    while start > 0:
        block = min(block, start)
        start -= block
        found = os.pread(descriptor, block, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        block = _BLOCK
    return 0


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
