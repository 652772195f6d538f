"""Settings of the Kafka sink, and the configuration of its client."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from cdc_daemon.bounds import MOST_ANSWER_BYTES
from cdc_daemon.loopback import is_loopback
from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.kafka import KafkaSink
from cdc_daemon.sinks.probe import Server
from cdc_daemon.sinks.tls import TlsSettings


def _checked_topic(template: str) -> str:
    filled = placeholders.filled(placeholders.checked(template), feed="feed", sink="sink")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,200}", filled):
        raise ValueError("must be letters, digits, `.`, `_` and `-`, at most 200")
    return template


class KafkaSettings(TlsSettings, frozen=True):
    """`type = "kafka"`."""

    type: Literal["kafka"] = Field(default="kafka", description="Kind of sink.")
    bootstrap_servers: str = Field(
        min_length=1, description="First brokers to contact: `host:9092`; separate several by commas."
    )
    topic: Annotated[str, AfterValidator(_checked_topic)] = Field(
        default="{feed}", description="Topic of a feed. `{feed}` and `{sink}` stand for their names."
    )
    security: Literal["plaintext", "tls"] = Field(
        default="plaintext", description="`tls`, or `plaintext` within a trusted network."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None,
        description="Mechanism of authentication: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.",
    )
    user: str | None = Field(default=None, description="User for the authentication.")
    password: SecretStr | None = Field(
        default=None, description="Password of that user. A secret: prefer `password_file`."
    )
    compression: Literal["none", "gzip", "lz4", "zstd", "snappy"] = Field(
        default="lz4", description="`none`, `gzip`, `lz4`, `zstd` or `snappy`."
    )
    max_message_bytes: int = Field(
        default=1_000_000,
        ge=1_000,
        le=1_000_000_000,
        description="Size above which the sink refuses a document, in bytes. The topic must allow this size.",
    )

    sweep_messages: int = Field(
        default=1_000_000,
        ge=0,
        description="Largest topic, in messages, that the sink reads at the end of a full snapshot to write "
        "a tombstone for each document that the snapshot did not name. 0: it reads no topic.",
    )

    @model_validator(mode="after")
    def _whole_authentication(self) -> Self:
        if len({one is None for one in (self.sasl_mechanism, self.user, self.password)}) > 1:
            raise ValueError("must have sasl_mechanism, user and password, or none of them")
        return self

    @model_validator(mode="after")
    def _one_protocol(self) -> Self:
        for server in self.bootstrap_servers.split(","):
            word, separator, _ = server.strip().rpartition("://")
            if separator and word.lower() != self._protocol():
                raise ValueError(
                    f"must not have {word}:// in bootstrap_servers: security says what is spoken"
                )
        return self

    def in_clear(self) -> Iterator[tuple[str, str]]:
        """Yield the password if SASL sends it (see `CleartextSettings.in_clear`).

        SCRAM proves that the client knows the password, and does not send it.
        """
        if self.security == "plaintext" and self.sasl_mechanism == "PLAIN":
            for server in self._servers():
                if not is_loopback(server.host):
                    yield f"user and password to {server.host}", 'set security = "tls"'

    def address(self) -> tuple[str, ...]:
        """Return servers and topic (see `SinkSettings.address`)."""
        return (*sorted(str(server) for server in self._servers()), self.topic)

    def open(self, name: str) -> KafkaSink:
        """Return the sink, not yet connected. `name` is its name in the settings."""
        return KafkaSink(
            name,
            self.batch_records,
            self.batch_bytes,
            self.timeout_seconds,
            self.topic,
            self._client(),
            self.sweep_messages,
            servers=self._servers(),
            tls=self.tls_context if self.security == "tls" else None,
        )

    def _servers(self) -> list[Server]:
        """Return the first servers. Each may have a prefix `protocol://`, as for librdkafka."""
        urls = [server.strip().rpartition("://")[2] for server in self.bootstrap_servers.split(",")]
        return [Server.of_url(f"//{url}", 9092) for url in urls if url]

    def _protocol(self) -> str:
        """Return librdkafka's name of the security protocol."""
        return ("sasl_" if self.sasl_mechanism else "") + ("ssl" if self.security == "tls" else "plaintext")

    def _client(self) -> dict[str, object]:
        """Return the configuration of librdkafka (see its CONFIGURATION.md)."""
        milliseconds = int(self.timeout_seconds * 1000)
        files = {
            "ssl.ca.location": self.ca_file,
            "ssl.certificate.location": self.client_certificate_file,
            "ssl.key.location": self.client_key_file or self.client_certificate_file,
        }
        secrets = {"ssl.key.password": self.client_key_password, "sasl.password": self.password}
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": "cdc-daemon",
            "security.protocol": self._protocol(),
            # All in-sync replicas acknowledge. A message that the client repeats is written once, in order.
            "enable.idempotence": True,
            # As the Java client does, so that streams with the same keys have the same partitions and can be
            # joined.
            "partitioner": "murmur2_random",
            "compression.type": self.compression,
            "message.max.bytes": self.max_message_bytes,
            # The client gives up before the sink does: a message that failed must not be sent later.
            "message.timeout.ms": max(1000, milliseconds * 9 // 10),
            "socket.connection.setup.timeout.ms": min(max(1000, milliseconds), 30_000),
            "linger.ms": 0,
            # The largest answer: the metadata of some thousand topics. The default is 100 MB.
            "receive.message.max.bytes": 8 * MOST_ANSWER_BYTES,
            "socket.keepalive.enable": True,
            "logger": logging.getLogger("librdkafka"),
            **{name: str(file) for name, file in files.items() if file is not None},
            **{name: secret.get_secret_value() for name, secret in secrets.items() if secret is not None},
            **({"sasl.mechanism": self.sasl_mechanism, "sasl.username": self.user} if self.user else {}),
        }
