"""All kinds of sinks by `type`. A new kind needs one file, and one line here.

Other distributions register a kind as an entry point of the group `cdc_daemon.sinks`. Its name is the `type`,
and its object is a subclass of `SinkSettings`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from cdc_daemon.errors import UnknownSinkKind
from cdc_daemon.sinks.settings import SinkSettings

ENTRY_POINT_GROUP = "cdc_daemon.sinks"

# Module and class, imported when a configuration names the kind. So the client libraries of other kinds need
# not be installed. A kind that needs a library has an extra of its name in pyproject.toml.
_BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "file": "cdc_daemon.sinks.file:FileSettings",
        "http": "cdc_daemon.sinks.http:HttpSettings",
        "kafka": "cdc_daemon.sinks.kafka_settings:KafkaSettings",
        "nats": "cdc_daemon.sinks.nats_settings:NatsSettings",
        "opensearch": "cdc_daemon.sinks.opensearch:OpensearchSettings",
        "postgres": "cdc_daemon.sinks.postgres:PostgresSettings",
        "rabbitmq": "cdc_daemon.sinks.rabbitmq:RabbitmqSettings",
        "redis": "cdc_daemon.sinks.redis_settings:RedisSettings",
        "s3": "cdc_daemon.sinks.s3_settings:S3Settings",
        "stdout": "cdc_daemon.sinks.stdout:StdoutSettings",
    }
)


class _Kinds(Mapping[str, type[SinkSettings]]):
    """Settings classes by kind, loaded on access.

    `[kind]` raises UnknownSinkKind if a known kind can't be used: a library is missing, or the entry point is
    no settings class.
    """

    def __getitem__(self, kind: str) -> type[SinkSettings]:
        if kind in _BUILT_IN:
            return _built_in(kind)
        return _load(_of_others()[kind], kind)

    def __contains__(self, kind: object) -> bool:
        return isinstance(kind, str) and (kind in _BUILT_IN or kind in _of_others())

    def __iter__(self) -> Iterator[str]:
        yield from sorted({*_BUILT_IN, *_of_others()})

    def __len__(self) -> int:
        return len({*_BUILT_IN, *_of_others()})


SINKS: Mapping[str, type[SinkSettings]] = _Kinds()
"""Kinds that can be configured. Iterating yields all names, also those whose library is missing."""


@cache
def _of_others() -> Mapping[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        found.setdefault(point.name, []).append(point)
    return found


def _built_in(kind: str) -> type[SinkSettings]:
    module, _, name = _BUILT_IN[kind].partition(":")
    try:
        settings: type[SinkSettings] = getattr(import_module(module), name)
    except ImportError as error:
        raise UnknownSinkKind(
            f"a sink of type {kind} needs {error.name or error}, which is not installed",
            hint=f"pip install 'cdc-daemon[{kind}]'",
        ) from error
    return settings


def _load(points: list[EntryPoint], kind: str) -> type[SinkSettings]:
    names = " and ".join(sorted(point.dist.name if point.dist else point.value for point in points))
    if len(points) > 1:
        raise UnknownSinkKind(f"{names} each bring a sink of type {kind}", hint="uninstall one of the two")
    point = points[0]
    try:
        settings = point.load()
    except (ImportError, AttributeError) as error:
        raise UnknownSinkKind(
            f"the sink of type {kind} that {names} brings can't be loaded: {error}",
            hint=f"install what {names} needs, or another version of it",
        ) from error
    if not (isinstance(settings, type) and issubclass(settings, SinkSettings)):
        raise UnknownSinkKind(
            f"{point.value}, which {names} registers for type {kind}, is no subclass of SinkSettings",
            hint=f"tell the authors of {names}; docs/write-a-sink.md says what belongs there",
        )
    return settings
