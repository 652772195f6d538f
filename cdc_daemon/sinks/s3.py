"""The S3 sink: writes objects of NDJSON lines, with a manifest for each, to S3 or a compatible service."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import orjson
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
)
from botocore.utils import get_environ_proxies

from cdc_daemon import redaction
from cdc_daemon.bounds import MOST_ANSWER_BYTES, AnswerTooLarge, Bounds
from cdc_daemon.errors import NotAuthorized, SinkUnavailable
from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.decode import Decoder
from cdc_daemon.sinks.formats import Format, framed
from cdc_daemon.sinks.frames import Frames
from cdc_daemon.sinks.malformed_answer import MALFORMED_ANSWER
from cdc_daemon.sinks.probe import ConnectionProbe, Server, probed
from cdc_daemon.sinks.read_back import Held, HeldEnd, ReadBack, pages
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.s3_client import connected, new_session, tls_context
from cdc_daemon.sinks.s3_errors import explained, status_of
from cdc_daemon.sinks.sink import ProbeStep, Refusal, Sink
from cdc_daemon.sinks.unreachable import Names

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from types_boto3_s3 import S3Client

    from cdc_daemon.sinks.s3_settings import S3Settings

_ENDINGS: Mapping[str, str] = {"none": "", "gzip": ".gz", "zstd": ".zst"}
_CLOCKS_DIFFER = timedelta(hours=1)
_FAILURES: tuple[type[Exception], ...] = (ClientError, BotoCoreError, OSError, *MALFORMED_ANSWER)


@dataclass
class S3Sink(Sink, ReadBack):
    """Writes objects that are named by their content, and manifests that list them in order.

    The sink writes the manifest after its object. After a crash between the two, the repeated batch finds the
    object and writes the manifest. After a crash later, it finds both.
    """

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    settings: S3Settings = field(repr=False)
    format: Format = field(repr=False)
    frames: Frames = field(repr=False)
    is_log = True
    _client: S3Client | None = field(default=None, init=False, repr=False)
    _credentials: Credentials | None = field(default=None, init=False, repr=False)
    _last_manifest: str = field(default="", init=False, repr=False)
    _half_time: float = field(default=0.0, init=False, repr=False)
    _seen: tuple[str, float] = field(
        default=("", 0.0), init=False, repr=False
    )  # mark, and the time until which it is valid

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """Write one object, then its manifest (see `Sink.deliver`)."""
        prefix, where = self._prefix_of(feed)
        with self._asked(where) as client:
            if records:
                self._write(client, prefix, feed, records)
            else:
                client.list_objects_v2(Bucket=self.settings.bucket, Prefix=prefix, MaxKeys=1)
        return ()

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        """Write a manifest of the end (see `Sink.end_snapshot`)."""
        prefix, where = self._prefix_of(end.feed)
        manifest = {"feed": end.feed, "snapshot_end": end.snapshot, "object": None, "records": 0}
        with self._asked(where) as client:
            self._last_manifest = self._next_manifest(client, prefix)
            name = f"{prefix}manifests/{self._last_manifest}-snapshot-{end.snapshot}.json"
            self._put_new(client, name, orjson.dumps(manifest))
        return True

    def sign(self, feed: str) -> str:
        """Write an object below the prefix, which is lost with the other objects (see `Sink.sign`)."""
        prefix, where = self._prefix_of(feed)
        with self._asked(where) as client:
            found = self._marks(client, prefix)
            if not found:
                found = [f"{_SIGNED}{uuid4().hex}.json"]
                told = {"feed": feed, "sink": self.name, "signed_at": _stamp(datetime.now(UTC))}
                self._put_new(client, f"{prefix}{found[0]}", orjson.dumps(told))
        # A service with eventually consistent lists shows the object only after some time.
        self._seen = (found[0], time.monotonic() + _LOOK_SECONDS)
        return found[0]

    def recognized(self, feed: str, mark: str) -> str:
        """Look up this object, at most once a minute (see `Sink.recognized`)."""
        if self._seen[0] == mark and time.monotonic() < self._seen[1]:
            return mark
        prefix, where = self._prefix_of(feed)
        try:
            with self._asked(where) as client:
                if mark not in self._marks(client, prefix):
                    return ""
        except NotAuthorized:
            return mark
        self._seen = (mark, time.monotonic() + _LOOK_SECONDS)
        return mark

    def read_back(self, feed: str, key: Sequence[str]) -> Iterator[Sequence[Held | HeldEnd]]:
        """Read the objects in the order of their manifests; see `ReadBack.read_back`."""
        prefix, where = self._prefix_of(feed)
        decoder = Decoder(self.settings.format, feed, key, where)
        begins, after = f"{prefix}manifests/", ""
        while True:
            with self._asked(where) as client:
                answer = client.list_objects_v2(
                    Bucket=self.settings.bucket, Prefix=begins, StartAfter=after or begins
                )
            names = [one.get("Key", "") for one in answer.get("Contents", [])]
            for name in names:
                manifest = orjson.loads(self._object(name, where))
                if "snapshot_end" in manifest:
                    yield [HeldEnd(int(manifest["snapshot_end"]))]
                    continue
                packed = self._object(manifest["object"], where)
                if packed:  # else somebody has deleted the object, and its records are missing
                    yield from pages(decoder.lines(iter(self.frames.unpacked(packed).split(b"\n"))))
            if not names:
                return
            after = names[-1]

    def _object(self, name: str, where: str) -> bytes:
        """Return the bytes of an object; none if it does not exist."""
        with self._asked(where, 2 * self.batch_bytes + 4 * MOST_ANSWER_BYTES) as client:
            try:
                return client.get_object(Bucket=self.settings.bucket, Key=name)["Body"].read()
            except ClientError as error:
                if status_of(error) == 404:
                    return b""
                raise

    def _marks(self, client: S3Client, prefix: str) -> list[str]:
        answer = client.list_objects_v2(Bucket=self.settings.bucket, Prefix=f"{prefix}{_SIGNED}")
        return [one.get("Key", "").removeprefix(prefix) for one in answer.get("Contents", [])]

    def _prefix_of(self, feed: str) -> tuple[str, str]:
        """Return the prefix of a feed's objects, and what errors name."""
        prefix = placeholders.filled(self.settings.prefix, feed=feed, sink=self.name)
        return prefix, f"sink {self.name}, feed {feed}, bucket {self.settings.bucket}, {prefix}"

    @contextlib.contextmanager
    def _asked(self, where: str, most_bytes: int = 4 * MOST_ANSWER_BYTES) -> Generator[S3Client]:
        """Yield the client, within the limits of a delivery. Convert errors to those of the contract."""
        # botocore reads its description of the service to create a client. On a busy machine that takes a
        # second, which is not the service's.
        try:
            client = self._client = self._client or self._connected(where)
        except _FAILURES as error:
            raise explained(error, where) from error
        # The longest answer is a page of a list with a thousand names.
        with Bounds(time.monotonic() + self.timeout_seconds, most_bytes) as bounds:
            try:
                self._half_time = time.monotonic() + self.timeout_seconds / 2
                yield client
            except RecursionError as error:
                # After a redirect, boto3 asks for the bucket's region. It does not stop if the service
                # redirects this request too.
                self.close()
                raise SinkUnavailable(
                    "answers every request with a redirect",
                    where=where,
                    hint="correct endpoint_url or region",
                ) from error
            except _FAILURES as error:
                self._meet_credentials()
                self.close()
                told = AnswerTooLarge() if bounds.exceeded else TimeoutError() if bounds.passed else error
                raise explained(told, where) from error

    def probe(self, feed: str) -> Iterator[ProbeStep]:
        """Try name, connection, TLS and credentials, and list the prefix (see `Sink.probe`)."""
        where = f"sink {self.name}, feed {feed}"
        try:
            if self._client is None:
                self._client = self._connected(where)
        except SinkUnavailable as error:
            yield ProbeStep("DNS", failure=error)
            return
        except (BotoCoreError, ValueError) as error:  # no region, or a missing profile
            hint = "correct region, endpoint_url, or the profile in the environment"
            yield ProbeStep("DNS", failure=SinkUnavailable(str(error), where=where, hint=hint))
            return
        url = self._client.meta.endpoint_url
        secured = url.startswith("https:")
        probe = ConnectionProbe(
            # A proxy of the environment resolves the name and opens the connection.
            [] if get_environ_proxies(url) else [Server.of_url(url, 443 if secured else 80)],
            where,
            self.timeout_seconds,
            names=Names(server="endpoint_url" if self.settings.endpoint_url else "region"),
            tls=(lambda: tls_context(self.settings.ca_file)) if secured else None,
        )
        shown = ["access key"] if self.settings.access_key_id else ["what boto3 finds"]
        yield from probed(probe, shown, lambda: self.deliver(feed, ()))

    def close(self) -> None:
        """Close the connections. The next `deliver` opens one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _write(self, client: S3Client, prefix: str, feed: str, records: Sequence[Record]) -> None:
        lines = framed((self.format.encode(record) for record in records), "ndjson")
        digest = hashlib.sha256(lines).hexdigest()
        last = max(record.revision for record in records)
        name = f"{prefix}records/{last:020}-{digest[:16]}.ndjson{_ENDINGS[self.settings.compression]}"
        body = self.frames.packed(lines)
        written = self._put_new(client, name, body)
        if not written and self._has_manifest(client, prefix, name, digest):
            return
        manifest: dict[str, object] = {
            "feed": feed,
            "object": name,
            "sha256": digest,
            "bytes": len(body),
            "records": len(records),
            "first_revision": min(record.revision for record in records),
            "last_revision": last,
        }
        snapshots = {record.snapshot for record in records if record.snapshot is not None}
        if snapshots:
            manifest["snapshot"] = max(snapshots)
        self._last_manifest = self._next_manifest(client, prefix)
        self._put_new(
            client, f"{prefix}manifests/{self._last_manifest}-{digest[:16]}.json", orjson.dumps(manifest)
        )

    def _put_new(self, client: S3Client, name: str, body: bytes) -> bool:
        """Write an object. Return False if one of this name exists; it then has the same content."""
        self._begin_in_time()
        try:
            answer = client.put_object(Bucket=self.settings.bucket, Key=name, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if status_of(error) == 412:
                return False
            raise
        if not answer.get("ETag"):
            raise ConnectionError("what answered is no S3: it named no ETag")
        return True

    def _has_manifest(self, client: S3Client, prefix: str, name: str, digest: str) -> bool:
        """Whether a manifest names the object. The manifest's name ends with the object's digest."""
        self._begin_in_time()
        written_at = client.head_object(Bucket=self.settings.bucket, Key=name)["LastModified"]
        after = f"{prefix}manifests/{_stamp(written_at - _CLOCKS_DIFFER)}"
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=self.settings.bucket, Prefix=f"{prefix}manifests/", StartAfter=after
        )
        for page in pages:
            self._begin_in_time()
            if any(one.get("Key", "").endswith(f"-{digest[:16]}.json") for one in page.get("Contents", [])):
                return True
        return False

    def _next_manifest(self, client: S3Client, prefix: str) -> str:
        """Return a time that sorts after every existing manifest, even if a clock was set back."""
        now = _stamp(datetime.now(UTC))
        if not self._last_manifest:
            begins = f"{prefix}manifests/"
            answer = client.list_objects_v2(
                Bucket=self.settings.bucket, Prefix=begins, StartAfter=f"{begins}{now}"
            )
            names = [one.get("Key", "").removeprefix(begins) for one in answer.get("Contents", [])]
            self._last_manifest = max((name.partition("-")[0] for name in names), default="")
        if now > self._last_manifest:
            return now
        moment = datetime.strptime(self._last_manifest, _STAMP).replace(tzinfo=UTC)
        return _stamp(moment + timedelta(microseconds=1))

    def _begin_in_time(self) -> None:
        """Check that there is time for one more request. Each may take half of `timeout_seconds`.

        Raises:
            TimeoutError: half of the time is over. Written objects stay, and the next try finds them.
        """
        if time.monotonic() > self._half_time:
            raise TimeoutError("the service was too slow for all that a batch needs")

    def _connected(self, where: str) -> S3Client:
        session = new_session()
        self._credentials = session.get_credentials()
        self._meet_credentials()
        settings = self.settings
        secret = settings.secret_access_key
        return connected(
            session,
            where,
            region=settings.region,
            endpoint_url=settings.endpoint_url,
            access_key_id=settings.access_key_id,
            secret_access_key=secret.get_secret_value() if secret else None,
            ca_file=settings.ca_file,
            allow_cleartext=settings.allow_cleartext,
            timeout_seconds=self.timeout_seconds,
        )

    def _meet_credentials(self) -> None:
        """Hide credentials that boto3 found: an answer may repeat them, especially a session token."""
        if self._credentials is not None:
            found = self._credentials.get_frozen_credentials()
            redaction.meet(found.secret_key, found.token)


_SIGNED = "target-"
_LOOK_SECONDS = 60.0
"""Seconds between two look-ups of the mark: each is a request that costs money."""
_STAMP = "%Y%m%dT%H%M%S.%fZ"


def _stamp(moment: datetime) -> str:
    """Return a time that sorts as text: 20250102T030405.678901Z."""
    return moment.astimezone(UTC).strftime(_STAMP)
