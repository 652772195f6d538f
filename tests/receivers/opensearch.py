"""OpenSearch, as the small server beside this file plays it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import urllib3

from cdc_daemon.sinks.record import Record
from tests.receivers.processes import Kind, Server, answers
from tests.receivers.receiver import Documents, Receiver, key_of_joined, meaning


class Opensearch(Kind):
    """The server of the tests."""

    name = "opensearch"

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        server = Path(__file__).with_name("opensearch_server.py")
        return [sys.executable, "-P", str(server), str(ports[0]), str(folder)]

    def is_ready(self, ports: list[int]) -> bool:
        return answers(ports[0], b"GET / HTTP/1.0\r\n\r\n", b"200")


OPENSEARCH = Opensearch()


class OpensearchReceiver(Receiver):
    """An index for each feed, whose name begins with a word of the test's own."""

    kind = "opensearch"
    drops_repetitions = True

    def __init__(self, server: Server, name: str) -> None:
        super().__init__()
        self._server = server
        self._name = name
        self.address = server.port

    def settings(self, port: int | None = None) -> dict[str, object]:
        return {"url": f"http://127.0.0.1:{port or self.address}", "index": f"{self._name}-{{feed}}"}

    def documents(self, feed: str) -> Documents:
        url = f"http://127.0.0.1:{self.address}/{self._name}-{feed}/_search?size=10000"
        with urllib3.PoolManager() as pool:
            answer = pool.request("POST", url, body=b"{}")
        if answer.status == 404:
            return {}
        hits = meaning(answer.data)["hits"]["hits"]
        return {key_of_joined(hit["_id"]): hit["_source"] for hit in hits}

    def losses(self, feed: str) -> Mapping[str, Callable[[], object]]:
        def drop() -> None:
            with urllib3.PoolManager() as pool:
                pool.request("DELETE", f"http://127.0.0.1:{self.address}/{self._name}-{feed}")

        return {"index dropped": drop}

    def refused(self, feed: str) -> Record | None:
        return Record(
            feed,
            b'{"sku":"bad"}',
            "upsert",
            1000,
            "00",
            (),
            "2025-01-02T03:04:05Z",
            b'{"name":{"no":"text"}}',
        )

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()
