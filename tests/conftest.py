"""Servers and databases for the tests.

`database` is the connection string of a fresh, empty database. Tests below `tests/integration` and
`tests/security` run once on each chosen server; all others, and those marked `any_server`, on the first one
alone. `--servers` (or CDC_TEST_SERVERS) chooses: `embedded` (the wheel), `machine` (PostgreSQL installed
here), `external` (CDC_TEST_DSN), or a version such as `17` (Debian's, or a wheel's). A chosen server that
can't be had fails its tests: nothing is skipped.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest

from cdc_daemon import redaction
from tests.receivers import postgres, processes
from tests.support import kept_sessions, servers
from tests.support.logged import log_as_before

Connect = Callable[..., psycopg.Connection[tuple[Any, ...]]]

# How long properties are tried. `ci` takes the same examples at each run, some hundreds of both tests and all
# servers together, and shows a failure as it was found: shrinking it takes minutes. `nightly` (`make
# test-nightly`) takes others each time.
hypothesis.settings.register_profile(
    "ci",
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)
hypothesis.settings.register_profile(
    "nightly", max_examples=int(os.environ.get("CDC_TEST_EXAMPLES", "5000")), deadline=None, print_blob=True
)
hypothesis.settings.load_profile("ci")

_stack = pytest.StashKey[ExitStack]()
_chosen = pytest.StashKey[tuple[str, ...]]()
_MANY_SERVERS = frozenset({"integration", "security"})


@pytest.fixture(autouse=True)
def _nothing_of_other_tests() -> Iterator[None]:
    """Each test begins without the secrets and the log of another one, which would hide what it looks at."""
    with log_as_before():
        yield
    redaction.forget()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--servers",
        default=os.environ.get("CDC_TEST_SERVERS"),
        help=f"comma-separated, of {', '.join(servers.KNOWN)}; default: external where "
        f"{servers.EXTERNAL_VARIABLE} is set, else embedded, and machine where PostgreSQL is installed",
    )
    parser.addoption(
        "--every-server",
        action="store_true",
        help="run tests that are marked any_server on every chosen server, too",
    )


def pytest_xdist_auto_num_workers() -> int:
    """Two workers for each processor: about half of a test's time is spent waiting for something."""
    return 2 * (os.cpu_count() or 1)


def pytest_configure(config: pytest.Config) -> None:
    gc.set_threshold(50_000)  # see pytest_collection_finish
    config.stash[_chosen] = _choose(config.getoption("--servers"))
    stack = config.stash[_stack] = ExitStack()
    if not hasattr(config, "workerinput"):  # xdist's workers use what their controller made
        _keep_bytecode(config.rootpath)
        directory = servers.make_directory()
        stack.callback(servers.stop_all, directory)
        os.environ[processes.OWNER_VARIABLE] = str(os.getpid())
        stack.callback(processes.stop_all, directory)
        stack.callback(postgres.stop_all, directory)


def _keep_bytecode(root: Path) -> None:
    """Let the processes that tests start keep bytecode even where Python is told to write none.

    Without it, each command of the daemon compiles all that it imports, and each worker all tests. It has a
    folder of its own.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ["PYTHONPYCACHEPREFIX"] = str(root / ".pytest_cache" / "bytecode")


def pytest_collection_finish() -> None:
    """Leave what is loaded by now out of Python's searches for garbage.

    A worker holds half a million objects of modules and tests, which stay. Searching them took a sixth of the
    time of the analysis's unit tests.
    """
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    kept_sessions.forget_all()
    if stack := config.stash.get(_stack, None):  # none when the options were refused
        stack.close()


def _choose(option: str | None) -> tuple[str, ...]:
    if option:
        names = tuple(name.strip() for name in option.split(","))
        if unknown := [name for name in names if name not in servers.KNOWN]:
            raise pytest.UsageError(f"--servers: {unknown[0]!r} is none of {', '.join(servers.KNOWN)}")
        return names
    if servers.EXTERNAL_VARIABLE in os.environ:
        return ("external",)
    return ("embedded", "machine") if servers.machine_has_one() else ("embedded",)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        chosen = metafunc.config.stash[_chosen]
        below = Path(str(metafunc.definition.path)).relative_to(Path(__file__).parent)
        on_many = below.parts[0] in _MANY_SERVERS and (
            metafunc.config.getoption("--every-server")
            or not metafunc.definition.get_closest_marker("any_server")
        )
        names = chosen if on_many else chosen[:1]
        metafunc.parametrize("server", names, indirect=True, scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests: as the last ones, they would keep one worker busy while others have none.

    Next come tests that share what is slow to make: a living shop with a browser, the feeds of the commerce
    pack. A worker takes tests in their order, and others steal from the end, so one worker takes them all.
    Tests that only read a living shop come before tests that act on it.
    """
    first = (
        "tests/torture/",
        "tests/precision/",
        "tests/browser/test_pages",
        "tests/browser/",
        "tests/commerce/",
    )
    items.sort(
        key=lambda item: next((at for at, name in enumerate(first) if name in item.nodeid), len(first))
    )


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> servers.Server:
    """The running server that this test runs on."""
    return servers.start(request.param)


@pytest.fixture
def database(server: servers.Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """The connection string of a fresh database, a superuser's; dropped afterwards.

    It is empty, or has schema cdc already, for a test that is marked `migrated`: to make it anew takes longer
    than most tests.
    """
    is_migrated = request.node.get_closest_marker("migrated")
    with server.migrated_database() if is_migrated else server.fresh_database() as dsn:
        yield dsn


@pytest.fixture
def connect(database: str) -> Iterator[Connect]:
    """Opens connections to the test's database (autocommit unless told), closed at the end."""
    with ExitStack() as stack:

        def open_one(
            dsn: str = database, *, autocommit: bool = True, **options: Any
        ) -> psycopg.Connection[Any]:
            connection = psycopg.connect(dsn, autocommit=autocommit, **options)
            # Not its own context manager: that one commits, and raises when the test has killed the session.
            stack.callback(connection.close)
            return connection

        yield open_one
