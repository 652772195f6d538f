"""Every setting with its type, default, limits and meaning; `docs/reference.md` is checked against it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, SerializeAsAny, model_validator
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from cdc_daemon.pg.conninfo import ALLOWING, clear_host
from cdc_daemon.pg.own_schema import DEFAULT, PATTERN
from cdc_daemon.pg.silence import Patience
from cdc_daemon.redaction import hide_passwords
from cdc_daemon.sinks.settings import MAY_HOLD_SECRET, SinkSettings

EMBEDDED = "embedded:"
"""The connection string of the private server that the daemon starts and keeps in `state_dir`."""

_NOT_SETTABLE: JsonDict = {"settable": False}


def _checked_dsn(dsn: SecretStr) -> SecretStr:
    text = dsn.get_secret_value()
    if text == EMBEDDED:
        return dsn
    if not text.strip():
        raise ValueError("must not be empty")
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError as error:
        # libpq's message is not passed on: it repeats the piece that it stumbled over, perhaps the password.
        raise ValueError("must be a connection string as libpq takes it, or `embedded:`") from error
    return dsn


def _without_repetition(names: tuple[str, ...]) -> tuple[str, ...]:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise ValueError(f"must not name {name!r} twice")
    return names


Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], AfterValidator(_without_repetition)]
SomeNames = Annotated[tuple[Name, ...], Field(min_length=1), AfterValidator(_without_repetition)]


class _Section(BaseModel):
    # hide_input_in_errors: an error's text may reach a log, and its input may be a secret.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class DatabaseSettings(_Section):
    """`[database]`."""

    dsn: Annotated[SecretStr, AfterValidator(_checked_dsn)] = Field(
        description="Connection string of the database, a libpq URL or `key=value` words; `embedded:` is a "
        "private server kept in `state_dir`. A secret: with a password in it better `dsn_file`."
    )
    allow_cleartext: bool = Field(
        default=False,
        description="Whether the password may go without TLS to another machine. Everybody on the way can "
        "read it.",
    )
    own_schema: str = Field(
        default=DEFAULT,
        alias="schema",
        pattern=PATTERN,
        description="Schema of the daemon's own objects: a small letter, then at most 19 small letters, "
        "digits and _. Several such schemas may stand in one database.",
    )
    search_path: str = Field(
        default="public",
        min_length=1,
        description="Schemas in which feed queries look names up, with commas.",
    )
    owner_role: Name | None = Field(
        default=None,
        description="Role that owns the capture functions; it can't log in and is made by `install`. "
        "Unset: `cdc_owner_` and the database's name.",
    )
    lock_timeout_seconds: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Longest that `install` waits for a table's lock, in seconds: writers queue behind it.",
    )
    install_attempts: int = Field(
        default=30,
        ge=1,
        le=10_000,
        description="How often `install` tries for a lock before it gives up.",
    )
    connect_timeout_seconds: float = Field(
        default=10.0,
        ge=2,
        le=300,
        description="Longest that opening a session may take, in seconds, for each host of `dsn`.",
    )
    silence_seconds: float = Field(
        default=20.0,
        ge=2,
        le=3600,
        description="Longest silence of the database before a session is given up and opened anew, in "
        "seconds; the server ends a session that is silent in a transaction after twice as long.",
    )

    @property
    def patience(self) -> Patience:
        """How long the network may take."""
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
        """The connection string with its password, for psycopg and nobody else."""
        return self.dsn.get_secret_value()

    @property
    def embedded(self) -> bool:
        """Whether the database is the private server in `state_dir`."""
        return self.conninfo == EMBEDDED

    @property
    def shown(self) -> str:
        """The connection string without its password, for people."""
        return hide_passwords(self.conninfo)


RESERVED_SESSIONS = 3
"""Of a daemon's sessions, those that are not shared: the watcher's; the installer's lock, while a feed is
planned; the look at a session that has waited for long."""


class DaemonSettings(_Section):
    """`[daemon]`."""

    name: Name = Field(
        default="cdc-daemon",
        max_length=63,
        description="Name of this configuration: several may share a database, and each changes and drops "
        "its own feeds alone.",
    )
    state_dir: Path = Field(
        default=Path("/var/lib/cdc-daemon"),
        description="Folder of what the daemon keeps for itself: the embedded server. Documents are in "
        "the database.",
    )
    poll_seconds: float = Field(
        default=0.02,
        gt=0,
        le=60,
        description="Pause between looks for changes while there are some, in seconds; longer where a look "
        "takes more than a tenth of it.",
    )
    idle_poll_seconds: float = Field(
        default=1.0,
        gt=0,
        le=60,
        description="The pause that `poll_seconds` grows to when nothing changes, in seconds.",
    )
    drain_seconds: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="Longest that a stop waits for the work at hand, in seconds; what is left is done "
        "after the next start.",
    )
    batch_entities: int = Field(
        default=1000, ge=1, le=1_000_000, description="How many entities one statement recomputes."
    )
    max_pass_entities: int = Field(
        default=5000,
        ge=1,
        le=10_000_000,
        description="The most entities that one pass recomputes, if half a second does not allow for fewer; "
        "more go to the slow lane.",
    )
    sessions: int = Field(
        default=20,
        ge=4,
        le=10_000,
        description="The most sessions that the daemon has in the database at a time; feeds and deliveries "
        "share them in turn, however many there are.",
    )
    side_sessions: int = Field(
        default=1,
        ge=0,
        le=64,
        description="How many of the sessions make documents beside a feed's own: one makes half of the "
        "documents of a chunk of the slow lane, on another processor of the database. 0 for none.",
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
        description="Size of a changelog past which a feed that lags behind is resynced, in megabytes.",
    )
    log_limit_rows: int = Field(
        default=1_000_000,
        ge=1,
        description="How many changes a sink may lack before it scans the feed instead of its log.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is logged: `debug`, `info`, `warning` or `error`."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description="`json`, `console` (for people), or `auto`: console on a terminal, else JSON.",
    )

    @property
    def shared_sessions(self) -> int:
        """How many sessions feeds and deliveries share."""
        return self.sessions - self.side_sessions - RESERVED_SESSIONS

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.shared_sessions < 1:
            raise ValueError(
                f"must have {RESERVED_SESSIONS + 1} sessions more than side_sessions: one for the feeds, "
                f"{RESERVED_SESSIONS} for the watcher, an install's lock, and a look at a silent session"
            )
        if self.idle_poll_seconds < self.poll_seconds:
            raise ValueError("must not have idle_poll_seconds below poll_seconds")
        if self.max_pass_entities < self.batch_entities:
            raise ValueError("must not have max_pass_entities below batch_entities")
        return self


def _key_of(validated: dict[str, Any]) -> tuple[str, ...]:
    return cast("tuple[str, ...]", validated.get("key", ()))


class FeedSettings(_Section):
    """`[feeds.<name>]`."""

    query: Path = Field(
        description="File with the feed's SELECT, alone in it; relative to the configuration file."
    )
    # Not set by a person: what stands in `query`, read once so that a later edit needs a restart to count.
    text: str = Field(default="", repr=False, json_schema_extra=_NOT_SETTABLE)
    key: SomeNames = Field(description="Output columns that identify a document.")
    entity: SomeNames = Field(
        default_factory=_key_of,
        description="Output columns that identify what is recomputed together. Default: the key.",
    )
    sinks: Names = Field(
        default_factory=tuple[Name, ...],
        description="Sinks that get the feed, by name. Default: every sink; `[]` is none.",
    )
    hash_exclude: Names = Field(
        default=(), description="Output columns whose change alone does not make a document changed."
    )
    max_document_bytes: int = Field(
        default=16 << 20,
        ge=1 << 10,
        le=256 << 20,
        description="A larger document is not stored or delivered: its entity is set aside as failed. The "
        "daemon holds a document several times for each sink that it is being delivered to.",
    )
    reads: Names | None = Field(
        default=None,
        description="Tables, as `schema.table`, that functions of the query read; each of their changes "
        "recomputes every document. `[]`: the functions read none.",
    )
    accept: Names = Field(
        default=(), description="Verdicts that are accepted for this feed, by name ([Verdicts](#verdicts))."
    )


class Settings(_Section):
    """The whole configuration, valid and complete, as one value that is handed down.

    Attributes:
        file: where it was read.
        feeds, sinks: by name, in the order of the file.
    """

    file: Path = Field(json_schema_extra=_NOT_SETTABLE)
    database: DatabaseSettings
    daemon: DaemonSettings = DaemonSettings()
    feeds: dict[str, FeedSettings] = {}
    sinks: dict[str, SerializeAsAny[SinkSettings]] = {}

    @property
    def needed_sessions(self) -> int:
        """The most sessions that the daemon will have: no more than there is work for."""
        deliveries = sum(len(feed.sinks) for feed in self.feeds.values())
        beside = self.daemon.side_sessions + RESERVED_SESSIONS
        return min(len(self.feeds) + deliveries + 1, self.daemon.shared_sessions) + beside

    def effective(self) -> dict[str, Any]:
        """What is in force, ready for JSON: without the queries' text, secrets hidden."""
        return self.model_dump(mode="json", exclude={"file": True, "feeds": {"__all__": {"text"}}})


def settable(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a section that a person may set, by name."""
    return {
        field.alias or name: field
        for name, field in model.model_fields.items()
        if field.json_schema_extra != _NOT_SETTABLE
    }


def holds_secret(field: FieldInfo) -> bool:
    """Whether the field's value must not be shown; `<field>_file` may stand in its place."""
    # The annotation may be a union, annotated, or a mapping: its text names the type in each case.
    return "SecretStr" in repr(field.annotation)


def may_stand_in_a_file(field: FieldInfo) -> bool:
    """Whether `<field>_file` may stand in its place: that of a secret, or of a URL that may hold one."""
    return holds_secret(field) or field.json_schema_extra == MAY_HOLD_SECRET
