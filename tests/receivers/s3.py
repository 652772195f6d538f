"""S3, as moto's server plays it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from tests.receivers.processes import Kind, Server, answers
from tests.receivers.receiver import Documents, Receiver, Seen, folded, seen

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class Moto(Kind):
    """moto's server; what it holds is in memory."""

    name = "s3"
    seconds = 60.0

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        return [sys.executable, "-P", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(ports[0])]

    def is_ready(self, ports: list[int]) -> bool:
        return answers(ports[0], b"GET / HTTP/1.0\r\n\r\n", b"200")


S3 = Moto()


@cache
def _client(port: int) -> S3Client:
    """The client of all tests that ask this server: to make one takes longer than most of their requests."""
    return boto3.Session().client(
        "s3",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - of no account
    )


class S3Receiver(Receiver):
    """A bucket of the test's own."""

    kind = "s3"
    keeps_history = True
    drops_repetitions = True

    def __init__(self, server: Server, name: str) -> None:
        super().__init__()
        self._server = server
        self.bucket = name
        self.address = server.port
        self.client = _client(server.port)
        self.client.create_bucket(Bucket=name)

    def settings(self, port: int | None = None) -> dict[str, object]:
        return {
            "bucket": self.bucket,
            "prefix": "shop/{feed}/",
            "compression": "none",
            "endpoint_url": f"http://127.0.0.1:{port or self.address}",
            "access_key_id": "test",
            "secret_access_key": "test",
        }

    def names(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sorted(one.get("Key", "") for page in pages for one in page.get("Contents", []))

    def content(self, name: str) -> bytes:
        return self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read()

    def manifests(self, feed: str) -> list[dict[str, Any]]:
        return [json.loads(self.content(name)) for name in self.names(f"shop/{feed}/manifests/")]

    def seen(self, feed: str) -> list[Seen]:
        """The records in the order of the manifests."""
        found: list[Seen] = []
        for manifest in self.manifests(feed):
            if "snapshot_end" in manifest:
                found.append(Seen("", 0, None, manifest["snapshot_end"], ends=True))
            else:
                found += map(seen, self.content(manifest["object"]).splitlines())
        return found

    def documents(self, feed: str) -> Documents:
        return folded(self.seen(feed))

    def history(self, feed: str) -> list[tuple[str, int]]:
        return [(record.key, record.revision) for record in self.seen(feed)]

    def losses(self, feed: str) -> Mapping[str, Callable[[], object]]:
        def empty() -> None:
            for name in self.names(f"shop/{feed}/"):
                self.client.delete_object(Bucket=self.bucket, Key=name)

        def make_anew() -> None:
            empty()
            self.client.delete_bucket(Bucket=self.bucket)
            self.client.create_bucket(Bucket=self.bucket)

        return {"emptied": empty, "made anew": make_anew}

    def stop(self) -> None:
        self._server.pause()

    def start(self) -> None:
        self._server.go_on()
