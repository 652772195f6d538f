"""NATS with JetStream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.js import api
from nats.js.errors import NotFoundError

from cdc_daemon.sinks.record import Record
from tests.receivers.processes import Kind, Server, answers, program
from tests.receivers.receiver import Documents, Receiver, folded, seen


class Nats(Kind):
    """nats-server with streams on its disk."""

    name = "nats"

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        server = program("nats-server", package="nats-server")
        return [server, "-a", "127.0.0.1", "-p", str(ports[0]), "-js", "-sd", str(folder / "data")]

    def is_ready(self, ports: list[int]) -> bool:
        return answers(ports[0], b"", b"INFO ")


NATS = Nats()


class NatsReceiver(Receiver):
    """A stream of the test's own."""

    kind = "nats"
    keeps_history = True
    drops_repetitions = True

    def __init__(self, server: Server, name: str) -> None:
        super().__init__()
        self._server = server
        self._name = name
        self.address = server.port

    def settings(self, port: int | None = None) -> dict[str, object]:
        return {
            "url": f"nats://127.0.0.1:{port or self.address}",
            "stream": self._name,
            "subject": f"{self._name}.{{feed}}.{{key}}",
        }

    def messages(self, feed: str) -> list[bytes]:
        return asyncio.run(self._messages(feed))

    async def _messages(self, feed: str) -> list[bytes]:
        client = await self.connect()
        stream = client.jetstream()
        try:
            state = (await stream.stream_info(self._name, subjects_filter=f"{self._name}.{feed}.>")).state
            wanted = sum((state.subjects or {}).values())
            if not wanted:
                return []
            reader = await stream.subscribe(
                f"{self._name}.{feed}.>",
                ordered_consumer=True,
                config=api.ConsumerConfig(deliver_policy=api.DeliverPolicy.ALL),
            )
            return [(await reader.next_msg(timeout=10)).data for _ in range(wanted)]
        except NotFoundError:
            return []
        finally:
            await client.close()

    def documents(self, feed: str) -> Documents:
        return folded(map(seen, self.messages(feed)))

    def history(self, feed: str) -> list[tuple[str, int]]:
        return [(record.key, record.revision) for record in map(seen, self.messages(feed))]

    def losses(self, feed: str) -> Mapping[str, Callable[[], object]]:
        async def lose(*, purge: bool) -> None:
            client = await self.connect()
            stream = client.jetstream()
            await (stream.purge_stream(self._name) if purge else stream.delete_stream(self._name))
            await client.close()

        return {
            "purged": lambda: asyncio.run(lose(purge=True)),
            "deleted": lambda: asyncio.run(lose(purge=False)),
        }

    def refused(self, feed: str) -> Record | None:
        large = b'{"t":"%s"}' % (b"x" * 1_100_000)
        return Record(feed, b'{"sku":"bad"}', "upsert", 1000, "00", (), "2025-01-02T03:04:05Z", large)

    async def make(self, **config: Any) -> None:
        """Make the stream before the sink does, in another way."""
        client = await self.connect()
        await client.jetstream().add_stream(name=self._name, subjects=[f"{self._name}.>"], **config)
        await client.close()

    async def connect(self) -> Client:
        return await nats.connect(f"nats://127.0.0.1:{self.address}")

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()
