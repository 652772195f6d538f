"""Every setting with its type, default, limits and meaning; a test compares `docs/reference.md` with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self, cast

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, Field, SecretStr, SerializeAsAny, model_validator

from cdc_daemon.pg.conninfo import ALLOWING, clear_host
from cdc_daemon.pg.own_schema import DEFAULT, PATTERN
from cdc_daemon.pg.silence import Patience
from cdc_daemon.redaction import hide_passwords
from cdc_daemon.settings.canary import CanarySettings
from cdc_daemon.settings.http import WebSettings
from cdc_daemon.settings.log import LogSettings
from cdc_daemon.settings.section import NOT_SETTABLE, Name, Names, Section, SomeNames
from cdc_daemon.settings.tracing import TracingSettings
from cdc_daemon.settings.verify import VerifySettings
from cdc_daemon.sinks.settings import SinkSettings

EMBEDDED = "embedded:"
"""Connection string that means the private server which the daemon starts and keeps in `state_dir`."""


def _checked_dsn(dsn: SecretStr) -> SecretStr:
    text = dsn.get_secret_value()
    if text == EMBEDDED:
        return dsn
    if not text.strip():
        raise ValueError("must not be empty")
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError as error:
        # Don't pass libpq's message on: it repeats the piece that it can't parse, which may be the password.
        raise ValueError("must be a connection string as libpq takes it, or `embedded:`") from error
    return dsn


class DatabaseSettings(Section):
    """`[database]`."""

    dsn: Annotated[SecretStr, AfterValidator(_checked_dsn)] = Field(
        description="Connection string of the database: a libpq URL or `key=value` words. `embedded:` means "
        "a private server that the daemon keeps in `state_dir`. A secret: if it holds a password, use "
        "`dsn_file`."
    )
    allow_cleartext: bool = Field(
        default=False,
        description="Whether the daemon may send the password to another machine without TLS. Anyone on the "
        "network path can then read it.",
    )
    own_schema: str = Field(
        default=DEFAULT,
        alias="schema",
        pattern=PATTERN,
        description="Schema of the daemon's own objects: a small letter, then at most 19 small letters, "
        "digits and _. A database may have several such schemas.",
    )
    search_path: str = Field(
        default="public",
        min_length=1,
        description="Schemas in which feed queries look names up, separated by commas.",
    )
    owner_role: Name | None = Field(
        default=None,
        description="Role that owns the capture functions. `install` creates it without the right to log "
        "in. Unset: `cdc_owner_` and the database's name.",
    )
    lock_timeout_seconds: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Longest time that `install` waits for a table's lock, in seconds. Writers queue behind "
        "it meanwhile.",
    )
    install_attempts: int = Field(
        default=30,
        ge=1,
        le=10_000,
        description="How often `install` tries to get a lock before it gives up.",
    )
    connect_timeout_seconds: float = Field(
        default=10.0,
        ge=2,
        le=300,
        description="Longest time to open a session, in seconds, for each host of `dsn`.",
    )
    silence_seconds: float = Field(
        default=20.0,
        ge=2,
        le=3600,
        description="Longest silence of the database, in seconds, before the daemon gives a session up and "
        "opens another one. The server ends a session that is silent in a transaction after twice that "
        "time.",
    )

    @property
    def patience(self) -> Patience:
        """Time limits for opening a session and for silence of the network, in seconds."""
        return Patience(self.connect_timeout_seconds, self.silence_seconds)

    @model_validator(mode="after")
    def _no_password_goes_out_in_clear(self) -> Self:
        host = None if self.embedded or self.allow_cleartext else clear_host(self.conninfo)
        if host:
            raise ValueError(
                f"must not send the password to {host} in clear text: {ALLOWING}, or allow_cleartext = true"
            )
        return self

    @property
    def conninfo(self) -> str:
        """The connection string with its password. Only psycopg may get it."""
        return self.dsn.get_secret_value()

    @property
    def embedded(self) -> bool:
        """Whether the database is the private server in `state_dir`."""
        return self.conninfo == EMBEDDED

    @property
    def shown(self) -> str:
        """The connection string without its password, for messages."""
        return hide_passwords(self.conninfo)


RESERVED_SESSIONS = 3
"""Number of a daemon's sessions that workers don't share: one for the watcher, one for the installer's lock
while a feed is planned, one to check a session that has waited for long."""


class DaemonSettings(Section):
    """`[daemon]`."""

    name: Name = Field(
        default="cdc-daemon",
        max_length=63,
        description="Name of this configuration. Several configurations may share a database; each changes "
        "and drops only its own feeds.",
    )
    state_dir: Path = Field(
        default=Path("/var/lib/cdc-daemon"),
        description="Folder for the daemon's own files: the embedded server, and the last revisions by "
        "which it notices a restored database. Documents are in the database.",
    )
    poll_seconds: float = Field(
        default=0.02,
        gt=0,
        le=60,
        description="Pause between polls while there are changes, in seconds. It is longer if a poll takes "
        "more than a tenth of it.",
    )
    idle_poll_seconds: float = Field(
        default=1.0,
        gt=0,
        le=60,
        description="Longest pause between polls, in seconds: the pause grows to it while nothing changes.",
    )
    drain_seconds: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="Longest time that a stop waits for work in progress, in seconds. The daemon does the "
        "rest after the next start.",
    )
    batch_entities: int = Field(
        default=1000, ge=1, le=1_000_000, description="How many entities one statement recomputes."
    )
    max_pass_entities: int = Field(
        default=5000,
        ge=1,
        le=10_000_000,
        description="Largest number of entities that one pass recomputes. The limit is lower if half a "
        "second is not enough for them; larger changes go to the backlog.",
    )
    sessions: int = Field(
        default=20,
        ge=4,
        le=10_000,
        description="Largest number of database sessions that the daemon opens at a time. All feeds and "
        "deliveries share them in turn.",
    )
    helper_sessions: int = Field(
        default=1,
        ge=0,
        le=64,
        description="How many of the sessions help a feed's own session to compute documents. One helper "
        "computes half of the documents of a chunk of the backlog, on another processor of the database "
        "server. 0: none.",
    )
    rotation_seconds: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Pause between attempts to empty changelogs and logs, in seconds.",
    )
    changelog_limit_mb: int = Field(
        default=1024,
        ge=1,
        description="Size of a changelog, in megabytes, above which the daemon resyncs a feed that is "
        "behind.",
    )
    log_limit_rows: int = Field(
        default=1_000_000,
        ge=1,
        description="Number of changes that a sink may be behind before it scans the stored feed instead of "
        "the log.",
    )

    @property
    def shared_sessions(self) -> int:
        """Number of sessions that feeds and deliveries share."""
        return self.sessions - self.helper_sessions - RESERVED_SESSIONS

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.shared_sessions < 1:
            raise ValueError(
                f"must have {RESERVED_SESSIONS + 1} sessions more than helper_sessions: one for the feeds, "
                f"{RESERVED_SESSIONS} for the watcher, an install's lock, and a look at a silent session"
            )
        if self.idle_poll_seconds < self.poll_seconds:
            raise ValueError("must not have idle_poll_seconds below poll_seconds")
        if self.max_pass_entities < self.batch_entities:
            raise ValueError("must not have max_pass_entities below batch_entities")
        return self


class CaptureSettings(Section):
    """`[capture]`."""

    context: bool = Field(
        default=False,
        description="Whether capture records the application_name and the session user of the writer, for "
        "the history. `install` applies a change.",
    )


class HistorySettings(Section):
    """`[history]`."""

    enabled: bool = Field(
        default=True,
        description="Whether the daemon records the history of documents: their revisions, the causes, and "
        "the deliveries. It costs about 1 % of the throughput and some 4 ms of latency.",
    )
    days: float = Field(
        default=7.0, gt=0, le=365, description="How long the daemon keeps the history, in days."
    )
    max_mb: int = Field(
        default=1024,
        ge=8,
        description="Largest size of the history, in megabytes. Above it the daemon drops the oldest eighth.",
    )
    audit_days: int = Field(
        default=365, ge=1, le=36_500, description="How long the daemon keeps the acts of persons, in days."
    )


def _key_of(validated: dict[str, Any]) -> tuple[str, ...]:
    return cast("tuple[str, ...]", validated.get("key", ()))


class FeedSettings(Section):
    """`[feeds.<name>]`."""

    query: Path | None = Field(
        default=None,
        description="File that holds the feed's SELECT and nothing else. The path is relative to the "
        "configuration file. Required, unless `query_text` is set.",
    )
    query_text: str | None = Field(
        default=None,
        min_length=1,
        repr=False,
        description="The SELECT itself, instead of a file: for a configuration that is in the environment.",
    )
    # Not a setting: the SELECT. It is read once, so that a later edit of the file needs a reload.
    text: str = Field(default="", repr=False, json_schema_extra=NOT_SETTABLE)
    # Not a setting: the file, or the setting that holds the SELECT. Messages begin with it.
    query_location: Path = Field(default=Path(), json_schema_extra=NOT_SETTABLE)
    key: SomeNames = Field(description="Output columns that identify a document.")
    entity: SomeNames = Field(
        default_factory=_key_of,
        description="Output columns that identify an entity: the documents that are recomputed together. "
        "Default: the key.",
    )
    sinks: Names = Field(
        default_factory=tuple[Name, ...],
        description="Names of the sinks that get the feed. Default: every sink. `[]`: none.",
    )
    hash_exclude: Names = Field(
        default=(),
        description="Output columns that the comparison of documents ignores: if only these "
        "differ, the document counts as unchanged.",
    )
    max_document_bytes: int = Field(
        default=16 << 20,
        ge=1 << 10,
        le=256 << 20,
        description="Largest size of a document, in bytes. The daemon sets the entity of a larger document "
        "aside as failed, and neither stores nor delivers it. A delivery holds a document in memory several "
        "times.",
    )
    reads: Names | None = Field(
        default=None,
        description="Tables, as `schema.table`, that functions of the query read. Each change of one "
        "recomputes every document. `[]`: the functions read no tables.",
    )
    accept: Names = Field(
        default=(), description="Names of the verdicts that this feed accepts ([Verdicts](#verdicts))."
    )


class Settings(Section):
    """The whole configuration, valid and complete, as one value.

    Attributes:
        file: path of the file from which it was read; of no file if all of it is in the environment.
        feeds, sinks: settings by name, in the order of the file.
    """

    file: Path = Field(json_schema_extra=NOT_SETTABLE)
    database: DatabaseSettings
    daemon: DaemonSettings = DaemonSettings()
    capture: CaptureSettings = CaptureSettings()
    history: HistorySettings = HistorySettings()
    log: LogSettings = LogSettings()
    http: WebSettings = WebSettings()
    tracing: TracingSettings = TracingSettings()
    canary: CanarySettings = CanarySettings()
    verify: VerifySettings = VerifySettings()
    feeds: dict[str, FeedSettings] = Field(default={})
    sinks: dict[str, SerializeAsAny[SinkSettings]] = Field(default={})

    @property
    def needed_sessions(self) -> int:
        """Largest number of sessions that the daemon will open: no more than its feeds and sinks can use."""
        deliveries = sum(len(feed.sinks) for feed in self.feeds.values())
        reserved = self.daemon.helper_sessions + RESERVED_SESSIONS
        return min(len(self.feeds) + deliveries + 1, self.daemon.shared_sessions) + reserved

    def effective(self) -> dict[str, Any]:
        """All values in force, ready for JSON, with secrets hidden and without the queries' text."""
        return self.model_dump(
            mode="json",
            exclude={"file": True, "feeds": {"__all__": {"text", "query_text", "query_location"}}},
        )
