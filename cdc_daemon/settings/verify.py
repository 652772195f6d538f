"""`[verify]`: the verification in the background."""

from __future__ import annotations

from pydantic import Field

from cdc_daemon.settings.section import Section


class VerifySettings(Section):
    """`[verify]`."""

    documents_per_second: float = Field(
        default=10.0,
        ge=0,
        le=100_000,
        description="How many documents the daemon verifies in a second, one after the other, all feeds and "
        "receivers in turn. 0: none.",
    )
    records_per_second: float = Field(
        default=500.0,
        ge=0,
        le=1_000_000,
        description="How many records the daemon reads in a second from receivers that keep every record "
        "(`file`, `s3`, `kafka`, `nats`, a stream of `redis`), one after the other, to verify the documents "
        "that follow from them. 0: none.",
    )
