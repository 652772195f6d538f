"""Servers that speak TLS, let in who shows a certificate of their authority, and ask for a password.

One for each kind of sink that goes over a network, but for HTTP (tests/unit/sinks/test_http_tls.py). What a
server can't do (moto asks for no certificate, the mock cluster of Kafka for no password) its `Door` says.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import boto3
import psycopg
from psycopg.conninfo import make_conninfo

from cdc_daemon.pg.binaries import find_binaries
from cdc_daemon.pg.embedded import EmbeddedServer
from cdc_daemon.pg.system_user import give, server_user
from tests.receivers.certificates import Certificates
from tests.receivers.kafka import KAFKA
from tests.receivers.kafka_front import secured_front
from tests.receivers.nats import Nats
from tests.receivers.opensearch import Opensearch
from tests.receivers.postgres import OWN_PREFIX
from tests.receivers.processes import free_ports, leave_out, own, shared
from tests.receivers.rabbitmq import Rabbitmq
from tests.receivers.redis import Redis
from tests.receivers.s3 import Moto
from tests.support import servers

USER, PASSWORD = "cdc", "of-the-tests"


@dataclass(frozen=True)
class Door:
    """What a sink needs to get into a server.

    Attributes:
        settings: those of the sink, given a password, an authority to trust (or None for those of the system)
            and whether it shows its certificate.
        asks_for_certificate, asks_for_password: whether the server lets nobody in without.
    """

    certificates: Certificates
    settings: Callable[[str, Path | None, bool], dict[str, object]]
    asks_for_certificate: bool = True
    asks_for_password: bool = True


def _certificates(folder: Path) -> Certificates:
    """Made by the server that starts first on the folder."""
    found = Certificates(folder)
    return found if found.authority.exists() else found.make()


class _Redis(Redis):
    name = "redis-secured"
    ports = 2

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        files = _certificates(folder)
        certificate, key = files.server
        return [
            *super().command(folder, ports[:1]),
            *("--tls-port", str(ports[1]), "--tls-auth-clients", "yes"),
            *("--tls-ca-cert-file", str(files.authority)),
            *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
            *("--user", USER, "on", f">{PASSWORD}", "~*", "+@all"),
        ]


class _Nats(Nats):
    name = "nats-secured"

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        files = _certificates(folder)
        certificate, key = files.server
        return [
            *super().command(folder, ports),
            *("--tlsverify", "--tlscacert", str(files.authority)),
            *("--tlscert", str(certificate), "--tlskey", str(key)),
            *("--user", USER, "--pass", PASSWORD),
        ]


class _Rabbitmq(Rabbitmq):
    name = "rabbitmq-secured"
    ports = 4

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        files = _certificates(folder)
        certificate, key = files.server
        command = super().command(folder, ports)
        with (folder / "rabbitmq.conf").open("a") as configuration:
            configuration.write(
                f"listeners.ssl.1 = 127.0.0.1:{ports[3]}\n"
                f"ssl_options.cacertfile = {files.authority}\n"
                f"ssl_options.certfile = {certificate}\n"
                f"ssl_options.keyfile = {key}\n"
                "ssl_options.verify = verify_peer\n"
                "ssl_options.fail_if_no_peer_cert = true\n"
                f"default_user = {USER}\ndefault_pass = {PASSWORD}\n"
            )
        return command

    def is_ready(self, ports: list[int]) -> bool:
        return super().is_ready(ports) and _shakes_hands(ports[3])


class _Opensearch(Opensearch):
    name = "opensearch-secured"

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        files = _certificates(folder)
        secured = [*files.server, files.authority]
        return [*super().command(folder, ports), *map(str, secured), f"{USER}:{PASSWORD}"]

    def is_ready(self, ports: list[int]) -> bool:
        return _shakes_hands(ports[0])


class _Moto(Moto):
    name = "s3-secured"

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        certificate, key = _certificates(folder).server
        return [*super().command(folder, ports), "--ssl-cert", str(certificate), "--ssl-key", str(key)]

    def environment(self, folder: Path, ports: list[int]) -> Mapping[str, str]:
        return {"INITIAL_NO_AUTH_ACTION_COUNT": "4"}  # those of `_let_in`

    def is_ready(self, ports: list[int]) -> bool:
        return _shakes_hands(ports[0])


def _shakes_hands(port: int) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=2) as raw, context.wrap_socket(raw):
        return True


def _of_settings(certificates: Certificates, of: Callable[[str], dict[str, object]], **asks: bool) -> Door:
    """The door to a kind of sink that has the settings of TLS that most have."""
    chain, key = map(str, certificates.client)

    def settings(password: str, authority: Path | None, shows: bool) -> dict[str, object]:
        trusted = {} if authority is None else {"ca_file": str(authority)}
        shown = {"client_certificate_file": chain, "client_key_file": key}
        return {**of(password), **trusted, **(shown if shows and opened.asks_for_certificate else {})}

    opened = Door(certificates, settings, **asks)
    return opened


def _redis(name: str) -> Iterator[Door]:
    server = shared(_Redis())
    url = "rediss://{user}:{password}@127.0.0.1:{port}/0"
    yield _of_settings(
        Certificates(server.folder),
        lambda password: {
            "url": url.format(user=USER, password=password, port=server.ports[1]),
            "key": f"{name}:{{feed}}:{{key}}",
        },
    )


def _nats(name: str) -> Iterator[Door]:
    server = shared(_Nats())
    yield _of_settings(
        Certificates(server.folder),
        lambda password: {
            "url": f"tls://{USER}:{password}@127.0.0.1:{server.port}",
            "stream": name,
            "subject": f"{name}.{{feed}}",
        },
    )


def _rabbitmq(name: str) -> Iterator[Door]:
    server = shared(_Rabbitmq())
    yield _of_settings(
        Certificates(server.folder),
        lambda password: {
            "url": f"amqps://{USER}:{password}@127.0.0.1:{server.ports[3]}/",
            "routing_key": f"{name}.{{feed}}",
        },
    )


def _opensearch(name: str) -> Iterator[Door]:
    server = shared(_Opensearch())
    yield _of_settings(
        Certificates(server.folder),
        lambda password: {
            "url": f"https://127.0.0.1:{server.port}",
            "index": f"{name}-{{feed}}",
            "user": USER,
            "password": password,
        },
    )


def _kafka(name: str) -> Iterator[Door]:
    broker = shared(KAFKA)
    folder = broker.folder / name
    folder.mkdir()
    certificates = Certificates(folder).make()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.server)
    context.load_verify_locations(certificates.authority)
    context.verify_mode = ssl.CERT_REQUIRED
    with secured_front(broker.port, context) as port:
        yield _of_settings(
            certificates,
            lambda _: {
                "bootstrap_servers": f"127.0.0.1:{port}",
                "security": "tls",
                "topic": f"{name}.{{feed}}",
            },
            asks_for_password=False,
        )


def _s3(name: str) -> Iterator[Door]:
    server = own(_Moto(), name)
    certificates = Certificates(server.folder)
    url = f"https://127.0.0.1:{server.port}"
    identity, secret = _let_in(url, certificates.authority, name)
    yield _of_settings(
        certificates,
        lambda password: {
            "bucket": name,
            "endpoint_url": url,
            "access_key_id": identity,
            "secret_access_key": secret if password == PASSWORD else password,
        },
        asks_for_certificate=False,
    )
    server.stop()


def _let_in(url: str, authority: Path, bucket: str) -> tuple[str, str]:
    """Make a bucket, and a user who may do everything; returns id and secret of a key of that user."""
    session = boto3.Session("test", "test", region_name="us-east-1")
    users = session.client("iam", endpoint_url=url, verify=str(authority))
    session.client("s3", endpoint_url=url, verify=str(authority)).create_bucket(Bucket=bucket)
    users.create_user(UserName=USER)
    everything = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
    users.put_user_policy(UserName=USER, PolicyName="all", PolicyDocument=everything)
    key = users.create_access_key(UserName=USER)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _postgres(name: str) -> Iterator[Door]:
    # PyPI's server has no TLS; Debian's has.
    server = EmbeddedServer(
        Path(os.environ[servers.DIRECTORY_VARIABLE]) / f"{OWN_PREFIX}{name}",
        binaries=_with_tls(),
        fast=True,
        tcp_port=free_ports(1)[0],
    )
    inside = server.start()
    folder = server.directory / "certificates"
    folder.mkdir()
    certificates = Certificates(folder).make()
    give(certificates.server[1], server_user(server.directory / "data"))
    rule = "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca"
    rules = server.directory / "data" / "pg_hba.conf"
    rules.write_text(f"local all all trust\n{rule}\n")
    with psycopg.connect(inside, autocommit=True) as administrator:
        for setting, file in (
            ("ssl_cert_file", certificates.server[0]),
            ("ssl_key_file", certificates.server[1]),
            ("ssl_ca_file", certificates.authority),
        ):
            administrator.execute(f"ALTER SYSTEM SET {setting} = '{file}'")  # pyright: ignore[reportArgumentType, reportCallIssue]
        administrator.execute("ALTER SYSTEM SET ssl = on")
        administrator.execute(f"CREATE ROLE {USER} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")  # pyright: ignore[reportArgumentType, reportCallIssue]
        administrator.execute("SELECT pg_reload_conf()")
    chain, key = certificates.client

    def settings(password: str, authority: Path | None, shows: bool) -> dict[str, object]:
        words = {"sslmode": "verify-full", "sslrootcert": str(authority or "system")}
        if shows:
            words |= {"sslcert": str(chain), "sslkey": str(key)}
        dsn = make_conninfo(
            host="127.0.0.1", port=server.tcp_port, user=USER, password=password, dbname="postgres", **words
        )
        return {"dsn": dsn}

    yield Door(certificates, settings)
    server.remove()


_DOORS: Mapping[str, Callable[[str], Iterator[Door]]] = {
    "kafka": _kafka,
    "nats": _nats,
    "opensearch": _opensearch,
    "postgres": _postgres,
    "rabbitmq": _rabbitmq,
    "redis": _redis,
    "s3": _s3,
}
KINDS = tuple(_DOORS)


@contextmanager
def door(kind: str) -> Iterator[Door]:
    """The server of a kind of sink, and a place on it that nobody else uses, as long as the block lasts."""
    yield from _DOORS[kind](f"t{uuid4().hex[:12]}")


def _with_tls() -> Path:
    """The machine's PostgreSQL: that of PyPI has no TLS."""
    if not servers.machine_has_one():
        leave_out("PostgreSQL", package="postgresql")
    return find_binaries("machine", only=True)
