"""`[http]`: the daemon's own server."""

from __future__ import annotations

from pydantic import Field, field_validator

from cdc_daemon.settings.section import Section


class WebSettings(Section):
    """`[http]`."""

    listen: str = Field(
        default="",
        description="Address on which the daemon serves `/metrics`, `/healthz`, `/readyz` and "
        "`/status.json`: `127.0.0.1:9464`, `[::1]:9464`. Empty: it serves nothing. Needs the extra `http`.",
    )

    @field_validator("listen")
    @classmethod
    def _is_address(cls, listen: str) -> str:
        if listen:
            address(listen)
        return listen

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        return address(self.listen)


def address(text: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[host]:port`.

    Raises:
        ValueError: the text has another form, or the port is none.
    """
    host, _, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError("must be host:port, such as 127.0.0.1:9464")
    return host, int(port)
