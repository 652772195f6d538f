"""Redis: documents as hashes, or a stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import redis

from cdc_daemon.sinks.record import Record
from tests.receivers.processes import Kind, Server, answers, program
from tests.receivers.receiver import Documents, Receiver, folded, key_of, key_of_joined, meaning, seen


class Redis(Kind):
    """redis-server that syncs its log at every command."""

    name = "redis"

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        server = program("redis-server", package="redis-server")
        options = ["--port", str(ports[0]), "--bind", "127.0.0.1", "--dir", str(folder)]
        return [server, *options, "--save", "", "--appendonly", "yes", "--appendfsync", "always"]

    def is_ready(self, ports: list[int]) -> bool:
        return answers(ports[0], b"PING\r\n", b"PONG")


REDIS = Redis()


class RedisReceiver(Receiver):
    """Hashes whose names begin with a word of the test's own."""

    kind = "redis"
    drops_repetitions = True

    def __init__(self, server: Server, name: str) -> None:
        super().__init__()
        self._server = server
        self._name = name
        self.address = server.port
        self.client = redis.Redis(port=server.port)

    def settings(self, port: int | None = None) -> dict[str, object]:
        url = f"redis://127.0.0.1:{port or self.address}/0"
        return {"url": url, "key": f"{self._name}:{{feed}}:{{key}}"}

    def documents(self, feed: str) -> Documents:
        begins = f"{self._name}:{feed}:"
        hashes = self.client.scan_iter(f"{begins}*", count=1000, _type="HASH")
        names = [name.decode() for name in hashes]
        found = {name.removeprefix(begins): self.client.hget(name, "document") for name in names}
        return {
            key_of_joined(name): meaning(document) for name, document in found.items() if document is not None
        }

    def losses(self, feed: str) -> Mapping[str, Callable[[], object]]:
        def remove(pattern: str) -> None:
            for name in self.client.scan_iter(pattern):
                self.client.delete(name)

        return {"emptied": partial(remove, f"{self._name}:{feed}*")}

    def refused(self, feed: str) -> Record | None:
        self.client.rpush(f"{self._name}:{feed}:bad", "a list")
        return Record(feed, b'{"sku":"bad"}', "upsert", 1000, "00", (), "2025-01-02T03:04:05Z", b"{}")

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()

    def close(self) -> None:
        super().close()
        self.client.close()


class RedisStreamReceiver(RedisReceiver):
    """A stream with a name of the test's own."""

    keeps_history = True

    def settings(self, port: int | None = None) -> dict[str, object]:
        url = f"redis://127.0.0.1:{port or self.address}/0"
        return {"url": url, "mode": "stream", "stream": f"{self._name}:{{feed}}"}

    def losses(self, feed: str) -> Mapping[str, Callable[[], object]]:
        stream = f"{self._name}:{feed}"
        return {**super().losses(feed), "stream deleted": lambda: self.client.delete(stream)}

    def entries(self, feed: str) -> list[dict[bytes, bytes]]:
        found: list[tuple[bytes, dict[bytes, bytes]]] = self.client.xrange(f"{self._name}:{feed}")  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
        return [fields for _, fields in found]

    def documents(self, feed: str) -> Documents:
        return folded(seen(fields[b"record"]) for fields in self.entries(feed))

    def history(self, feed: str) -> list[tuple[str, int]]:
        return [(key_of(fields[b"key"]), int(fields[b"revision"])) for fields in self.entries(feed)]

    def refused(self, feed: str) -> Record | None:
        return None  # an entry of a stream may hold anything
