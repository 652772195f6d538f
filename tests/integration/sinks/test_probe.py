"""What `sinks test` says of the way to each kind of server, step by step, on real sockets.

What needs TLS or a password is in test_tls.py.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

import pytest
from aio_pika.exceptions import ChannelNotFoundEntity
from nats.js.errors import NotFoundError

from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.sink import ProbeStep
from tests.receivers.kafka_front import doorkeeper
from tests.receivers.kinds import RECEIVERS, WITHOUT_SERVER, unique
from tests.receivers.nats import NATS, NatsReceiver
from tests.receivers.postgres import PostgresReceiver
from tests.receivers.processes import free_ports, shared
from tests.receivers.proxy import proxied
from tests.receivers.rabbitmq import RABBITMQ, RabbitmqReceiver

FEED = "products"
NOWHERE = "nowhere.invalid"  # RFC 6761: there will never be one
NETWORKED = ["http", "kafka", "nats", "opensearch", "postgres", "rabbitmq", "redis", "s3"]


def settings(kind: str, place: str) -> dict[str, object]:
    """A sink of that kind whose server is at `place`, a host and port."""
    addresses: dict[str, dict[str, object]] = {
        "http": {"url": f"http://{place}/"},
        "kafka": {"bootstrap_servers": place},
        "nats": {"url": f"nats://{place}"},
        "opensearch": {"url": f"http://{place}"},
        "postgres": {"dsn": f"postgresql://somebody@{place}/shop"},
        "rabbitmq": {"url": f"amqp://guest:guest@{place}/", "allow_cleartext": True},
        "redis": {"url": f"redis://{place}/0"},
        "s3": {
            "bucket": "records",
            "endpoint_url": f"http://{place}",
            "access_key_id": "somebody",
            "secret_access_key": "of-nobody",
            "allow_cleartext": True,
        },
    }
    return {"type": kind, **addresses[kind]}


def probed(of: dict[str, object]) -> list[ProbeStep]:
    sink = SINKS[str(of["type"])].model_validate({"timeout_seconds": 5.0, **of}).open("target")
    with closing(sink):
        return list(sink.probe(FEED))


def outcome(steps: list[ProbeStep]) -> list[tuple[str, bool]]:
    return [(step.name, step.failure is None) for step in steps]


def told(step: ProbeStep) -> str:
    """What failed, and what to do about it."""
    assert step.failure
    return f"{step.failure}: {step.failure.hint}"


def test_every_kind_that_goes_over_the_network_is_tried_here() -> None:
    assert {name.partition("-")[0] for name in RECEIVERS if name not in WITHOUT_SERVER} == set(NETWORKED)


@pytest.mark.parametrize("kind", NETWORKED)
def test_a_name_that_is_unknown_ends_it_at_dns(kind: str) -> None:
    steps = probed(settings(kind, f"{NOWHERE}:1234"))
    assert outcome(steps) == [("DNS", False)]
    assert f"{NOWHERE} port 1234: its name can't be resolved" in told(steps[0])
    assert "or look at the name service" in told(steps[0])


@pytest.mark.parametrize("kind", NETWORKED)
def test_a_port_that_nobody_listens_on_ends_it_at_tcp(kind: str) -> None:
    (port,) = free_ports(1)
    steps = probed(settings(kind, f"127.0.0.1:{port}"))
    assert outcome(steps) == [("DNS", True), ("TCP", False)]
    assert steps[0].said == "127.0.0.1: 127.0.0.1"
    assert f"127.0.0.1 port {port}: can't be reached: Connection refused: is the target up" in told(steps[1])


@pytest.mark.parametrize("kind", ["kafka", "opensearch"])
def test_one_server_of_several_that_can_be_reached_suffices(kind: str) -> None:
    receiver = RECEIVERS[kind](None)  # type: ignore[arg-type] # these two need none
    (nobody,) = free_ports(1)
    place = f"127.0.0.1:{nobody},{'http://' if kind == 'opensearch' else ''}127.0.0.1:{receiver.address}"
    steps = probed(settings(kind, place))
    assert ("TCP", True) in outcome(steps)
    assert "can't be reached" in steps[1].said
    assert f"connected to 127.0.0.1 port {receiver.address}" in steps[1].said


def test_a_server_without_tls_ends_it_at_tls() -> None:
    receiver = PostgresReceiver(unique())  # PyPI's PostgreSQL has none
    assert isinstance(receiver.address, str)
    with proxied(receiver.address) as proxy:
        steps = probed({"type": "postgres", "dsn": f"host=127.0.0.1 port={proxy.port} sslmode=require"})
    receiver.close()
    assert outcome(steps) == [("DNS", True), ("TCP", True), ("TLS", False)]
    assert "the server has no TLS: set it up there, or correct dsn" in told(steps[-1])


def test_a_nats_server_without_tls_ends_it_at_tls() -> None:
    steps = probed({"type": "nats", "url": f"tls://127.0.0.1:{shared(NATS).port}"})
    assert outcome(steps) == [("DNS", True), ("TCP", True), ("TLS", False)]
    assert "the server has no TLS: set it up there, or correct url" in told(steps[-1])


def test_a_server_that_is_silent_in_the_handshake_ends_it_at_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rediss://127.0.0.1:{silent.getsockname()[1]}/0"
        steps = probed({"type": "redis", "url": url, "timeout_seconds": 0.3})
    assert outcome(steps)[-1] == ("TLS", False)
    assert "no answer within 0.3 s: Does the port speak TLS? Is url right?" in told(steps[-1])


def test_a_broker_of_kafka_that_does_not_know_the_user_ends_it_at_authorization() -> None:
    with doorkeeper() as port:
        of = settings("kafka", f"127.0.0.1:{port}")
        steps = probed({**of, "sasl_mechanism": "PLAIN", "user": "cdc", "password": "of-nobody"})
    assert outcome(steps)[-1] == ("authorization", False)
    assert "who is that?" in told(steps[-1])
    assert told(steps[-1]).endswith(": correct user and password")
    assert "of-nobody" not in told(steps[-1])


@pytest.mark.parametrize("name", sorted(set(RECEIVERS) - WITHOUT_SERVER))
def test_the_way_to_a_server_that_is_well_is_told_whole(name: str, request: pytest.FixtureRequest) -> None:
    receiver = RECEIVERS[name](request)
    steps = probed({"type": receiver.kind, **receiver.settings()})
    receiver.close()
    # The server of the tests has a socket in the file system, and no network.
    way = [] if name == "postgres" else [("DNS", True), ("TCP", True)]
    assert outcome(steps) == [*way, ("authorization", True), ("accept", True)]
    assert steps[-1].said == "took an empty batch"


def test_a_probe_makes_no_stream_in_nats() -> None:
    receiver = NatsReceiver(shared(NATS), unique())

    async def look() -> None:
        client = await receiver.connect()
        try:
            await client.jetstream().stream_info(str(receiver.settings()["stream"]))
        finally:
            await client.close()

    assert outcome(probed({"type": "nats", **receiver.settings()}))[-1] == ("accept", True)
    with pytest.raises(NotFoundError):
        asyncio.run(look())
    steps = probed({"type": "nats", **receiver.settings(), "create": False})
    assert outcome(steps)[-1] == ("accept", False)
    assert "or set create = true" in told(steps[-1])


def test_a_probe_makes_no_queue_in_rabbitmq() -> None:
    receiver = RabbitmqReceiver(shared(RABBITMQ), unique())
    assert outcome(probed({"type": "rabbitmq", **receiver.settings()}))[-1] == ("accept", True)

    async def is_there() -> bool:
        async with await receiver.connect() as connection:
            channel = await connection.channel()
            try:
                await channel.get_queue(str(receiver.settings()["routing_key"]).format(feed=FEED))
            except ChannelNotFoundEntity:
                return False
            return True

    assert not asyncio.run(is_there())


def test_a_probe_makes_no_tables_in_postgres() -> None:
    receiver = PostgresReceiver(unique())
    assert outcome(probed({"type": "postgres", **receiver.settings()}))[-1] == ("accept", True)
    with receiver.connect() as connection:
        made = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert made == []
    receiver.close()
