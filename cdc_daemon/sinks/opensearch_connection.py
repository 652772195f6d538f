"""The connection of the OpenSearch client: our HTTP client, which keeps bounds."""

# The library does not type its headers.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlencode

import opensearchpy

from cdc_daemon.bounds import MOST_ANSWER_BYTES, AnswerTooLarge
from cdc_daemon.sinks.http.client import Client


class BoundedConnection(opensearchpy.Connection):
    """A connection to one node, with a time limit for a whole exchange and a limit of the answer's size.

    The library's own connection reads an answer of any length while bytes arrive, and decompresses it.
    """

    def __init__(self, *, ssl_context: ssl.SSLContext | None = None, **options: Any) -> None:
        super().__init__(**options)
        # Don't accept compressed answers: a megabyte of gzip may contain a gigabyte.
        self.headers.pop("accept-encoding", None)
        self.most_bytes = MOST_ANSWER_BYTES
        self._client = Client(
            self.host,
            context=ssl_context if self.use_ssl else None,
            connections=1,
            connect_seconds=self.timeout,
        )

    def perform_request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,
        ignore: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """See opensearchpy: status, headers and text of an answer.

        Raises:
            opensearchpy.ConnectionError: there was no answer. ConnectionTimeout and SSLError are subclasses.
            opensearchpy.TransportError: the answer is an error.
        """
        target = f"{self.url_prefix}{url}" + (f"?{urlencode(params)}" if params else "")
        ours: dict[str, str] = self.headers
        sent = {**ours, **(headers or {})}
        if self.http_compress and body:
            body, sent["content-encoding"] = self._gzip_compress(body), "gzip"
        until = time.monotonic() + (timeout or self.timeout)
        try:
            answer = self._client.exchange(
                method, target, body or b"", sent, until, most_bytes=self.most_bytes
            )
            if not answer.whole:
                raise AnswerTooLarge
        except TimeoutError as error:
            raise opensearchpy.ConnectionTimeout("TIMEOUT", str(error), error) from error
        except ssl.SSLError as error:
            raise opensearchpy.SSLError("N/A", str(error), error) from error
        except (OSError, http.client.HTTPException) as error:
            raise opensearchpy.ConnectionError("N/A", str(error) or type(error).__name__, error) from error
        text = answer.body.decode("utf-8", "replace")
        if not 200 <= answer.status < 300 and answer.status not in ignore:
            self._raise_error(answer.status, text, answer.headers.get("content-type"))
        return answer.status, answer.headers, text

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
