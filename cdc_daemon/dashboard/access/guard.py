"""The door that the settings ask for, and the faults for which the server does not start."""

from __future__ import annotations

import ssl

from cdc_daemon.dashboard.access.doors import Door, LocalDoor, ProxyDoor
from cdc_daemon.dashboard.access.login import UserDoor
from cdc_daemon.dashboard.access.users import UsersFile, UsersUnusable
from cdc_daemon.errors import ConfigurationError
from cdc_daemon.settings.http import WebSettings


def door_of(settings: WebSettings) -> Door:
    """Return the door that the settings ask for."""
    if settings.users:
        return UserDoor(UsersFile(settings.users))
    if settings.proxy_address:
        return ProxyDoor(
            settings.proxy_address,
            settings.proxy_header,
            settings.proxy_documents,
            settings.proxy_actions,
        )
    return LocalDoor(settings.actions)


def require_usable(settings: WebSettings) -> None:
    """Check the files that the server needs, before anything starts.

    Raises:
        ConfigurationError: the users' file or the certificate can't be used, or there is no user.
    """
    if settings.users and settings.dashboard:
        try:
            known = UsersFile(settings.users).read()
        except UsersUnusable as error:
            raise ConfigurationError([("http.users", str(error), error.hint)]) from error
        if not known.users:
            hint = "add one with `cdc-daemon dashboard user add NAME`"
            raise ConfigurationError([("http.users", f"{settings.users}: has no user", hint)])
    if settings.tls:
        certificate, key = settings.tls
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror or str(error)
            raise ConfigurationError(
                [
                    (
                        "http.certificate_file",
                        f"can't be used with key_file: {reason}",
                        "both are PEM files; the key belongs to the certificate and has no password",
                    )
                ]
            ) from error
