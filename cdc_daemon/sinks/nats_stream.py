"""Identifies a JetStream stream, and removes subjects that a full snapshot did not name."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api

READ_AT_ONCE = 500
"""Number of messages read at once, only their headers: a subject has at most 512 bytes of a key."""
_READ_WHOLE_AT_ONCE = 50
_LOST_CONSUMER_SECONDS = 300.0
"""Seconds without a request after which the server forgets the position of a sweep."""


def mark(info: api.StreamInfo) -> str:
    """Return the mark of a stream: the time of its creation, and its first message."""
    created = info.created.isoformat() if info.created else ""
    return f"{created}/{info.state.first_seq}"


def is_same(info: api.StreamInfo, mark_before: str) -> bool:
    """Whether this is the stream with this mark, and it was not emptied since.

    Limits, and consumers of a work queue, remove messages legitimately. Without these only a purge removes
    messages, and moves the first message. A limit of the number of messages alone never empties a stream.
    """
    created, _, first = mark_before.partition("/")
    if mark(info).partition("/")[0] != created:
        return False
    config, state = info.config, info.state
    if config.retention not in {None, api.RetentionPolicy.LIMITS} or config.max_age or config.allow_msg_ttl:
        return True
    limits = (config.max_msgs, config.max_bytes, config.max_msgs_per_subject)
    if all(limit is None or limit <= 0 for limit in limits):
        return state.first_seq <= int(first or 0)
    return state.messages > 0


def holds_latest(info: api.StreamInfo) -> bool:
    """Whether the stream keeps only the latest message of each subject and allows removals."""
    return info.config.max_msgs_per_subject == 1 and not info.config.deny_purge


def keeps_all(info: api.StreamInfo) -> bool:
    """Whether no message is removed by itself, but for a later one of its subject."""
    config = info.config
    limits = (config.max_msgs, config.max_bytes)
    return (
        config.retention in {None, api.RetentionPolicy.LIMITS}
        and not config.max_age
        and not config.allow_msg_ttl
        and all(limit is None or limit <= 0 for limit in limits)
    )


@dataclass
class Reading:
    """Reads the messages of a feed to the end that the stream has at the beginning."""

    stream: str
    context: JetStreamContext
    _messages: JetStreamContext.PullSubscription | None = field(default=None, init=False)
    _left: int = field(default=0, init=False)

    async def begin(self, subjects: str) -> None:
        """Have the server read all messages of these subjects."""
        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.ALL,
            ack_policy=api.AckPolicy.NONE,
            inactive_threshold=_LOST_CONSUMER_SECONDS,
        )
        self._messages = await self.context.pull_subscribe(subjects, stream=self.stream, config=config)
        self._left = (await self._messages.consumer_info()).num_pending or 0

    async def step(self, seconds: float) -> list[Msg]:
        """Return the next messages; none after the last one."""
        if self._messages is None or self._left <= 0:
            return []
        messages = await self._messages.fetch(min(_READ_WHOLE_AT_ONCE, self._left), timeout=seconds)
        self._left -= len(messages)
        return messages

    async def end(self) -> None:
        """Have the server forget the reading."""
        messages, self._messages = self._messages, None
        if messages is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await messages.unsubscribe()


@dataclass
class Sweep:
    """Reads the subjects of a feed and removes those whose message is not of the full snapshot.

    Attributes:
        snapshot: number of the snapshot.
        removed: number of removed subjects.
    """

    feed: str
    stream: str
    snapshot: int
    context: JetStreamContext
    removed: int = field(default=0, init=False)
    _messages: JetStreamContext.PullSubscription | None = field(default=None, init=False)

    async def begin(self, subjects: str) -> bool:
        """Begin to read the last message of each subject. Return False if there is none.

        Args:
            subjects: a subject with a wildcard.
        """
        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.LAST_PER_SUBJECT,
            ack_policy=api.AckPolicy.NONE,
            headers_only=True,
            inactive_threshold=_LOST_CONSUMER_SECONDS,
        )
        self._messages = await self.context.pull_subscribe(subjects, stream=self.stream, config=config)
        return bool((await self._messages.consumer_info()).num_pending)

    async def step(self, seconds: float) -> bool:
        """Check the next messages. Return False after the last ones.

        Raises:
            nats.errors.Error: an error of the client. The sweep must begin anew.
        """
        if self._messages is None:
            return False
        messages = await self._messages.fetch(READ_AT_ONCE, timeout=seconds)
        left = [message for message in messages if self._is_left_over(message)]
        await asyncio.gather(*(self._remove(message) for message in left))
        self.removed += len(left)
        more = bool(messages and messages[-1].metadata.num_pending)
        if not more:
            await self.end()
        return more

    async def end(self) -> None:
        """Delete the server's state of the sweep."""
        messages, self._messages = self._messages, None
        if messages is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await messages.unsubscribe()

    async def _remove(self, message: Msg) -> None:
        # Only up to this message: a later one stays.
        upto = message.metadata.sequence.stream + 1
        await self.context.purge_stream(self.stream, seq=upto, subject=message.subject)

    def _is_left_over(self, message: Msg) -> bool:
        headers = message.headers or {}
        if headers.get("Cdc-Op") != "upsert":
            return False
        is_ours = headers.get("Nats-Msg-Id", "").startswith(f"{self.feed}-")
        # Messages after the snapshot, or of a later one, have higher numbers. The end may be repeated.
        numbers = (headers.get(name, "") for name in ("Cdc-Revision", "Cdc-Snapshot"))
        return is_ours and max(int(text) if text.isdigit() else 0 for text in numbers) < self.snapshot
