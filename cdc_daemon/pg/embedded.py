"""A private PostgreSQL server, kept in a directory: for the demo, the tests, and `dsn = "embedded:"`.

The server listens on a Unix socket that only its own system user (and root) can open, so it needs no
password. PostgreSQL refuses to run as root. If root starts it, it runs as an existing unprivileged user.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shlex
import shutil
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cdc_daemon.errors import ConfigurationError, DatabaseUnavailable
from cdc_daemon.pg.binaries import copy_installation, find_binaries
from cdc_daemon.pg.session import connect
from cdc_daemon.pg.statements import statement
from cdc_daemon.pg.system_user import SystemUser, can_reach, give, reachable_directory, run_as, server_user

# The path of a socket, with its name, has at most 107 bytes on Linux (103 on BSD and macOS).
_SOCKET_PATH_BYTES = 103
_START_SECONDS = 60

_SETTINGS: Mapping[str, str] = {
    "max_connections": "200",
    "max_prepared_transactions": "20",
    "log_line_prefix": "%m [%p] %a ",
    "listen_addresses": "",
}
# With these settings a power cut may destroy the data, but kill -9 of any process loses nothing, because the
# kernel keeps the pages. synchronous_commit stays on, so that commits have the same order as in production.
_FAST: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "10s"}


@dataclass
class EmbeddedServer:
    """One server and its data.

    Attributes:
        directory: folder of the data, the log and the socket. It is created if it is missing. If root starts
            the server, and the server's user can't reach the folder, the data are in /var/lib/cdc-daemon and
            `directory` is a link to them.
        binaries: folder of initdb, pg_ctl and postgres; default: `find_binaries()`.
        fast: no fsync, for tests and benchmarks. A power cut may destroy the data.
        tcp_port: port of localhost to listen on too, with a password (in the file `password`).
        settings: further settings of postgresql.conf, by name.
    """

    directory: Path
    binaries: Path | None = None
    fast: bool = False
    tcp_port: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.directory = self.directory.absolute()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> str:
        """Create the data directory if it is missing, start the server unless it runs, and return its DSN.

        Any number of processes may call this at the same time. One starts the server, the others use it.

        Raises:
            ConfigurationError: there are no programs, no system user to run as, or no usable directory.
            DatabaseUnavailable: the server did not start. The message has the end of its log.
        """
        user = server_user(self._data)
        self._make_directory(user)
        with self._lock():
            if self._process() is None or not self._answers():
                programs = self._programs(user)
                if not self._data.is_dir():
                    self._initialise(programs, user)
                self._launch(programs, user)
        return self.dsn()

    def stop(self) -> None:
        """Stop the server and its sessions, if it runs.

        Raises:
            DatabaseUnavailable: the server did not end in time.
        """
        if not self._data.is_dir():
            return
        user = server_user(self._data)
        with self._lock():
            if self._process() is not None:
                command = ("pg_ctl", "stop", "-D", self._data, "-m", "fast", "-w", "-t", _START_SECONDS)
                _run(self._programs(user), command, user)

    def remove(self) -> None:
        """Stop the server and delete its directory with all data."""
        self.stop()
        for folder in (self._socket_directory, self._home):
            shutil.rmtree(folder, ignore_errors=True)
        if self.directory.is_symlink():
            self.directory.unlink()

    def dsn(self, database: str = "postgres", *, tcp: bool = False) -> str:
        """Return the connection string (libpq key words) of a database on the server, as its superuser.

        Args:
            database: name of the database.
            tcp: connect through localhost and `tcp_port` instead of the socket.
        """
        if tcp:
            password = (self._home / "password").read_text("utf-8").strip()
            address = {"host": "localhost", "password": password}
        else:
            address = {"host": str(self._socket_directory)}
        return make_conninfo(user="postgres", dbname=database, port=str(self._port), **address)

    def create_database(self, name: str) -> str:
        """Create an empty database unless one of that name exists. Return its DSN."""
        with connect(self.dsn(), purpose="new database") as connection:
            found = connection.execute(statement("server.database_exists"), {"database": name}).fetchone()
            if found == (False,):
                connection.execute(statement("server.create_database", database=sql.Identifier(name)))
        return self.dsn(name)

    @property
    def _home(self) -> Path:
        # The target of `directory`: the server's user may be unable to follow the link.
        return self.directory.resolve()

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def _port(self) -> int:
        return 5432 if self.tcp_port is None else self.tcp_port

    @property
    def _socket_directory(self) -> Path:
        inside = self._home / "socket"
        if len(os.fsencode(inside / f".s.PGSQL.{self._port}")) <= _SOCKET_PATH_BYTES:
            return inside
        digest = hashlib.sha256(os.fsencode(self._home)).hexdigest()[:12]
        return Path("/tmp") / f"cdc-daemon-{os.geteuid()}-{digest}"  # noqa: S108 # its owner is checked

    def _make_directory(self, user: SystemUser | None) -> None:
        # Root owns this folder, and the server's user owns only data/ and socket/. If root wrote a file into
        # another user's folder, that user could redirect it by a link.
        parent = self.directory.parent
        parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            if user is None:
                self.directory.mkdir(mode=0o700)
            elif can_reach(parent, user):
                self.directory.mkdir()
                self.directory.chmod(0o755)
            elif not self.directory.exists():
                digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:12]
                kept = reachable_directory(user) / f"server-{digest}"
                kept.mkdir(exist_ok=True)
                kept.chmod(0o755)
                self.directory.symlink_to(kept)
        if user is not None and not can_reach(self._home, user):
            raise ConfigurationError(
                [
                    (
                        str(self.directory),
                        f"the user {user.pw_name}, as whom PostgreSQL runs, can't enter it",
                        "let the embedded server make its own directory, or chmod 755 this one",
                    )
                ]
            )

    @contextlib.contextmanager
    def _lock(self) -> Generator[None]:
        descriptor = os.open(self._home, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _programs(self, user: SystemUser | None) -> Path:
        programs = self.binaries or find_binaries()
        if user is None or can_reach(programs / "postgres", user):
            return programs
        return copy_installation(programs, reachable_directory(user))

    def _initialise(self, programs: Path, user: SystemUser | None) -> None:
        password = self._home / "password"
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)
        give(password, user)
        password.write_text(secrets.token_urlsafe(24) + "\n", "utf-8")
        # initdb writes PG_VERSION first: if it is killed, it leaves a folder that only looks complete.
        unfinished = self._home / "data.unfinished"
        command: list[str | Path | int] = [
            "initdb",
            "-D",
            unfinished,
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--pwfile",
            password,
        ]
        command += ["--auth-local=trust", "--auth-host=scram-sha-256", *(["--no-sync"] if self.fast else [])]
        for locale in ("C.UTF-8", "C"):
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(mode=0o700)
            give(unfinished, user)
            try:
                _run(programs, [*command, f"--locale={locale}"], user)
                break
            except DatabaseUnavailable:
                if locale == "C":  # every C library has this locale
                    raise
        unfinished.rename(self._data)

    def _launch(self, programs: Path, user: SystemUser | None) -> None:
        sockets = self._socket_directory
        with contextlib.suppress(FileExistsError):
            sockets.mkdir(mode=0o700)
            give(sockets, user)
        found = sockets.lstat()
        # All users may write to /tmp: in another user's folder of this name, that user could read our socket.
        if found.st_uid != (os.geteuid() if user is None else user.pw_uid) or found.st_mode & 0o077:
            raise ConfigurationError(
                [(str(sockets), "is not a private folder of the server's user", "remove it and start again")]
            )
        if self._process() is None:
            # After a crash, the process ID in the file may belong to another process of the same user.
            # PostgreSQL would take it for its postmaster and refuse to start, for ever.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            (sockets / f".s.PGSQL.{self._port}.lock").unlink(missing_ok=True)
        configuration = self._write_configuration()
        log = self._data / "server.log"
        options = f"-c config_file={shlex.quote(str(configuration))}"
        try:
            _run(
                programs,
                ["pg_ctl", "start", "-D", self._data, "-l", log, "-w", "-t", _START_SECONDS, "-o", options],
                user,
            )
        except DatabaseUnavailable as error:
            said = log.read_text("utf-8", errors="replace").splitlines()[-5:] if log.is_file() else []
            raise DatabaseUnavailable(
                "\n".join([error.what, *said]), where=str(self.directory), hint=f"read {log}"
            ) from error

    def _write_configuration(self) -> Path:
        # Written at every start. Settings by ALTER SYSTEM are in the data directory and override these.
        settings = {
            **_SETTINGS,
            **(_FAST if self.fast else {}),
            **({} if self.tcp_port is None else {"listen_addresses": "localhost"}),
            **self.settings,
            "port": str(self._port),
            "unix_socket_directories": str(self._socket_directory),
        }
        lines = ["include 'data/postgresql.conf'"]
        lines += [f"{name} = {_quoted(value)}" for name, value in settings.items()]
        for name in ("hba", "ident"):  # by default PostgreSQL looks beside the configuration file
            lines.append(f"{name}_file = {_quoted(str(self._data / f'pg_{name}.conf'))}")
        path = self._home / "postgresql.conf"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        path.chmod(0o644)
        return path

    def _process(self) -> int | None:
        """Return the process ID of our running postmaster; None after a crash."""
        try:
            pid = int((self._data / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])
            os.kill(pid, 0)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return None
        except PermissionError:  # another user's process has that ID now
            return None
        try:
            # Don't use /proc/PID/cwd: in a container, even root may not read that of another user's process.
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:  # the process has ended; without /proc (macOS) the ID alone must do
            return None if Path("/proc/self").exists() else pid
        data = self._data.resolve()
        return pid if any(word and Path(os.fsdecode(word)).resolve() == data for word in words) else None

    def _answers(self) -> bool:
        """Wait until a running server answers (it may be in recovery). Return False if it ends instead."""
        end = time.monotonic() + _START_SECONDS
        while (pid := self._process()) is not None:
            try:
                with psycopg.connect(self.dsn(), connect_timeout=10):
                    return True
            except psycopg.OperationalError as error:
                if time.monotonic() > end:
                    raise DatabaseUnavailable(
                        f"the server runs as process {pid} and does not answer: {error}",
                        where=str(self.directory),
                        hint=f"read {self._data / 'server.log'}",
                    ) from error
                time.sleep(0.05)  # no event tells when a postmaster becomes ready
        return False


def _quoted(value: str) -> str:
    """Return a value quoted for postgresql.conf."""
    return "'" + value.replace("'", "''") + "'"


def _run(programs: Path, command: Sequence[str | Path | int], user: SystemUser | None) -> None:
    program, *arguments = command
    answer = run_as([programs / str(program), *arguments], user)
    if answer.returncode:
        said = " ".join(answer.stdout.split("\n")[-6:]).strip()
        raise DatabaseUnavailable(
            f"{program} ended with code {answer.returncode}: {said}", where=str(programs / str(program))
        )
