"""A receiver that repeats everything it was sent brings no secret into log, database or terminal."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from cdc_daemon.sinks.registry import SINKS
from tests.receivers import echoing
from tests.receivers.recorder import Recorder

pytestmark = pytest.mark.any_server

PASSWORD = "Gr0n-d/sch+ul&t9"  # noqa: S105 - it opens nothing
SHORT = "kz7q"
TOKEN = "b3arer+of/the&sink=Q7"  # noqa: S105 - as above
HEADER = "k3y-of-a-h/eader"
HOOK = "h00k-in-a-p4th"
SIGNATURE = "s1gned-qu3ry"
SECRETS = (PASSWORD, SHORT, TOKEN, HEADER, HOOK, SIGNATURE)


@dataclass(frozen=True)
class Case:
    """A sink whose receiver repeats what it hears."""

    recorder: Recorder
    settings: str
    file: str = ""


def cases() -> dict[str, Case]:
    """One for each kind that has credentials, and more where it has several ways to show them."""
    in_url = quote(PASSWORD, safe="")
    return {
        "http": Case(
            Recorder(answer=echoing.http(400, echoing.repeated)),
            f"type = 'http'\nurl_file = 'url'\ntoken = '{TOKEN}'\nheaders = {{ X-Api-Key = '{HEADER}' }}",
            f"http://127.0.0.1:{{port}}/hooks/{HOOK}/{{feed}}?sig={SIGNATURE}",
        ),
        "http-basic": Case(
            Recorder(answer=echoing.http(500, echoing.repeated)),
            f"type = 'http'\nurl = 'http://127.0.0.1:{{port}}/{HOOK}'\nuser = 'cdc'\npassword = '{PASSWORD}'",
        ),
        "http-short": Case(
            Recorder(answer=echoing.http(302, echoing.repeated)),
            f"type = 'http'\nurl = 'http://127.0.0.1:{{port}}/'\nuser = 'cdc'\npassword = '{SHORT}'",
        ),
        "http-oauth": Case(
            Recorder(answer=echoing.http(401, echoing.oauth_error)),
            "type = 'http'\nurl = 'http://127.0.0.1:{port}/'\noauth2_token_url = 'http://127.0.0.1:{port}/'\n"
            f"oauth2_client_id = 'cdc'\noauth2_client_secret = '{PASSWORD}'\noauth2_client_auth = 'body'",
        ),
        "kafka": Case(
            Recorder(answer=echoing.kafka),
            "type = 'kafka'\nbootstrap_servers = '127.0.0.1:{port}'\nsasl_mechanism = 'PLAIN'\nuser = 'cdc'\n"
            f"password = '{PASSWORD}'",
        ),
        "nats": Case(
            Recorder(echoing.NATS_GREETING, echoing.nats),
            f"type = 'nats'\nurl = 'nats://cdc:{in_url}@127.0.0.1:{{port}}'",
        ),
        "nats-token": Case(
            Recorder(echoing.NATS_GREETING, echoing.nats),
            f"type = 'nats'\nurl = 'nats://127.0.0.1:{{port}}'\ntoken = '{TOKEN}'",
        ),
        "opensearch": Case(
            Recorder(answer=echoing.http(400, echoing.json_error)),
            f"type = 'opensearch'\nurl = 'http://127.0.0.1:{{port}}'\nuser = 'cdc'\npassword = '{PASSWORD}'",
        ),
        "opensearch-key": Case(
            Recorder(answer=echoing.http(401, echoing.json_error)),
            f"type = 'opensearch'\nurl = 'http://127.0.0.1:{{port}}'\napi_key = '{TOKEN}'",
        ),
        "postgres": Case(
            Recorder(answer=echoing.postgres),
            f"type = 'postgres'\ndsn = 'postgresql://cdc:{in_url}@127.0.0.1:{{port}}/x?sslmode=disable'",
        ),
        "rabbitmq": Case(
            Recorder(answer=echoing.amqp),
            f"type = 'rabbitmq'\nurl = 'amqp://cdc:{in_url}@127.0.0.1:{{port}}/'",
        ),
        "redis": Case(
            Recorder(answer=echoing.redis),
            f"type = 'redis'\nurl = 'redis://cdc:{in_url}@127.0.0.1:{{port}}/0'",
        ),
        "s3": Case(
            Recorder(answer=echoing.http(403, echoing.s3_error)),
            "type = 's3'\nbucket = 'shop'\nendpoint_url = 'http://127.0.0.1:{port}'\naccess_key_id = 'cdc'\n"
            f"secret_access_key = '{PASSWORD}'",
        ),
    }


@pytest.fixture
def sinks() -> Iterator[dict[str, Case]]:
    with ExitStack() as stack:
        found = cases()
        for case in found.values():
            stack.enter_context(case.recorder)
        yield found


@pytest.fixture
def configuration(sinks: dict[str, Case], database: str, tmp_path: Path) -> Path:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE product (sku text PRIMARY KEY, name text)")
        connection.execute("INSERT INTO product VALUES ('A-1', 'Lamp'), ('A-2', 'Desk')")
    (tmp_path / "products.sql").write_text("SELECT sku, name FROM product")
    lines = ["[database]", f'dsn = "{database}"', "[daemon]", "drain_seconds = 1.0"]
    lines += ["[feeds.products]", "query = 'products.sql'", "key = ['sku']"]
    for name, case in sinks.items():
        port = str(case.recorder.port)
        lines += [f"[sinks.{name}]", "timeout_seconds = 3.0", case.settings.replace("{port}", port)]
        if case.file:
            (tmp_path / "url").write_text(case.file.replace("{port}", port))
    (tmp_path / "cdc.toml").write_text("\n".join(lines))
    return tmp_path / "cdc.toml"


def called(configuration: Path, *command: str) -> str:
    ended = CliRunner().invoke(main, ["--config", str(configuration), *command])
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        traceback.print_exception(ended.exception)
        raise ended.exception
    return ended.output


def stored(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT s::text FROM cdc.sink_state s UNION ALL SELECT f::text FROM cdc.failed_item f"
        ).fetchall()
    return "\n".join(str(row[0]) for row in rows)


def test_nothing_that_a_receiver_repeats_shows_a_secret(
    sinks: dict[str, Case], configuration: Path, database: str
) -> None:
    called(configuration, "install")
    told = {"run --once": called(configuration, "--log-level", "debug", "run", "--once")}
    told["the database"] = stored(database)
    for command in (["status"], ["status", "--json"], ["failed"], ["failed", "--json"], ["check"]):
        told[" ".join(command)] = called(configuration, *command)
    for sink in sinks:
        told[f"sinks test {sink}"] = called(configuration, "sinks", "test", sink)
    for place, text in told.items():
        for secret in SECRETS:
            for form in echoing.forms(secret):
                assert form not in text, f"{place} shows {secret}"
    # Each was told something, and each repeated it.
    for name, case in sinks.items():
        assert case.recorder.received, name
        assert "***" in told[f"sinks test {name}"], f"{name}: {told[f'sinks test {name}']}"
    assert "***" in told["the database"]


def test_each_kind_with_credentials_is_among_them(sinks: dict[str, Case]) -> None:
    assert {name.partition("-")[0] for name in sinks} == set(SINKS) - {"file", "stdout"}
