"""The file of the users who may log in: names, hashes of passwords, rights, and the key of the sessions."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import orjson

from cdc_daemon.dashboard.access.passwords import hashed, is_password, nobodys
from cdc_daemon.dashboard.access.viewer import LOCAL, Right
from cdc_daemon.errors import CdcError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
SHORTEST_PASSWORD = 10
"""Smallest number of characters of a password."""

PRIVATE = 0o600


class UsersUnusable(CdcError):
    """The users' file can't be used."""

    exit_code = 2


@dataclass(frozen=True)
class User:
    """A user.

    Attributes:
        password: the hash (see `cdc_daemon.dashboard.access.passwords`).
    """

    name: str
    password: str = field(repr=False)
    rights: frozenset[Right] = frozenset()


@dataclass(frozen=True)
class Users:
    """The content of the file.

    Attributes:
        key: the secret key of the sessions' signatures.
    """

    key: str = field(repr=False)
    users: Mapping[str, User] = field(default_factory=dict[str, User])

    def mark(self, user: User) -> str:
        """Return a text that changes with the user's password: a session is bound to it."""
        return hmac.new(self.key.encode(), f"{user.name} {user.password}".encode(), "sha256").hexdigest()[:32]

    def with_password(self, name: str, password: str) -> User | None:
        """Return the user with this name and password; it takes as long if there is none."""
        user = self.users.get(name)
        fits = is_password(password, user.password if user else nobodys())
        return user if fits else None


class UsersFile:
    """Reads the file again whenever it changes, so that a removed user is out at once.

    Args:
        path: the file. Only its owner may read and write it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int, int], Users] | None = None

    def read(self) -> Users:
        """Return the users.

        Raises:
            UsersUnusable: the file does not exist, others may read it, or its content has another form.
        """
        with self._lock:
            try:
                found = self._path.stat()
                stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
                if self._read is None or self._read[0] != stamp:
                    self._require_private(found)
                    self._read = (stamp, _users(self._path.read_bytes()))
            except FileNotFoundError:
                raise self._unusable(
                    "does not exist", "write it with `cdc-daemon dashboard user add NAME`"
                ) from None
            except OSError as error:
                raise self._unusable(
                    f"can't be read: {error.strerror or error}", "give it to the user that runs the daemon"
                ) from None
            except (ValueError, KeyError, TypeError, AttributeError):
                raise self._unusable(
                    "has another form", "write it with `cdc-daemon dashboard user add NAME`"
                ) from None
            return self._read[1]

    def add(self, name: str, password: str, rights: frozenset[Right]) -> bool:
        """Add a user, or give a known one this password and these rights. Return whether the user is new.

        Raises:
            UsersUnusable: the name or the password can't be used, or the file can't.
        """
        if not NAME.fullmatch(name) or name == LOCAL:
            raise UsersUnusable(
                f"{name!r} can't be the name of a user",
                hint="letters, digits and . _ @ + -, at most 64; not `local`",
            )
        if len(password) < SHORTEST_PASSWORD:
            raise UsersUnusable(
                "the password is too short", hint=f"it needs at least {SHORTEST_PASSWORD} characters"
            )
        known = self.read() if self._path.exists() else Users(secrets.token_urlsafe(32))
        self._write(Users(known.key, {**known.users, name: User(name, hashed(password), rights)}))
        return name not in known.users

    def remove(self, name: str) -> None:
        """Remove a user, whose sessions end with it.

        Raises:
            UsersUnusable: there is no such user, or the file can't be used.
        """
        known = self.read()
        if name not in known.users:
            raise self._unusable(
                f"has no user {name!r}", f"known: {', '.join(sorted(known.users)) or 'nobody'}"
            )
        self._write(Users(known.key, {each: user for each, user in known.users.items() if each != name}))

    def _require_private(self, found: os.stat_result) -> None:
        # systemd lets the service's user alone read a credential, by an access list that looks like a right
        # of the group.
        if self._path.parent == Path(os.environ.get("CREDENTIALS_DIRECTORY", os.devnull)):
            return
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise self._unusable("may be read by others", f"chmod 600 {self._path}")

    def _write(self, users: Users) -> None:
        """Replace the file as a whole, so that a reader never sees a half. It keeps its owner."""
        content = {
            "key": users.key,
            "users": {
                name: {"password": user.password, **{right.value: right in user.rights for right in Right}}
                for name, user in sorted(users.users.items())
            },
        }
        try:
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            written = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                written.chmod(PRIVATE)
                if self._path.exists() and os.geteuid() == 0:
                    before = self._path.stat()
                    os.chown(written, before.st_uid, before.st_gid)
                written.replace(self._path)
            finally:
                written.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(
                f"can't be written: {error.strerror or error}", "run the command as the file's owner"
            ) from error

    def _unusable(self, what: str, hint: str) -> UsersUnusable:
        return UsersUnusable(what, where=str(self._path), hint=hint)


def _users(content: bytes) -> Users:
    """Return the users of a file's content.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it has another form.
    """
    found = cast("dict[str, object]", orjson.loads(content))
    key, users = found["key"], cast("dict[str, dict[str, object]]", found["users"])
    if not isinstance(key, str) or len(key) < 32:
        raise ValueError("the key is too short")
    return Users(
        key,
        {
            name: User(
                name,
                str(user["password"]),
                frozenset(right for right in Right if user.get(right) is True),
            )
            for name, user in users.items()
        },
    )
