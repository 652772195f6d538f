"""The OpenSearch sink (also for Elasticsearch): indexes documents, with revisions as external versions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import urlsplit

import opensearchpy
import urllib3
from opensearchpy import JSONSerializer, OpenSearch
from pydantic import AfterValidator, Field, SecretStr, model_validator

from cdc_daemon.bounds import AnswerTooLarge, most_answer
from cdc_daemon.errors import CannotReadBack, NotAuthorized, RecordsRefused, RightMissing, SinkUnavailable
from cdc_daemon.sinks import opensearch_bulk, placeholders
from cdc_daemon.sinks.cleartext import clear_host
from cdc_daemon.sinks.decode import Digits, written
from cdc_daemon.sinks.malformed_answer import MALFORMED_ANSWER, described
from cdc_daemon.sinks.opensearch_connection import BoundedConnection
from cdc_daemon.sinks.probe import ConnectionProbe, Server, probed
from cdc_daemon.sinks.read_back import PAGE, Held, HeldEnd, ReadBack
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.settings import MAY_HOLD_SECRET, without_user
from cdc_daemon.sinks.sink import ProbeStep, Refusal, Sink
from cdc_daemon.sinks.tls import TlsSettings

_LEAST_VERSION = 1 << 40
"""Our versions are times in microseconds. A document with a lower version was written by another program."""
_READ_AT_ONCE = 100
_SWEPT_AT_ONCE = 1000


def _checked_url(url: str) -> str:
    for server in url.split(","):
        parts = urlsplit(server.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                "must begin with https:// or http:// and a host; several have commas between them"
            )
        if parts.username is not None or parts.password is not None:
            raise ValueError("must not hold a user or password: set user and password")
        _ = parts.port  # raises ValueError if the port is invalid
    return url


def _checked_index(template: str) -> str:
    filled = placeholders.filled(placeholders.checked(template), feed="feed", sink="sink")
    if not re.fullmatch(r"[^-_+A-Z\\/*?\"<>| ,#:][^A-Z\\/*?\"<>| ,#:]*", filled):
        raise ValueError("must be the name of an index: small letters, digits, `-` and `_`")
    return template


class OpensearchSettings(TlsSettings, frozen=True):
    """`type = "opensearch"`."""

    type: Literal["opensearch"] = Field(default="opensearch", description="Kind of sink.")
    url: Annotated[str, AfterValidator(_checked_url)] = Field(
        description="Address of the cluster: `https://host:9200`; separate several nodes by commas. If it "
        "is secret, use `url_file`.",
        json_schema_extra=MAY_HOLD_SECRET,
    )
    index: Annotated[str, AfterValidator(_checked_index)] = Field(
        default="{feed}",
        description="Index (or alias) of a feed. `{feed}` and `{sink}` stand for their names.",
    )
    user: str | None = Field(default=None, description="User for basic authentication.")
    password: SecretStr | None = Field(
        default=None, description="Password of that user. A secret: prefer `password_file`."
    )
    api_key: SecretStr | None = Field(
        default=None, description="Key for `Authorization: ApiKey …`. A secret: prefer `api_key_file`."
    )
    compress: bool = Field(default=False, description="Whether the sink compresses requests by gzip.")

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("must have user and password, or neither")
        if self.user is not None and self.api_key is not None:
            raise ValueError("must not have user and password beside api_key: set one")
        return self

    def in_clear(self) -> Iterator[tuple[str, str]]:
        """Yield user and password, or the API key (see `CleartextSettings.in_clear`)."""
        if self.user is None and self.api_key is None:
            return
        what = "user and password" if self.api_key is None else "api_key"
        for url in self.urls():
            if host := clear_host(url, "http"):
                yield f"{what} to {host}", "begin url with https://"

    def urls(self) -> list[str]:
        """Return the URL of each node."""
        return [url.strip() for url in self.url.split(",")]

    def address(self) -> tuple[str, ...]:
        """Return the nodes and the index (see `SinkSettings.address`)."""
        return (without_user(self.url), self.index)

    def open(self, name: str) -> OpensearchSink:
        """Return the sink, not yet connected. `name` is its name in the settings."""
        return OpensearchSink(name, self.batch_records, self.batch_bytes, self.timeout_seconds, settings=self)


@dataclass
class OpensearchSink(Sink, ReadBack):
    """Indexes documents. The server rejects documents that are not newer; these count as delivered."""

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    settings: OpensearchSettings = field(repr=False)
    _client: OpenSearch | None = field(default=None, init=False, repr=False)
    _scroll: str = field(default="", init=False, repr=False)  # the scroll of the present sweep

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """Index and delete in one bulk request (see `Sink.deliver`)."""
        index = placeholders.filled(self.settings.index, feed=feed, sink=self.name)
        where = f"sink {self.name}, feed {feed}, index {index}"
        try:
            if self._client is None:
                self._client = self._connected()
            if not records:
                opensearch_bulk.try_to_write(self._client, index, where)
                return ()
            for node in self._client.transport.connection_pool.connections:
                node.most_bytes = most_answer(len(records))
            body = b"".join(opensearch_bulk.action(index, record) for record in records)
            answer = opensearch_bulk.send(self._client, body)
        except opensearchpy.OpenSearchException as error:
            too_large = error.info if isinstance(error, opensearchpy.ConnectionError) else None
            if isinstance(too_large, AnswerTooLarge) and len(records) > 1:
                # Each record has a part of the answer, so half of the records may have half of it.
                raise RecordsRefused(
                    str(too_large), where=where, hint="set a smaller batch_records"
                ) from error
            raise self._explained(error, where) from error
        except OSError as error:  # a file of TLS
            raise SinkUnavailable(str(error), where=where, hint="correct the files of TLS") from error
        except MALFORMED_ANSWER as error:  # deeply nested lists
            hint = "correct url: which program listens there?"
            raise SinkUnavailable(described(error), where=where, hint=hint) from error
        refusals, ignored = opensearch_bulk.refusals_of(records, answer, where)
        self.ignored += ignored
        return refusals

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        """Delete documents of the feed's index that the snapshot did not name (see `Sink.end_snapshot`).

        An index that several feeds share is left unchanged, because its documents do not name their feed.
        """
        if "{feed}" not in self.settings.index:
            return True
        index = placeholders.filled(self.settings.index, feed=end.feed, sink=self.name)
        where = f"sink {self.name}, feed {end.feed}, index {index}"
        try:
            if self._client is None:
                self._client = self._connected()
            for node in self._client.transport.connection_pool.connections:
                node.most_bytes = most_answer(_SWEPT_AT_ONCE)
            if not self._scroll:
                # A search finds indexed documents only after a refresh.
                self._client.transport.perform_request("POST", f"/{index}/_refresh")
            return self._sweep(self._client, index, end.snapshot)
        except opensearchpy.NotFoundError:  # no index, so nothing to remove; or the scroll has expired
            self._scroll, again = "", bool(self._scroll)
            return not again
        except opensearchpy.OpenSearchException as error:
            self._scroll = ""
            raise self._explained(error, where) from error
        except OSError as error:  # a file of TLS
            raise SinkUnavailable(str(error), where=where, hint="correct the files of TLS") from error

    def _sweep(self, client: OpenSearch, index: str, snapshot: int) -> bool:
        """Check a page of versions. Documents of the snapshot have at least its number."""
        if self._scroll:
            found = client.transport.perform_request(
                "POST", "/_search/scroll", body={"scroll": "1m", "scroll_id": self._scroll}
            )
        else:
            found = client.transport.perform_request(
                "POST",
                f"/{index}/_search",
                params={"scroll": "1m"},
                body={"size": _SWEPT_AT_ONCE, "sort": ["_doc"], "version": True, "_source": False},
            )
        hits = cast("list[dict[str, Any]]", found.get("hits", {}).get("hits", []))
        old = [hit for hit in hits if _LEAST_VERSION <= int(hit["_version"]) < snapshot]
        if old:
            # A document that was written meanwhile has another version and stays.
            deletions = (opensearch_bulk.deletion(index, hit["_id"], int(hit["_version"])) for hit in old)
            opensearch_bulk.send(client, b"".join(deletions))
            self.removed += len(old)
        self._scroll = str(found.get("_scroll_id") or "") if len(hits) == _SWEPT_AT_ONCE else ""
        return not self._scroll

    @property
    def can_read_back(self) -> bool:
        """Whether the index has documents of one feed; see `ReadBack.can_read_back`."""
        return "{feed}" in self.settings.index

    def read_back(self, feed: str, key: Sequence[str]) -> Iterator[Sequence[Held | HeldEnd]]:  # noqa: ARG002
        """Go through the index; see `ReadBack.read_back`. A version may be the number of a full snapshot."""
        index = placeholders.filled(self.settings.index, feed=feed, sink=self.name)
        where = f"sink {self.name}, feed {feed}, index {index}"
        if not self.can_read_back:
            # Documents of another feed would count as left over, and `--repair` would delete them.
            raise CannotReadBack(
                "several feeds may share this index, and documents do not name their feed",
                where=where,
                hint="put {feed} into the setting `index`",
            )
        scroll = ""
        while True:
            try:
                if self._client is None:
                    self._client = self._connected()
                for node in self._client.transport.connection_pool.connections:
                    node.most_bytes = self.batch_bytes * 2 + PAGE * opensearch_bulk.LONGEST_ID_BYTES * 4
                found = self._next_page(self._client, index, scroll)
            except opensearchpy.NotFoundError:  # no index, so no documents
                if not scroll:
                    return
                raise SinkUnavailable(
                    "the search took too long", where=where, hint="repeat the command"
                ) from None
            except opensearchpy.OpenSearchException as error:
                raise self._explained(error, where) from error
            except OSError as error:  # a file of TLS
                raise SinkUnavailable(str(error), where=where, hint="correct the files of TLS") from error
            hits = cast("list[dict[str, Any]]", found.get("hits", {}).get("hits", []))
            if not hits:
                return
            yield [Held(hit["_id"], int(hit["_version"]), written(hit["_source"]).encode()) for hit in hits]
            scroll = str(found.get("_scroll_id") or "")
            if not scroll or len(hits) < _READ_AT_ONCE:
                return

    def _next_page(self, client: OpenSearch, index: str, scroll: str) -> dict[str, Any]:
        if scroll:
            body: dict[str, object] = {"scroll": "5m", "scroll_id": scroll}
            return cast(
                "dict[str, Any]", client.transport.perform_request("POST", "/_search/scroll", body=body)
            )
        # A search sees what was indexed only after a refresh.
        client.transport.perform_request("POST", f"/{index}/_refresh")
        body = {"size": _READ_AT_ONCE, "sort": ["_doc"], "version": True}
        return cast(
            "dict[str, Any]",
            client.transport.perform_request("POST", f"/{index}/_search", params={"scroll": "5m"}, body=body),
        )

    def name_of(self, feed: str, key: bytes) -> str:  # noqa: ARG002 - the same for every feed
        """The document's id; see `ReadBack.name_of`."""
        return opensearch_bulk.identity_of(key)

    def sign(self, feed: str) -> str:
        """Return the UUID of the index, or those behind an alias (see `Sink.sign`)."""
        try:
            return self._uuids(feed)
        except NotAuthorized:  # the right to read the index is missing; a delivery does not need it
            return ""

    def recognized(self, feed: str, mark: str) -> str:
        """Compare the UUIDs (see `Sink.recognized`). An alias may have one more index."""
        try:
            found = self._uuids(feed)
        except NotAuthorized:
            return mark
        return found if set(mark.split()) <= set(found.split()) else ""

    def _uuids(self, feed: str) -> str:
        """Return the UUIDs of the indices of this name; "" if there are none."""
        index = placeholders.filled(self.settings.index, feed=feed, sink=self.name)
        where = f"sink {self.name}, feed {feed}, index {index}"
        try:
            if self._client is None:
                self._client = self._connected()
            wanted = {"filter_path": "*.settings.index.uuid"}
            found = self._client.transport.perform_request("GET", f"/{index}/_settings", params=wanted)
            return " ".join(sorted(one["settings"]["index"]["uuid"] for one in found.values()))
        except opensearchpy.NotFoundError:
            return ""
        except opensearchpy.OpenSearchException as error:
            raise self._explained(error, where) from error
        except OSError as error:  # a file of TLS
            raise SinkUnavailable(str(error), where=where, hint="correct the files of TLS") from error
        except MALFORMED_ANSWER as error:
            hint = "correct url: which program listens there?"
            raise SinkUnavailable(described(error), where=where, hint=hint) from error

    def probe(self, feed: str) -> Iterator[ProbeStep]:
        """Try name, connection, TLS, authorization, and GET / (see `Sink.probe`)."""
        settings = self.settings
        urls = settings.urls()
        probe = ConnectionProbe(
            [Server.of_url(url, 443 if url.startswith("https:") else 9200) for url in urls],
            f"sink {self.name}, feed {feed}",
            self.timeout_seconds,
            tls=settings.tls_context if urls[0].startswith("https:") else None,
        )
        shown = [name for name in ("user", "password", "api_key") if getattr(settings, name) is not None]
        return probed(probe, shown, lambda: self.deliver(feed, ()))

    def close(self) -> None:
        """Close the connections. The next `deliver` opens one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> OpenSearch:
        settings = self.settings
        urls = settings.urls()
        options: dict[str, Any] = {}
        if any(url.startswith("https:") for url in urls):
            options["ssl_context"] = settings.tls_context()
        if settings.user is not None and settings.password is not None:
            password = settings.password.get_secret_value()
            options["headers"] = urllib3.make_headers(basic_auth=f"{settings.user}:{password}")
        if settings.api_key is not None:
            options["headers"] = {"Authorization": f"ApiKey {settings.api_key.get_secret_value()}"}
        return OpenSearch(
            urls,
            timeout=self.timeout_seconds,
            max_retries=0,  # the daemon pauses and retries, with the documents of that time
            http_compress=settings.compress,
            connection_class=BoundedConnection,
            serializer=_ExactNumbers(),
            **options,
        )

    def _explained(
        self, error: opensearchpy.OpenSearchException, where: str
    ) -> SinkUnavailable | RecordsRefused:
        match error:
            case opensearchpy.ConnectionTimeout():
                return SinkUnavailable(
                    f"no answer within {self.timeout_seconds:g} s",
                    where=where,
                    hint="look at the cluster's load; raise timeout_seconds or send smaller batches",
                )
            case opensearchpy.SSLError():
                hint = "set ca_file to the authority that signed its certificate; does the server ask for "
                hint += "client_certificate_file, and does the port speak https?"
                return SinkUnavailable(f"TLS failed: {error.error}", where=where, hint=hint)
            case opensearchpy.ConnectionError():
                self.close()
                hint = "is the cluster up, and url right?"
                if "https://" in self.settings.url:
                    hint += " Does it ask for client_certificate_file?"
                return SinkUnavailable(f"can't be reached: {error.error}", where=where, hint=hint)
            case opensearchpy.TransportError():
                what = f"answered {error.status_code}: {error.error}"
                if error.status_code in {400, 413}:
                    return RecordsRefused(what, where=where, status=error.status_code)
                hint = {
                    401: "correct user and password, or api_key",
                    403: "give the user the right to write to the index",
                    404: "correct url: this is no OpenSearch",
                }.get(int(error.status_code), "look at the cluster's health; it is tried again")
                kind = {401: NotAuthorized, 403: RightMissing}.get(int(error.status_code), SinkUnavailable)
                return kind(what, where=where, hint=hint)
            case _:
                return SinkUnavailable(
                    "answered with something that is not JSON",
                    where=where,
                    hint="correct url: which program listens there?",
                )


class _ExactNumbers(JSONSerializer):
    """Keeps the digits of numbers in answers: 1.10 must not become 1.1."""

    def loads(self, s: str) -> object:
        """Parse an answer."""
        try:
            return json.loads(s, parse_float=Digits)
        except ValueError as error:
            raise opensearchpy.SerializationError(s, error) from error
