"""Opens folders and files without following links, and creates them with the configured permissions."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MOST_LINKS = 40  # the limit of Linux for one path
# A folder of the path need not be readable. (macOS has no O_PATH.)
_ON_THE_WAY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TO_SYNC = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LinkError(Exception):
    """The path has a symbolic link that another user may have created."""


@dataclass(frozen=True)
class Rights:
    """Permissions of new files and folders. Existing ones keep theirs.

    Attributes:
        file, folder: permission bits, independent of the process's umask.
        group: ID of the group that owns them; None for the process's own group.
    """

    file: int = 0o600
    folder: int = 0o700
    group: int | None = None

    def give(self, descriptor: int, mode: int) -> None:
        """Set mode and group of a new file or folder."""
        if self.group is not None:
            os.fchown(descriptor, -1, self.group)
        os.fchmod(descriptor, mode)


@contextmanager
def opened_folder(path: Path, *, make: Rights | None = None) -> Generator[int]:
    """Return a descriptor of a folder, which can be passed to fsync.

    Opening the whole path would follow every link in it, also a link that another user creates between a
    check and the opening. So each folder is opened relative to the one above. A link is followed only if
    nobody but root can have created it: root owns the link and every folder above it, and only root may write
    them. (systemd creates such a link for the state of a service with DynamicUser.)

    Args:
        make: permissions with which missing folders are created and fsynced.

    Raises:
        LinkError: the path has another link.
        OSError: an error of the file system.
    """
    with contextlib.ExitStack() as opened:
        folder = _descriptor(opened, "/", None)
        only_root = True
        names = list(path.absolute().parts[1:])
        links = 0
        while names:
            only_root = only_root and _only_root_writes(folder)
            name = names.pop(0)
            try:
                folder = _descriptor(opened, name, folder)
            except FileNotFoundError:
                if make is None:
                    raise
                folder = _made(opened, name, folder, make)
            except OSError as error:
                target = _target(name, folder)
                if target is None:
                    raise
                links += 1
                if not (only_root and _is_roots(name, folder)) or links > _MOST_LINKS:
                    raise LinkError(f"{name} is a symbolic link, which is not followed") from error
                names[:0] = [part for part in target.parts if part != "/"]
                if target.is_absolute():
                    folder = _descriptor(opened, "/", None)
        yield _descriptor(opened, ".", folder, _TO_SYNC)


def opened_file(path: Path, rights: Rights) -> int:
    """Return a descriptor to append to the regular file at a path. Create it and its folders if missing.

    Raises:
        LinkError: the file, or a folder of its path, is a symbolic link.
        OSError: an error of the file system.
    """
    # O_NONBLOCK: don't wait for the reader of a named pipe. It has no effect on a regular file.
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    with opened_folder(path.parent, make=rights) as folder:
        try:
            try:
                descriptor = os.open(path.name, flags | os.O_CREAT | os.O_EXCL, rights.file, dir_fd=folder)
                made = True
            except FileExistsError:
                descriptor = os.open(path.name, flags, dir_fd=folder)
                made = False
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise LinkError("it is a symbolic link, which is not followed") from error
            raise
        try:
            if made:
                rights.give(descriptor, rights.file)
            # Also for an existing folder: its creator may have died before the fsync.
            os.fsync(folder)
        except BaseException:
            os.close(descriptor)
            raise
    return descriptor


def _descriptor(opened: contextlib.ExitStack, name: str, folder: int | None, flags: int = _ON_THE_WAY) -> int:
    descriptor = os.open(name, flags, dir_fd=folder)
    opened.callback(os.close, descriptor)
    return descriptor


def _made(opened: contextlib.ExitStack, name: str, folder: int, rights: Rights) -> int:
    made = True
    try:
        os.mkdir(name, rights.folder, dir_fd=folder)
    except FileExistsError:  # another process has created it
        made = False
    descriptor = _descriptor(opened, name, folder, _TO_SYNC)
    if made:
        rights.give(descriptor, rights.folder)
        os.fsync(_descriptor(opened, ".", folder, _TO_SYNC))
    return descriptor


def _target(name: str, folder: int) -> Path | None:
    """Return the target of a link; None if it is no link."""
    try:
        return Path(os.readlink(name, dir_fd=folder))
    except OSError:
        return None


def _is_roots(name: str, folder: int) -> bool:
    return os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == 0


def _only_root_writes(folder: int) -> bool:
    found = os.fstat(folder)
    return found.st_uid == 0 and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
