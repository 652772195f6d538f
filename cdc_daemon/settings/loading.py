"""Loads the settings from file, environment and options; reports all faults at once."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from cdc_daemon.errors import ConfigurationError, UnknownSinkKind
from cdc_daemon.pg import own_schema
from cdc_daemon.settings import environment
from cdc_daemon.settings.canary import FEED, CanarySettings
from cdc_daemon.settings.faults import Faults, KeyPath, did_you_mean, shown
from cdc_daemon.settings.model import DatabaseSettings, FeedSettings, Settings
from cdc_daemon.settings.section import PRIVATE_FILE
from cdc_daemon.settings.sections import FILE_ENDING, MOVED, SINGLE, Sections, keys
from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.settings import RELATIVE_PATH, SinkSettings
from cdc_daemon.verdicts import VERDICTS, Accepting

Model = TypeVar("Model", bound=BaseModel)

FEED_NAME = re.compile(r"[a-z][A-Za-z0-9_]{0,39}")
SINK_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")

ENVIRONMENT = Path("the environment")
"""Stands for the path of the file if there is none."""

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def load(
    path: Path | None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Read and validate the configuration, and choose its schema for all statements of this process.

    See `read`.
    """
    settings = read(path, environ, overrides)
    own_schema.choose(settings.database.own_schema)
    return settings


