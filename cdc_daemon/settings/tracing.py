"""`[tracing]`."""

from __future__ import annotations

from pydantic import Field

from cdc_daemon.settings.section import Section


class TracingSettings(Section):
    """`[tracing]`."""

    endpoint: str = Field(
        default="",
        description="URL to which the daemon sends OpenTelemetry spans of passes and deliveries by OTLP over "
        "HTTP: `http://localhost:4318/v1/traces`. Empty: it sends none. Needs the extra `otel`.",
    )
