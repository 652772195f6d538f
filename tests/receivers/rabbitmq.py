"""RabbitMQ."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

import aio_pika
from aio_pika.exceptions import ChannelNotFoundEntity, QueueEmpty

from cdc_daemon.sinks.record import Record
from tests.receivers.processes import Kind, Server, answers, program
from tests.receivers.receiver import Documents, Receiver, folded, seen


class Rabbitmq(Kind):
    """A broker with a name service (epmd) of its own, without plugins."""

    name = "rabbitmq"
    seconds = 110.0
    ports = 3

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        # Not the wrapper in /usr/sbin, which wants to be root or the user rabbitmq.
        server = program("/usr/lib/rabbitmq/bin/rabbitmq-server", package="rabbitmq-server")
        names = program("epmd", package="rabbitmq-server")
        (folder / "plugins").write_text("[].")
        (folder / "rabbitmq.conf").write_text("log.console.level = error\nloopback_users = none\n")
        # A name service that the broker starts itself would outlive it.
        script = f"{shlex.quote(names)} -address 127.0.0.1 -port {ports[2]} & exec {shlex.quote(server)}"
        return ["/bin/sh", "-c", script]

    def environment(self, folder: Path, ports: list[int]) -> Mapping[str, str]:
        return {
            "HOME": str(folder),  # of the cookie
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(ports[2]),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_DIST_PORT": str(ports[1]),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_NODENAME": f"test{ports[0]}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(ports[0]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +S 1:1",
        }

    def is_ready(self, ports: list[int]) -> bool:
        return answers(ports[0], b"AMQP\0\0\x09\x01", b"RabbitMQ")


RABBITMQ = Rabbitmq()


class RabbitmqReceiver(Receiver):
    """A queue for each feed, whose name begins with a word of the test's own."""

    kind = "rabbitmq"
    keeps_history = True

    def __init__(self, server: Server, name: str) -> None:
        super().__init__()
        self._server = server
        self._name = name
        self._read: dict[str, list[bytes]] = {}
        self.address = server.port

    def settings(self, port: int | None = None) -> dict[str, object]:
        url = f"amqp://guest:guest@127.0.0.1:{port or self.address}/"
        return {"url": url, "routing_key": f"{self._name}.{{feed}}"}

    def messages(self, feed: str) -> list[bytes]:
        """Every message that came so far; they are taken from the queue."""
        self._read.setdefault(feed, []).extend(asyncio.run(self._take(f"{self._name}.{feed}")))
        return self._read[feed]

    async def _take(self, queue: str) -> list[bytes]:
        found: list[bytes] = []
        async with await self.connect() as connection:
            channel = await connection.channel()
            try:
                source = await channel.get_queue(queue)
                while True:
                    found.append((await source.get(no_ack=True)).body)
            except (QueueEmpty, ChannelNotFoundEntity):
                return found

    def documents(self, feed: str) -> Documents:
        return folded(map(seen, self.messages(feed)))

    def history(self, feed: str) -> list[tuple[str, int]]:
        return [(record.key, record.revision) for record in map(seen, self.messages(feed))]

    def losses(self, feed: str) -> Mapping[str, Callable[[], object]]:
        async def delete() -> None:
            async with await self.connect() as connection:
                channel = await connection.channel()
                await channel.queue_delete(f"{self._name}.{feed}")
            self._read.pop(feed, None)

        return {"queue deleted": lambda: asyncio.run(delete())}

    async def connect(self) -> aio_pika.abc.AbstractConnection:
        return await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{self.address}/")

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()


class RabbitmqTopicReceiver(RabbitmqReceiver):
    """Routing by key; the queue of the feed takes all keys but one."""

    loss_is = "unnoticed"

    def losses(self, feed: str) -> Mapping[str, Callable[[], object]]:
        async def empty() -> None:
            async with await self.connect() as connection:
                queue = await (await connection.channel()).get_queue(f"{self._name}.{feed}")
                await queue.purge()
            self._read.pop(feed, None)

        return {"queue purged": lambda: asyncio.run(empty())}

    def settings(self, port: int | None = None) -> dict[str, object]:
        asyncio.run(self._bind())
        return {
            **super().settings(port),
            "exchange": self._name,
            "routing_key": "{feed}.{key}",
        }

    async def _bind(self) -> None:
        async with await self.connect() as connection:
            channel = await connection.channel()
            exchange = await channel.declare_exchange(
                self._name,
                aio_pika.ExchangeType.TOPIC,
                durable=True,
            )
            for feed in ("products", "prices"):
                queue = await channel.declare_queue(f"{self._name}.{feed}", durable=True)
                await queue.bind(exchange, f"{feed}.#")

    def refused(self, feed: str) -> Record | None:
        async def bind_fewer() -> None:
            async with await self.connect() as connection:
                channel = await connection.channel()
                queue = await channel.get_queue(f"{self._name}.{feed}")
                await queue.bind(self._name, f"{feed}.*")
                await queue.unbind(self._name, f"{feed}.#")

        asyncio.run(bind_fewer())
        return Record(feed, b'{"a":"b","c":"d"}', "upsert", 1000, "00", (), "2025-01-02T03:04:05Z", b"{}")
