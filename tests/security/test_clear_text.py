"""No credential goes over a network in clear text: it is refused first, unless a person allows it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from cdc_daemon.errors import CdcError, ConfigurationError
from cdc_daemon.loopback import is_loopback
from cdc_daemon.settings import load
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.registry import SINKS
from tests.receivers.recorder import Recorder

pytestmark = pytest.mark.any_server

SECRET = "Tr0ub4dor-and-3"  # noqa: S105 - it opens nothing
FEED = "products"
FAR = "far.example"

EXPOSING: dict[str, dict[str, object]] = {
    "http, token": {"type": "http", "url": f"http://{FAR}/{{feed}}", "token": SECRET},
    "http, basic": {"type": "http", "url": f"http://{FAR}/", "user": "cdc", "password": SECRET},
    "http, header": {"type": "http", "url": f"http://{FAR}/", "headers": {"X-Api-Key": SECRET}},
    "http, query": {"type": "http", "url": f"http://{FAR}/?code={SECRET}"},
    "http, token of OAuth": {
        "type": "http",
        "url": f"http://{FAR}/",
        "oauth2_token_url": "https://login.example/",
        "oauth2_client_id": "cdc",
        "oauth2_client_secret": SECRET,
    },
    "http, secret of OAuth": {
        "type": "http",
        "url": "https://api.example/",
        "oauth2_token_url": f"http://{FAR}/token",
        "oauth2_client_id": "cdc",
        "oauth2_client_secret": SECRET,
    },
    "kafka": {
        "type": "kafka",
        "bootstrap_servers": f"127.0.0.1:9092,{FAR}:9092",
        "sasl_mechanism": "PLAIN",
        "user": "cdc",
        "password": SECRET,
    },
    "nats, password": {"type": "nats", "url": f"nats://cdc:{SECRET}@{FAR}"},
    "nats, token": {"type": "nats", "url": f"nats://127.0.0.1,nats://{FAR}", "token": SECRET},
    "nats, token in url": {"type": "nats", "url": f"nats://{SECRET}@{FAR}"},
    "opensearch, password": {
        "type": "opensearch",
        "url": f"https://near.example,http://{FAR}:9200",
        "user": "cdc",
        "password": SECRET,
    },
    "opensearch, key": {"type": "opensearch", "url": f"http://{FAR}:9200", "api_key": SECRET},
    "postgres": {"type": "postgres", "dsn": f"host={FAR} password={SECRET}"},
    "postgres, preferring TLS": {"type": "postgres", "dsn": f"postgresql://u:{SECRET}@{FAR}/?sslmode=prefer"},
    "postgres, second host": {"type": "postgres", "dsn": f"host=/run,{FAR} password={SECRET} sslmode=allow"},
    "rabbitmq": {"type": "rabbitmq", "url": f"amqp://cdc:{SECRET}@{FAR}/"},
    "redis": {"type": "redis", "url": f"redis://:{SECRET}@{FAR}/0"},
    "s3": {"type": "s3", "bucket": "shop", "endpoint_url": f"http://{FAR}:9000"},
}

# What proves the knowledge of a secret without showing it, and what is no secret.
SAFE: dict[str, dict[str, object]] = {
    "http, nothing": {"type": "http", "url": f"http://{FAR}/"},
    "http, signature": {"type": "http", "url": f"http://{FAR}/", "webhook_secret": "whsec_" + "c2VjcmV0" * 4},
    "kafka, scram": {**EXPOSING["kafka"], "sasl_mechanism": "SCRAM-SHA-512"},
    "postgres, scram": {"type": "postgres", "dsn": f"host={FAR} password=x require_auth=scram-sha-256"},
    "postgres, TLS": {"type": "postgres", "dsn": f"host={FAR} password=x sslmode=require"},
    "postgres, no password": {"type": "postgres", "dsn": f"host={FAR}"},
    "rabbitmq, guest": {"type": "rabbitmq", "url": f"amqp://{FAR}/"},
    "redis, nobody": {"type": "redis", "url": f"redis://{FAR}/"},
}


def valid(settings: dict[str, object]) -> Any:
    return SINKS[str(settings["type"])].model_validate(settings)


def toml(settings: dict[str, object]) -> str:
    lines = ["[database]", 'dsn = "embedded:"', "[sinks.target]"]
    for name, value in settings.items():
        shown = (
            f"{{ {', '.join(f'{key} = {each!r}' for key, each in value.items())} }}"
            if isinstance(value, dict)
            else repr(value)
        )
        lines.append(f"{name} = {shown}")
    return "\n".join(lines)


@pytest.mark.parametrize("case", EXPOSING)
def test_check_and_run_refuse_settings_that_would_show_a_credential(tmp_path: Path, case: str) -> None:
    path = tmp_path / "cdc.toml"
    path.write_text(toml(EXPOSING[case]))
    for command in (["check"], ["run", "--once"]):
        ended = CliRunner().invoke(main, ["--config", str(path), *command])
        assert ended.exit_code == ConfigurationError.exit_code
        assert f"to {FAR} in clear text" in ended.stderr
        assert "allow_cleartext = true" in ended.stderr
        assert SECRET not in ended.output


@pytest.mark.parametrize("case", EXPOSING)
def test_a_person_may_allow_it(case: str) -> None:
    assert valid({**EXPOSING[case], "allow_cleartext": True}).allow_cleartext


@pytest.mark.parametrize("case", EXPOSING)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.3.2.1", "[::1]"])
def test_this_machine_is_no_network(case: str, host: str) -> None:
    near = {
        name: value.replace(FAR, host.strip("[]") if "host=" in value else host)
        if isinstance(value, str)
        else value
        for name, value in EXPOSING[case].items()
    }
    assert valid(near)


@pytest.mark.parametrize("case", SAFE)
def test_what_shows_no_secret_is_not_refused(case: str) -> None:
    assert valid(SAFE[case])


def test_the_databases_own_password_is_kept_as_well(tmp_path: Path) -> None:
    path = tmp_path / "cdc.toml"
    path.write_text(f'[database]\ndsn = "host={FAR} password={SECRET}"\n')
    with pytest.raises(ConfigurationError, match=f"must not send the password to {FAR} in clear text"):
        load(path, {})
    path.write_text(f'[database]\ndsn = "host={FAR} password={SECRET}"\nallow_cleartext = true\n')
    assert load(path, {}).database.allow_cleartext


def test_a_password_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", SECRET)
    with pytest.raises(ValueError, match="in clear text"):
        valid({"type": "postgres", "dsn": f"host={FAR}"})
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert valid({"type": "postgres", "dsn": f"host={FAR}"})


def test_an_address_that_boto3_finds_itself_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{FAR}:9000")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "cdc")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    sink = valid({"type": "s3", "bucket": "shop", "region": "eu-central-1"}).open("target")
    with pytest.raises(CdcError, match=f"to {FAR} in clear text"):
        sink.deliver(FEED, [])
    *_, last = sink.probe(FEED)
    assert f"to {FAR} in clear text" in str(last.failure)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("redis", "rediss://cdc:x@h/0?ssl_cert_reqs=none"),
        ("redis", "rediss://cdc:x@h/0?ssl_check_hostname=false"),
        ("redis", "rediss://cdc:x@h/0?db=1&ssl_ca_certs=/tmp/mine.pem"),
        ("redis", "redis://h/0?password=x"),
        ("rabbitmq", "amqps://cdc:x@h/?no_verify_ssl=1"),
        ("rabbitmq", "amqps://cdc:x@h/?verify=0"),
        ("rabbitmq", "amqps://cdc:x@h/?cafile=/tmp/mine.pem"),
    ],
)
def test_a_url_can_not_turn_verification_off(kind: str, url: str) -> None:
    with pytest.raises(ValueError, match="must not have the parameter"):
        valid({"type": kind, "url": url})


def test_a_broker_can_not_be_named_with_another_protocol() -> None:
    settings = {**EXPOSING["kafka"], "security": "tls"}
    with pytest.raises(ValueError, match="SASL_PLAINTEXT"):
        valid({**settings, "bootstrap_servers": "SASL_SSL://h:9093,SASL_PLAINTEXT://h:9092"})
    assert valid({**settings, "bootstrap_servers": "SASL_SSL://h:9093"})


@pytest.mark.parametrize(
    "host", ["", "/run/postgresql", "@abstract", "LOCALHOST.", "::1", "::ffff:127.0.0.1"]
)
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["db", "10.0.0.1", "localhost.example", "127.0.0.1.example", "::", "126.0.0.1", "128.0.0.1"]
)
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def credentials() -> Iterator[bytes]:
    """The secret as it could stand in what is sent."""
    yield SECRET.encode()
    for before in (b"", b"cdc:", b"\0cdc\0"):
        yield base64.b64encode(before + SECRET.encode()).rstrip(b"=")


GREETING = (
    b'INFO {"server_id":"X","version":"2.10.0","proto":1,"max_payload":1048576,"auth_required":true}\r\n'
)


def refusing(settings: dict[str, object], greeting: bytes, answer: bytes) -> tuple[Recorder, CdcError]:
    """What a server without TLS got of a sink that is set to use it, and the sink's error."""
    with Recorder(greeting, lambda _: answer) as recorder:
        filled = {
            name: value.replace("{port}", str(recorder.port)) if isinstance(value, str) else value
            for name, value in settings.items()
        }
        sink = valid({"timeout_seconds": 3.0, **filled}).open("target")
        try:
            with pytest.raises(CdcError) as raised:
                sink.deliver(FEED, [a_record()])
        finally:
            sink.close()
    return recorder, raised.value


