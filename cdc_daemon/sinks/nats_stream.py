"""What a JetStream stream tells of itself, and the removal of what a full snapshot did not name."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api

READ_AT_ONCE = 500
"""Messages, of which only the headers are read: a subject has 512 bytes of a key at most."""
_LOST_CONSUMER_SECONDS = 300.0
"""After so long without a request the server forgets where a sweep stood."""


def mark(info: api.StreamInfo) -> str:
    """What tells the stream from another one of its name: when it was made. And its first message."""
    created = info.created.isoformat() if info.created else ""
    return f"{created}/{info.state.first_seq}"


def is_same(info: api.StreamInfo, mark_before: str) -> bool:
    """Whether it is the stream that had this mark, and was not emptied since.

    Limits and readers of a work queue remove messages rightly. Without any of them only a person does, by a
    purge, which moves the first message. With a limit on numbers alone a stream is never empty by itself.
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
    """Whether it keeps one message a subject, the latest, and lets others be removed."""
    return info.config.max_msgs_per_subject == 1 and not info.config.deny_purge


@dataclass
class Sweep:
    """Goes through the subjects of a feed and removes those whose message did not come with a full snapshot.

    Attributes:
        snapshot: its number.
        removed: how many subjects were removed so far.
    """

    feed: str
    stream: str
    snapshot: int
    context: JetStreamContext
    removed: int = field(default=0, init=False)
    _messages: JetStreamContext.PullSubscription | None = field(default=None, init=False)

    async def begin(self, subjects: str) -> bool:
        """Have the server read the last message of each subject; false if there is none.

        Args:
            subjects: with a wildcard.
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
        """Look at the next messages; false after the last ones.

        Raises:
            nats.errors.Error: as the client does; the sweep must begin anew.
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
        """Have the server forget the reading."""
        messages, self._messages = self._messages, None
        if messages is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await messages.unsubscribe()

    async def _remove(self, message: Msg) -> None:
        # Up to this message: one that came meanwhile stays.
        upto = message.metadata.sequence.stream + 1
        await self.context.purge_stream(self.stream, seq=upto, subject=message.subject)

    def _is_left_over(self, message: Msg) -> bool:
        headers = message.headers or {}
        if headers.get("Cdc-Op") != "upsert":
            return False
        is_ours = headers.get("Nats-Msg-Id", "").startswith(f"{self.feed}-")
        # What came after the snapshot, or with a later one, has a higher number: an end may come once more.
        numbers = (headers.get(name, "") for name in ("Cdc-Revision", "Cdc-Snapshot"))
        return is_ours and max(int(text) if text.isdigit() else 0 for text in numbers) < self.snapshot
