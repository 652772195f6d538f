"""Lists every secret text of a configuration, so that the redaction can hide it wherever it occurs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import cast
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, SecretStr

from cdc_daemon.settings.model import Settings
from cdc_daemon.sinks.settings import SinkSettings

_IN_CONNECTION_STRINGS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key")
_IN_THE_ENVIRONMENT = ("PGPASSWORD", "PGSSLPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# The user setting of each password. In base64 the two form one text (Basic, SASL PLAIN).
_USERS: Mapping[str, str] = {
    "password": "user",
    "oauth2_client_secret": "oauth2_client_id",
    "secret_access_key": "access_key_id",
}
_SCHEMES = frozenset({"bearer", "basic", "digest", "apikey", "token", "negotiate"})
_SHORTEST_PIECE = 4
_SHORTEST_SEGMENT = 6
_CONNECTION_URL = re.compile(r"\s*\w+://(?P<user>[^:@/?]*)(?::(?P<password>[^@/?]*))?@?")
_PARAMETER = re.compile(r"[?&](\w+)=([^&]+)")
_IN_QUOTES = re.compile(r"[\\']")
_PLACEHOLDER = re.compile(r"\{\w+\}")


def secret_texts(settings: Settings) -> Iterator[str]:
    """Yield every text that must not be shown, in no order and with repetitions.

    These are the secrets themselves and their parts: the password of a URL, the words of a header.
    """
    if not settings.database.embedded:
        yield from _of_connection_string(settings.database.conninfo)
    for sink in settings.sinks.values():
        yield from _of_sink(sink)
    for name in _IN_THE_ENVIRONMENT:
        if value := os.environ.get(name):
            yield value


def _of_sink(sink: SinkSettings) -> Iterator[str]:
    for name, value in dict(cast("BaseModel", sink)).items():
        if isinstance(value, SecretStr):
            secret = value.get_secret_value()
            yield from _of_connection_string(secret) if name == "dsn" else _of_secret(secret)
            if user := getattr(sink, _USERS.get(name, ""), None):
                yield f"{user}:{secret}"
        elif isinstance(value, dict):
            for inner in cast("dict[str, object]", value).values():
                if isinstance(inner, SecretStr):
                    yield from _of_secret(inner.get_secret_value())
        elif isinstance(value, str) and "://" in value:
            for url in value.split(","):
                yield from _of_url(url, is_secret=name in sink.given_in_files)


def _of_secret(secret: str) -> Iterator[str]:
    if "://" in secret:
        for url in secret.split(","):
            yield from _of_url(url, is_secret=False)
        return
    yield secret
    for piece in secret.split():  # parts of `Bearer …`, or several secrets that are valid at the same time
        if len(piece) >= _SHORTEST_PIECE and piece.lower() not in _SCHEMES:
            yield piece
            yield piece.removeprefix("whsec_")


def _of_connection_string(text: str) -> Iterator[str]:
    """Yield the secret parts of a connection string. Host, user and database may be shown.

    The string may spell a value in another way than libpq passes it: encoded in a URL, with backslashes
    between quotes.
    """
    try:
        found = conninfo_to_dict(text)
    except psycopg.ProgrammingError:  # which part is secret is unknown
        yield text
        return
    users = {"", str(found.get("user", ""))}
    if url := _CONNECTION_URL.match(text):  # urlsplit refuses several hosts
        users.add(url["user"])
        written = {"password": url["password"] or "", **dict(_PARAMETER.findall(text))}
    else:
        written = {name: _IN_QUOTES.sub(r"\\\g<0>", str(value)) for name, value in found.items()}
    for name in _IN_CONNECTION_STRINGS:
        value = str(found.get(name) or "")
        for secret in {value, quote(value, safe=""), written.get(name, "")} - {""}:
            yield secret
            yield from (f"{user}:{secret}" for user in users if user)


def _of_url(url: str, *, is_secret: bool) -> Iterator[str]:
    """Yield the parts of a URL that must not be shown.

    Args:
        is_secret: the configuration gives the URL in a file of its own, so all of it is secret.
    """
    parts = urlsplit(url.strip())
    if parts.password:
        for text in {parts.password, unquote(parts.password)}:
            yield text
            for user in {parts.username or "", unquote(parts.username or "")}:
                yield f"{user}:{text}"
    elif parts.username and parts.scheme in {"nats", "tls"}:  # there it is a token
        yield parts.username
    for _, value in parse_qsl(parts.query if parts.scheme in {"http", "https"} else ""):
        if len(value) >= _SHORTEST_PIECE:
            yield value
    if is_secret and len(parts.path) > _SHORTEST_SEGMENT and not _PLACEHOLDER.search(parts.path):
        yield parts.path
    for segment in _PLACEHOLDER.sub("/", parts.path).split("/"):
        if _looks_secret(segment) or (is_secret and len(segment) >= _SHORTEST_SEGMENT):
            yield segment
            yield unquote(segment)


def _looks_secret(segment: str) -> bool:
    """Whether a segment of a path looks random: web hooks often have their key there."""
    if len(segment) >= 20:
        return True
    has_digit, has_letter = any(map(str.isdigit, segment)), any(map(str.isalpha, segment))
    return (len(segment) >= 8 and has_digit and has_letter) or (
        len(segment) >= 12 and segment.lower() != segment and not segment.istitle()
    )