def a_record() -> Record:
    return Record(FEED, b'{"sku":"a"}', "upsert", 1, "00" * 32, ("a",), "2025-01-02T03:04:05Z", b'{"a":1}')


@pytest.mark.parametrize(
    ("settings", "greeting", "answer"),
    [
        ({"type": "nats", "url": f"tls://cdc:{SECRET}@127.0.0.1:{{port}}"}, GREETING, b"+OK\r\nPONG\r\n"),
        ({"type": "nats", "url": "tls://127.0.0.1:{port}", "token": SECRET}, GREETING, b"PONG\r\n"),
        ({"type": "redis", "url": f"rediss://cdc:{SECRET}@127.0.0.1:{{port}}/0"}, b"", b"+OK\r\n"),
        ({"type": "rabbitmq", "url": f"amqps://cdc:{SECRET}@127.0.0.1:{{port}}/"}, b"", b"AMQP\0\0\x09\x01"),
        (
            {
                "type": "kafka",
                "bootstrap_servers": "127.0.0.1:{port}",
                "security": "tls",
                "sasl_mechanism": "PLAIN",
                "user": "cdc",
                "password": SECRET,
            },
            b"",
            b"\0\0\0\4\0\0\0\1",
        ),
        (
            {"type": "http", "url": "https://127.0.0.1:{port}/", "token": SECRET},
            b"",
            b"HTTP/1.1 200 OK\r\n\r\n",
        ),
        (
            {"type": "opensearch", "url": "https://127.0.0.1:{port}", "user": "cdc", "password": SECRET},
            b"",
            b"HTTP/1.1 200 OK\r\n\r\n",
        ),
        (
            {
                "type": "s3",
                "bucket": "shop",
                "endpoint_url": "https://127.0.0.1:{port}",
                "access_key_id": "cdc",
                "secret_access_key": SECRET,
            },
            b"",
            b"HTTP/1.1 200 OK\r\n\r\n",
        ),
        # `N`: the server has no TLS; what it would say next asks for the password in clear text.
        (
            {
                "type": "postgres",
                "dsn": f"host=127.0.0.1 port={{port}} user=cdc password={SECRET} sslmode=require",
            },
            b"",
            b"NR\0\0\0\x08\0\0\0\x03",
        ),
    ],
    ids=lambda value: str(value.get("type")) if isinstance(value, dict) else "",
)
def test_a_server_without_the_tls_that_is_set_is_told_nothing(
    settings: dict[str, object], greeting: bytes, answer: bytes
) -> None:
    recorder, error = refusing(settings, greeting, answer)
    for form in credentials():
        assert form not in recorder.received
    assert b"cdc" not in recorder.received.removeprefix(GREETING)
    assert error.hint


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(
    "settings",
    [
        {"type": "http", "url": "http://127.0.0.1:{port}/", "token": SECRET},
        {
            "type": "http",
            "url": "http://127.0.0.1:{port}/",
            "oauth2_token_url": "http://127.0.0.1:{port}/token",
            "oauth2_client_id": "cdc",
            "oauth2_client_secret": SECRET,
        },
        {"type": "opensearch", "url": "http://127.0.0.1:{port}", "user": "cdc", "password": SECRET},
        {
            "type": "s3",
            "bucket": "shop",
            "endpoint_url": "http://127.0.0.1:{port}",
            "access_key_id": "cdc",
            "secret_access_key": SECRET,
        },
    ],
    ids=["http", "oauth", "opensearch", "s3"],
)
def test_no_redirect_is_followed(settings: dict[str, object], status: int) -> None:
    with Recorder() as elsewhere:
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{elsewhere.port}/\r\n"
        recorder, _ = refusing(settings, b"", f"{moved}Content-Length: 0\r\n\r\n".encode())
        assert recorder.received
        assert not elsewhere.received
