"""The file sink: appends records to files, one per line."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import AfterValidator, Field

from cdc_daemon.errors import TargetFault
from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.decode import Decoder
from cdc_daemon.sinks.folders import LinkError, Rights
from cdc_daemon.sinks.frames import Compression, Frames, frames, known_here
from cdc_daemon.sinks.lines import HeldByAnotherError, LineFile, Rotation, files_aside
from cdc_daemon.sinks.read_back import Held, HeldEnd, ReadBack, pages
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.settings import RELATIVE_PATH, SinkSettings
from cdc_daemon.sinks.sink import Refusal, Sink
from cdc_daemon.sinks.torn import NotRecordsError

_NO_SPACE = "free some space or raise the quota; delivery goes on by itself"
_HINTS = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EFBIG: "the file is as large as the system or its limits allow: rotate it",
    errno.EIO: "the disk fails: look at the kernel's log",
    errno.EROFS: "the file system is mounted read-only: look at the kernel's log",
    errno.EACCES: "let the daemon's user write there",
    errno.EPERM: "let the daemon's user write there, and look for an immutable or append-only flag",
    errno.ENOENT: "make the folder, or mount what belongs there",
    errno.ENOTDIR: "a part of the path is a file where a folder should be",
    errno.EISDIR: "the path is a folder: name a file",
    errno.EMFILE: "raise the limit of open files (LimitNOFILE)",
}


def _permissions(text: str, *, least: int) -> str:
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise ValueError('must be permissions as chmod writes them, such as "0640"')
    if int(text, 8) & least != least:
        raise ValueError(f"must leave the owner its own rights: at least {least:04o}")
    if int(text, 8) & 0o002:
        raise ValueError("must not let everybody write")
    return text


def _known_group(name: str) -> str:
    try:
        grp.getgrnam(name)
    except KeyError:
        raise ValueError("must be a group of this system") from None
    return name


class FileSettings(SinkSettings, frozen=True):
    """`type = "file"`."""

    type: Literal["file"] = Field(default="file", description="Kind of sink.")
    path: Annotated[str, Field(min_length=1), AfterValidator(placeholders.checked)] = Field(
        description="File to which the sink appends records, relative to the configuration file. `{feed}` "
        "and `{sink}` stand for their names. The sink creates missing folders.",
        json_schema_extra=RELATIVE_PATH,
    )

    compression: Annotated[Compression, AfterValidator(known_here)] = Field(
        default="none",
        description="`none`, `gzip` or `zstd`. Each batch is a frame of its own; programs that read the "
        "format read all frames as one file.",
    )
    rotate_bytes: int | None = Field(
        default=None,
        ge=1,
        description="Size above which the sink rotates the file, in bytes on the disk. It renames the file, "
        "with the time of its last line before the ending.",
    )
    rotate_seconds: int | None = Field(
        default=None,
        ge=1,
        description="Period after which the sink rotates the file, in seconds: 3600 gives a file for each "
        "hour. It rotates when the next record comes.",
    )

    file_mode: Annotated[str, AfterValidator(partial(_permissions, least=0o600))] = Field(
        default="0600",
        description="Permissions of new files, as `chmod` writes them, whatever the umask.",
    )
    folder_mode: Annotated[str, AfterValidator(partial(_permissions, least=0o700))] = Field(
        default="0700", description="Permissions of new folders."
    )
    group: Annotated[str, AfterValidator(_known_group)] | None = Field(
        default=None,
        description="Group of new files and folders; the daemon's user must belong to it. With `file_mode = "
        '"0640"` and `folder_mode = "0750"` its members can read. Unset: the user\'s own group.',
    )

    def address(self) -> tuple[str, ...]:
        """Return the path (see `SinkSettings.address`)."""
        return (self.path,)

    def open(self, name: str) -> FileSink:
        """Return the sink, not yet connected. `name` is its name in the settings."""
        group = None if self.group is None else grp.getgrnam(self.group).gr_gid
        return FileSink(
            name,
            self.batch_records,
            self.batch_bytes,
            self.timeout_seconds,
            self.path,
            frames(self.compression),
            Rotation(self.rotate_bytes, self.rotate_seconds),
            Rights(int(self.file_mode, 8), int(self.folder_mode, 8), group),
        )


@dataclass
class FileSink(Sink, ReadBack):
    """Appends records as lines of files. Delivered records survive a crash of the machine.

    Attributes:
        path: template with placeholders.
        frames: format of the file: plain lines, gzip or zstd.
        rotation: when a file is renamed and a new one begins.
        rights: permissions of new files and folders.
    """

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    path: str
    frames: Frames
    rotation: Rotation
    rights: Rights
    refills_lost = False
    is_log = True
    _files: dict[Path, LineFile] = field(default_factory=dict[Path, LineFile], init=False, repr=False)

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """Append the records, one per line, and fsync (see `Sink.deliver`)."""
        self._append(feed, b"".join(record.encode() + b"\n" for record in records))
        return ()

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        """Append a line for the end (see `Sink.end_snapshot`)."""
        self._append(end.feed, end.encode() + b"\n")
        return True

    def sign(self, feed: str) -> str:
        """Return device and inode of the file (see `Sink.sign`)."""
        try:
            return _identity(self._path(feed).lstat())
        except OSError:
            return ""

    def recognized(self, feed: str, mark: str) -> str:
        """Check that the file exists and is not empty (see `Sink.recognized`).

        If there is none, the former file may have another name in the same folder: this sink or logrotate has
        renamed it. Otherwise it was deleted or emptied.
        """
        path = self._path(feed)
        try:
            there = path.lstat() if path.exists() else None
            if there is not None and there.st_size:
                return _identity(there)
            if there is not None and _identity(there) == mark:
                return ""
            beside = [_identity(entry.stat(follow_symlinks=False)) for entry in os.scandir(path.parent)]
        except FileNotFoundError:
            return ""
        except OSError:
            return mark  # if the file can't be read, the delivery fails too and gives the reason
        return mark if mark in beside else ""

    def read_back(self, feed: str, key: Sequence[str]) -> Iterator[Sequence[Held | HeldEnd]]:
        """Read the files that were set aside, and the present one; see `ReadBack.read_back`."""
        path = self._path(feed)
        where = f"sink {self.name}, feed {feed}, file {path}"
        decoder = Decoder("records", feed, key, where)
        with contextlib.ExitStack() as opened:
            files: list[BinaryIO] = []
            try:
                # The present one first: it may be set aside at any moment.
                with contextlib.suppress(FileNotFoundError):  # nothing was delivered, or logrotate moved it
                    files.append(opened.enter_context(self.frames.opened(path)))
                there = [_identity(os.fstat(file.fileno())) for file in files]
                for aside in reversed(files_aside(path)):
                    file = opened.enter_context(self.frames.opened(aside))
                    if _identity(os.fstat(file.fileno())) not in there:
                        files.insert(0, file)
                for file in files:
                    yield from pages(decoder.lines(_whole_lines(file)))
            except OSError as error:
                raise TargetFault(
                    f"can't be read: {error.strerror or error}",
                    where=where,
                    hint="let this user read the file, and repeat the command",
                ) from error

    def keeps_all(self, feed: str) -> bool:  # noqa: ARG002 - the same for every feed
        """Whoever rotates a file may take the old ones away."""
        return self.rotation.bytes is None and self.rotation.seconds is None

    def _path(self, feed: str) -> Path:
        return Path(placeholders.filled(self.path, feed=feed, sink=self.name))

    def _append(self, feed: str, lines: bytes) -> None:
        """Append lines. Without lines, check that the sink could append."""
        path = self._path(feed)
        of = feed if "{feed}" in self.path else None
        file = self._files.setdefault(path, LineFile(path, self.frames, self.rotation, self.rights, feed=of))
        where = f"sink {self.name}, feed {feed}, file {path}"
        try:
            if lines:
                file.append(lines)
            else:
                file.look()
        except HeldByAnotherError as error:
            raise TargetFault(
                str(error), where=where, hint="end the other writer, or give one of the two another path"
            ) from error
        except NotRecordsError as error:
            raise TargetFault(
                str(error), where=where, hint="nothing was written: move the file away, or correct the path"
            ) from error
        except LinkError as error:
            raise TargetFault(
                str(error), where=where, hint="name the file or folder that the link leads to"
            ) from error
        except OSError as error:
            raise TargetFault(
                f"can't be written: {error.strerror or error}",
                where=where,
                hint=_HINTS.get(error.errno or 0, "delivery goes on once the file can be written again"),
            ) from error

    def close(self) -> None:
        """Close all files. The next `deliver` opens those that it needs."""
        while self._files:
            self._files.popitem()[1].close()


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines up to an end that a crash has torn, or that is being written."""
    with contextlib.suppress(EOFError):
        yield from (line for line in file if line.endswith(b"\n"))


def _identity(file: os.stat_result) -> str:
    return f"{file.st_dev}:{file.st_ino}"