def read(
    path: Path | None,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Read and validate the configuration. This changes nothing in the process.

    Args:
        path: the TOML file; None if the environment is the whole configuration. Relative paths are relative
            to the file's folder, or else to the current one.
        environ: environment variables. `CDC_*` override the file. Files of `*_file` settings are searched in
            `CREDENTIALS_DIRECTORY` first.
        overrides: values of command-line options by dotted field (`log.level`); they override all.

    Raises:
        ConfigurationError: the configuration is not valid. The error has every fault.
    """
    faults = Faults(str(path or ENVIRONMENT))
    sections = Sections(read_toml(path) if path else {}, faults)
    environment.apply(sections, environ, faults)
    for dotted, value in (overrides or {}).items():
        key_path = tuple(dotted.split("."))
        sections.put(key_path, value, origin="--" + "-".join(key_path).replace("_", "-"))
    settings = _Loading(sections, faults, path or ENVIRONMENT, environ).settings()
    if settings is None or faults.found:
        raise ConfigurationError(faults.found)
    return settings


def read_toml(path: Path) -> Mapping[str, object]:
    """Return the tables of a TOML file.

    Raises:
        ConfigurationError: the file does not exist, or can't be read, or is not TOML.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(
            [(str(path), "does not exist", "name one with --config, or write one with `cdc-daemon init DIR`")]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([(str(path), f"can't be read: {error}", None)]) from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where, what = _syntax_fault(path, text, str(error))
        raise ConfigurationError([(where, what, "the file is TOML: https://toml.io")]) from error


def _syntax_fault(path: Path, text: str, message: str) -> tuple[str, str]:
    """Return location and reason from tomllib's message, which ends with the location in brackets."""
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if found is None:
        return str(path), message
    lines = text.splitlines() or [""]
    line, column = found[1] or str(len(lines)), found[2] or str(len(lines[-1]) + 1)
    return f"{path}:{line}:{column}", f"is not TOML: {message[: found.start()]}"


class _Loading:
    """Validates one table after the other, then the rules that concern several tables."""

    def __init__(self, sections: Sections, faults: Faults, path: Path, environ: Mapping[str, str]) -> None:
        self._sections = sections
        self._faults = faults
        self._path = path
        self._folder = path.absolute().parent  # of ENVIRONMENT: the current folder
        self._environ = environ

    def settings(self) -> Settings | None:
        """Return the settings, or None if a section that is one table has a fault."""
        single = {name: self._table(model, (name,)) for name, model in SINGLE.items()}
        sinks = {name: self._sink(name) for name in self._sections.names("sinks")}
        feeds = {name: self._feed(name) for name in self._sections.names("feeds")}
        self._check_feed_names()
        self._check_sink_names()
        if None in single.values():
            return None
        canary, database = (
            cast("CanarySettings", single["canary"]),
            cast("DatabaseSettings", single["database"]),
        )
        feeds |= self._canary(canary, database)
        return Settings(
            file=self._path,
            feeds={name: feed for name, feed in feeds.items() if feed},
            sinks={name: sink for name, sink in sinks.items() if sink},
            **cast("dict[str, Any]", single),
        )

    def _canary(self, canary: CanarySettings, database: DatabaseSettings) -> dict[str, FeedSettings | None]:
        """Return the feed of the canary by its name; nothing if it is off."""
        if not canary.every_seconds:
            return {}
        if FEED in self._sections.names("feeds"):
            self._faults.add(
                ("canary", "every_seconds"), f"needs the name of feed {FEED}", "rename that feed"
            )
        self._check_sinks(list(canary.sinks), self._sections.names("sinks"), ("canary", "sinks"))
        return {FEED: FeedSettings.model_validate(canary.feed(database.own_schema))}

    def _table(self, model: type[Model], key_path: KeyPath) -> Model | None:
        given = dict(self._sections.tables[key_path])
        known = keys(model)
        for key in [key for key in given if key not in known]:
            hint = MOVED.get((*key_path, key)) or did_you_mean(key, known)
            self._faults.add((*key_path, key), "is no known setting", hint)
            del given[key]
        unread, read = self._read_secrets(model, key_path, given)
        try:
            # Strict validation of JSON: a list becomes a tuple and text a path, but "5" is no number.
            valid = model.model_validate_json(json.dumps(given, default=str), strict=True)
        except ValidationError as error:
            self._faults.add_invalid(key_path, model, error, leaving_out=unread, hiding=read)
            return None
        below: dict[str, object] = {}
        for name, value in dict(valid).items():
            if isinstance(value, Path):
                is_private = model.model_fields[name].json_schema_extra == PRIVATE_FILE
                below[name] = self._found(str(value)) if is_private else self._folder / value
            elif isinstance(value, str) and model.model_fields[name].json_schema_extra == RELATIVE_PATH:
                below[name] = str(self._folder / value)
        if isinstance(valid, SinkSettings):
            valid.given_in_files.update(read)
        return valid.model_copy(update=below)

    def _read_secrets(
        self, model: type[BaseModel], key_path: KeyPath, given: dict[str, object]
    ) -> tuple[set[str], set[str]]:
        """Replace each `<secret>_file` by the secret. Return the secrets not read, and those read."""
        unread, read = set[str](), set[str]()
        for key in [key for key in given if key.endswith(FILE_ENDING) and key not in model.model_fields]:
            secret, file = key.removesuffix(FILE_ENDING), given.pop(key)
            if secret in given:
                self._faults.add((*key_path, key), f"is set together with `{secret}`", "keep one of the two")
                continue
            try:
                given[secret] = self._read_secret(file)
                read.add(secret)
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                # Don't show the value: a person may have put the secret itself there.
                hint = "name the file that holds the secret, in the configuration's folder or as a credential"
                if isinstance(error, PermissionError):
                    variable = environment.variable_of((*key_path, secret))
                    hint = f"run the command as a user who may read it, or set {variable}"
                    if key_path[0] == "sinks":
                        hint += ": any text will do for a command that does not reach the sink"
                self._faults.add((*key_path, key), f"names a file that can't be used: {reason}", hint)
                unread.add(secret)
        return unread, read

    def _read_secret(self, file: object) -> str:
        if not isinstance(file, str) or not file:
            raise ValueError("it should be the path of a file")
        found = self._found(file)
        # Editors add a line end to a file. It is not part of the secret.
        text = found.read_text("utf-8").rstrip("\r\n")
        if not text:
            raise ValueError("it is empty")
        return text

    def _found(self, file: str) -> Path:
        """Return the path of a private file: among the credentials, or in the configuration's folder."""
        credentials = self._environ.get("CREDENTIALS_DIRECTORY")
        if credentials and (Path(credentials) / file).is_file():
            return Path(credentials) / file
        return self._folder / file

    def _sink(self, name: str) -> SinkSettings | None:
        key_path = ("sinks", name)
        given = self._sections.tables[key_path]
        kind = given.get("type")
        if kind is None:
            self._faults.add(
                (*key_path, "type"), "is missing", f"one of {', '.join(f'`{one}`' for one in SINKS)}"
            )
        elif kind not in SINKS:
            self._faults.add(
                (*key_path, "type"),
                f"is {shown(kind)}, which is no kind of sink",
                did_you_mean(str(kind), SINKS),
            )
        else:
            try:
                return self._table(SINKS[str(kind)], key_path)
            except UnknownSinkKind as error:
                self._faults.add((*key_path, "type"), f"can't be used: {error}", error.hint)
        return None

    def _feed(self, name: str) -> FeedSettings | None:
        key_path = ("feeds", name)
        given = dict(self._sections.tables[key_path])
        feed = self._table(FeedSettings, key_path)
        # Check these even if other fields are wrong, so that a person sees all faults at once.
        text = self._query(given, key_path)
        sinks = self._sections.names("sinks")
        self._check_sinks(given.get("sinks"), sinks, (*key_path, "sinks"))
        self._check_verdicts(given.get("accept"), (*key_path, "accept"))
        if feed is None or text is None:
            return None
        return feed.model_copy(
            update={
                "text": text,
                "query_location": feed.query or Path(self._faults.where((*key_path, "query_text"))),
                "sinks": feed.sinks if "sinks" in given else tuple(sinks),
            }
        )

    def _check_sinks(self, given: object, known: list[str], key_path: KeyPath) -> None:
        for sink in cast("list[object]", given) if isinstance(given, list) else []:
            if isinstance(sink, str) and sink not in known:
                self._faults.add(
                    key_path, f"names {shown(sink)}, which is no sink", did_you_mean(sink, known)
                )

    def _check_verdicts(self, given: object, key_path: KeyPath) -> None:
        for name in cast("list[object]", given) if isinstance(given, list) else []:
            if not isinstance(name, str):
                continue
            if name not in VERDICTS:
                self._faults.add(
                    key_path, f"names {shown(name)}, which is no verdict", did_you_mean(name, VERDICTS)
                )
            elif VERDICTS[name].accepting is Accepting.NEVER:
                self._faults.add(
                    key_path,
                    f"names {shown(name)}: {Accepting.NEVER}",
                    "leave it out here, and change the query",
                )

    def _query(self, given: Mapping[str, object], feed: KeyPath) -> str | None:
        """Return the SELECT of a feed; None after a fault."""
        path, text = given.get("query"), given.get("query_text")
        if path is not None and text is not None:
            self._faults.add((*feed, "query_text"), "is set together with `query`", "keep one of the two")
            return None
        if path is None and text is None:
            hint = "name the file that holds the feed's SELECT, or set query_text to the SELECT itself"
            self._faults.add((*feed, "query"), "is missing", hint)
            return None
        key_path = (*feed, "query" if text is None else "query_text")
        told = ""
        if text is None:
            told, text = f"is {shown(path)}, which ", self._query_file(path, key_path)
        if not isinstance(text, str):
            return None  # the fault is added already, or pydantic adds it
        if not _COMMENT.sub("", text).strip():
            self._faults.add(key_path, f"{told}holds no query", "write one SELECT into it")
        return text

    def _query_file(self, path: object, key_path: KeyPath) -> str | None:
        if not isinstance(path, str):
            return None  # pydantic reports it: not a path
        given, file = shown(path), self._folder / path
        try:
            return file.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            self._faults.add(
                key_path, f"is {given}, which does not exist", f"write the feed's SELECT to {file}"
            )
        except UnicodeDecodeError:
            self._faults.add(key_path, f"is {given}, which is not UTF-8", "save the file as UTF-8")
        except OSError as error:
            self._faults.add(key_path, f"is {given}, which can't be read: {error.strerror or error}")
        return None

    def _check_feed_names(self) -> None:
        names = self._sections.names("feeds")
        seen: dict[str, str] = {}
        for name in names:
            key_path = ("feeds", name)
            first = seen.setdefault(name.lower(), name)
            if first != name:
                self._faults.add(
                    key_path,
                    f"differs from {shown(first)} by small and capital letters only",
                    "rename one: variables CDC_FEEDS_…, and files on some systems, would mean both",
                )
            if not FEED_NAME.fullmatch(name):
                self._faults.add(
                    key_path,
                    f"{shown(name)} can't be the name of a feed",
                    "a small letter, then at most 39 letters, digits and _ (a table is named after it)",
                )
            elif name == "state":
                self._faults.add(
                    key_path, "is a name that cdc-daemon uses itself", "the table cdc.feed_state"
                )
            for other in names:
                # cdc.feed_<name> must not have the name of cdc.feed_<other>_log or of its segments, sequence
                # or indexes; cdc.backlog_<name> must not have that of the sequence of cdc.backlog_<other>.
                if name.startswith((f"{other}_log", f"{other}_revision")) or name in {
                    f"{other}_entity",
                    f"{other}_pkey",
                    f"{other}_position_seq",
                    f"{other}_refresh_at",
                }:
                    self._faults.add(
                        key_path,
                        f"would share a table's name with feed {shown(other)}",
                        "rename one of the two",
                    )

    def _check_sink_names(self) -> None:
        seen: dict[str, str] = {}
        for name in self._sections.names("sinks"):
            key_path = ("sinks", name)
            if not SINK_NAME.fullmatch(name):
                self._faults.add(
                    key_path,
                    f"{shown(name)} can't be the name of a sink",
                    "a small letter, then at most 39 small letters, digits, - and _",
                )
            other = seen.setdefault(name.replace("-", "_"), name)
            if other != name:
                self._faults.add(
                    key_path,
                    f"differs from {shown(other)} by - and _ only",
                    "rename one: variables CDC_SINKS_… would mean both",
                )
