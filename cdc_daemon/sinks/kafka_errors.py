"""Explains errors of Kafka: which error of a sink they are, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException

from cdc_daemon.errors import NotAuthorized, RightMissing, SinkUnavailable, TargetFault

OF_THE_RECORD = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.POLICY_VIOLATION,
    }
)
"""Errors of one record, which come again with the same bytes."""
NOT_AUTHORIZED = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - as below
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
"""Errors of authentication or of rights."""
_RIGHT_MISSING = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})
_OF_THE_TOPIC = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - as below
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    }
)
NO_TOPIC = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})  # noqa: SLF001 - as below
"""The topic does not exist."""
TIMED_OUT = KafkaError._MSG_TIMED_OUT  # noqa: SLF001 - the client's own codes begin with _
# The client retries after every failure of a connection. In the end it raises one of these for any cause.
FOR_ANY_REASON = frozenset({TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._TRANSPORT})  # noqa: SLF001 - as above
_HINTS: Mapping[str, str] = {
    "_TRANSPORT": "are the brokers up, and bootstrap_servers right?",
    "_ALL_BROKERS_DOWN": "are the brokers up, and bootstrap_servers right?",
    "_MSG_TIMED_OUT": "are the brokers up, and bootstrap_servers right? Else raise timeout_seconds",
    "_AUTHENTICATION": "correct user and password",
    "_RESOLVE": "correct bootstrap_servers, or look at the name service",
    "_SSL": "are the brokers up, and bootstrap_servers right? Set ca_file to the authority that signed their "
    "certificates; do they ask for client_certificate_file?",
    "SASL_AUTHENTICATION_FAILED": "correct user and password",
    "TOPIC_AUTHORIZATION_FAILED": "allow the user to write to the topic",
    "CLUSTER_AUTHORIZATION_FAILED": "allow the user idempotent writes",
    "UNKNOWN_TOPIC_OR_PART": "make the topic, or let the brokers make it",
    "_UNKNOWN_TOPIC": "make the topic, or let the brokers make it",
    "NOT_ENOUGH_REPLICAS": "look at the topic's replicas; delivery goes on by itself",
}


def error_of(error: KafkaException) -> KafkaError:
    """Return the client's error within the exception."""
    inner: KafkaError = error.args[0]
    return inner


def unavailable(error: KafkaError, where: str, *, secured: bool) -> SinkUnavailable:
    """Return the error for people: what failed, and what to do.

    Args:
        where: sink, feed and topic.
        secured: whether the connection uses TLS.
    """
    # A broker that wants a certificate ends the connection after the handshake.
    name = "_SSL" if secured and error.code() in FOR_ANY_REASON else error.name()
    hint = _HINTS.get(name, "look at the brokers' log; it is tried again")
    kind: type[SinkUnavailable] = SinkUnavailable
    if error.code() in NOT_AUTHORIZED:
        kind = RightMissing if error.code() in _RIGHT_MISSING else NotAuthorized
    elif error.code() in _OF_THE_TOPIC:
        kind = TargetFault
    return kind(f"{error.str()} ({error.name()})", where=where, hint=hint)
