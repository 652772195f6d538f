"""Receivers that refuse everything and repeat, in every form, what they were sent: credentials above all.

Each `answer` is one for a `Recorder`: it is handed what has arrived, and gives what is said to it.
"""

from __future__ import annotations

import base64
import html
import json
import struct
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from pamqp import commands, frame


def forms(text: str) -> list[str]:
    """What may become of a text that is repeated."""
    content = text.encode()
    return [
        text,
        quote(text, safe=""),
        quote_plus(text),
        json.dumps(text)[1:-1],
        json.dumps(text)[1:-1].replace("/", "\\/"),
        html.escape(text),
        "".join(f"\\u{ord(sign):04x}" for sign in text),
        base64.b64encode(content).decode(),
        base64.urlsafe_b64encode(content).decode().rstrip("="),
        content.hex(),
    ]


def repeated(heard: bytes) -> str:
    """Everything that was heard, in every form: the header lines last, where a cut would spare them."""
    return " ".join(form for form in forms(heard.decode("latin-1")))


def http(status: int, body: Callable[[bytes], str]) -> Callable[[bytes], bytes | None]:
    """An answer to a whole request."""

    def answer(heard: bytes) -> bytes | None:
        head, separator, rest = heard.partition(b"\r\n\r\n")
        if not separator:
            return None
        if b"expect: 100-continue" in head.lower() and not rest:
            return b"HTTP/1.1 100 Continue\r\n\r\n"
        length = next(
            (
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            ),
            0,
        )
        if len(rest) < length:
            return None
        said = body(heard).encode("utf-8", "replace")
        location = f"https://elsewhere.example/?X-Amz-Signature={quote(heard[:200].decode('latin-1'))}"
        return (
            f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\nLocation: {location}\r\n"
            f"Content-Length: {len(said)}\r\n\r\n"
        ).encode() + said

    return answer


def json_error(heard: bytes) -> str:
    """As OpenSearch and OAuth tell of an error."""
    said = repeated(heard)
    return json.dumps({"error": {"type": said, "reason": said}, "error_description": said, "status": 400})


def oauth_error(heard: bytes) -> str:
    """As a server of tokens does (RFC 6749, 5.2)."""
    return json.dumps({"error": "invalid_client", "error_description": repeated(heard)})


def s3_error(heard: bytes) -> str:
    """As S3 does."""
    said = html.escape("".join(sign for sign in repeated(heard) if sign.isprintable()))
    return f"<Error><Code>AccessDenied</Code><Message>{said}</Message></Error>"


def redis(heard: bytes) -> bytes:
    """An error of Redis, for whatever command."""
    return f"-ERR {' '.join(repeated(heard).split())}\r\n".encode()


NATS_GREETING = (
    b'INFO {"server_id":"X","version":"2.10.0","proto":1,"max_payload":1048576,"auth_required":true}\r\n'
)


def nats(heard: bytes) -> bytes:
    """An error of NATS."""
    return f"-ERR '{' '.join(repeated(heard).split())}'\r\n".encode()


def amqp(heard: bytes) -> bytes:
    """RabbitMQ's way to the point where it knows the password, and there its refusal."""
    if heard.startswith(b"AMQP"):
        return frame.marshal(commands.Connection.Start(mechanisms="PLAIN", locales="en_US"), 0)
    response = heard[heard.index(b"PLAIN") + 9 :].split(b"\x05en_US")[0]
    said = " ".join(forms(response.decode("latin-1")))[:250]
    return frame.marshal(commands.Connection.Close(403, said, 10, 11), 0)


def postgres(heard: bytes) -> bytes:
    """A server that asks for the password in clear text, and says what it got."""
    if heard.startswith(b"p"):
        fields = b"SFATAL\0C28P01\0M" + repeated(heard[5:-1]).encode() + b"\0\0"
        return b"E" + struct.pack(">I", len(fields) + 4) + fields
    return b"R" + struct.pack(">II", 8, 3)


def kafka(heard: bytes) -> bytes | None:
    """A broker with SASL PLAIN, as far as its refusal."""
    if len(heard) < 12:
        return None
    _, api, version, correlation = struct.unpack(">ihhi", heard[:12])
    body = struct.pack(">i", correlation)
    if api == 18:  # ApiVersions, as of version 0
        offered = [(17, 0, 1), (18, 0, 0), (36, 0, 0), (3, 0, 1)]
        body += struct.pack(">hi", 35 if version else 0, len(offered))
        body += b"".join(struct.pack(">hhh", *each) for each in offered)
    elif api == 17:  # SaslHandshake
        body += struct.pack(">hi", 0, 1) + _text("PLAIN")
    else:  # SaslAuthenticate
        said = repeated(heard[-60:].replace(b"\0", b" "))[:2000]
        body += struct.pack(">h", 58) + _text(said) + struct.pack(">i", 0)
    return struct.pack(">i", len(body)) + body


def _text(text: str) -> bytes:
    content = text.encode()
    return struct.pack(">h", len(content)) + content
