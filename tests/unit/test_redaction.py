"""Secrets are hidden in every form in which another system may repeat them."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest

from cdc_daemon import redaction
from cdc_daemon.redaction import hide, hide_within, printable

SECRETS = {
    "letters": "s3cretToken",
    "signs": 'p"ss w/rd&<é>+%\\=',
    "long": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjZGMifQ.c2lnbmF0dXJlLW9mLWEtdG9rZW4",
}

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "percent": lambda text: quote(text, safe=""),
    "percent in small letters": lambda text: quote(text, safe="").lower() if text.islower() else quote(text),
    "every sign in percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "form": quote_plus,
    "query": lambda text: urlencode({"x": text}),
    "JSON": lambda text: json.dumps({"x": text}),
    "JSON, not ASCII": lambda text: json.dumps({"x": text}, ensure_ascii=False),
    "JSON with \\/": lambda text: json.dumps(text).replace("/", "\\/"),
    "every sign in JSON": lambda text: "".join(f"\\u{ord(sign):04X}" for sign in text),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"x": text})),
    "HTML": html.escape,
    "numbers of HTML": lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    "hex numbers of HTML": lambda text: "".join(f"&#x{ord(sign):x};" for sign in text),
    "bytes of Python": lambda text: repr(text.encode()),
    "text of Python": repr,
    "percent in HTML": lambda text: html.escape(quote(text, safe="")),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "hex": lambda text: text.encode().hex(),
    "hex in capitals": lambda text: text.encode().hex().upper(),
    **{
        f"base64 behind {before}": lambda text, before=before: base64.b64encode(
            (before + text + "tail").encode()
        ).decode()
        for before in ("", "a", "ab", "user:", "\0user\0")
    },
    "base64 without padding": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"cdc:{text}".encode()).decode(),
    "base64 of the form": lambda text: base64.b64encode(f"cdc:{quote_plus(text)}".encode()).decode(),
    "base64 in percent": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
    "base64 of JSON": lambda text: base64.b64encode(json.dumps({"x": text}).encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_hidden_in_every_form(kind: str, form: str) -> None:
    redaction.know([SECRETS[kind]])
    written = FORMS[form](SECRETS[kind])
    said = hide(f"received <{written}> and more")
    assert said.startswith("received <")
    assert said.endswith("> and more")
    assert "***" in said
    for length in (4, 8):
        pieces = {written[at : at + length] for at in range(0, len(written) - length, length)}
        left = [piece for piece in pieces if piece in said and sum(map(str.isalnum, piece)) > 2]
        assert not left


def test_a_long_secret_that_was_cut_off_is_hidden() -> None:
    redaction.know([SECRETS["long"]])
    assert hide(f"Bearer {SECRETS['long'][:30]}") == "Bearer ***"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("login abcde failed", "login *** failed"),
        ("user:abcde@h", "user:***@h"),
        ("'abcde'", "'***'"),
        ("xabcdefg", "xabcdefg"),
        (base64.b64encode(b"cdc:abcde").decode(), "***"),
    ],
)
def test_a_short_secret_is_hidden_as_a_word(said: str, shown: str) -> None:
    redaction.know(["abcde"])
    assert hide(said) == shown


def test_the_shortest_are_hidden_beside_their_user() -> None:
    redaction.know(["ab", "cdc:ab"])
    assert hide("a cab") == "a cab"
    assert hide("login cdc:ab") == "login ***"
    assert hide(base64.b64encode(b"cdc:ab").decode()) == "***"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("at https://me:hush@host/x", "at https://me:***@host/x"),
        ("amqp://u:p@ss@host", "amqp://u:***@host"),
        ("broker u:hush@host:9092", "broker u:***@host:9092"),
        ("host=h password=hush x", "host=h password=*** x"),
        ("https://host/a?X-Amz-Signature=abc&x=1 moved", "https://host/a?*** moved"),
        ("Authorization: Bearer abcdefgh Host: h", "Authorization: *** Host: h"),
        ('{"Authorization": "Basic abc", "a": 1}', '{"Authorization": "***", "a": 1}'),
        ('{"client_secret":"hush"}', '{"client_secret":"***"}'),
        ('"{\\"access_token\\":\\"hush\\"}"', '"{\\"access_token\\":\\"***\\"}"'),
        ("grant_type=x&client_secret=hush&scope=y", "grant_type=x&client_secret=***&scope=y"),
        ("Cookie: session=hush; a=b", "Cookie: ***"),
        ("two passwords: set password, or token_file", "two passwords: set password, or token_file"),
        ("at 12:30:05 in host:5432", "at 12:30:05 in host:5432"),
    ],
)
def test_what_only_can_be_a_secret_is_hidden_though_nobody_knows_it(said: str, shown: str) -> None:
    assert hide(said) == shown


def test_what_was_met_is_hidden_beside_what_is_known() -> None:
    redaction.know(["known-secret"])
    redaction.meet("token-that-came", None)
    redaction.know(["another-secret"])
    assert hide("known-secret another-secret token-that-came") == "known-secret *** ***"


def test_a_tree_is_hidden_to_its_leaves() -> None:
    redaction.know(["known-secret"])
    tree = {"known-secret": [("a known-secret", 1, None, b"known-secret"), ValueError("known-secret")]}
    assert hide_within(tree) == {"***": [["a ***", 1, None, "b'***'"], "ValueError: ***"]}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("price must be positive", "price must be positive"),
        ("two\r\nlines\tand a\x00NUL \x1b[31mred\x1b[0m", "two lines and a NUL [31mred [0m"),
        ("your token s3cret-token is old", "your token *** is old"),
        ("x" * 60, "x" * 49 + "…"),
        ("s3cret-token " * 20, "*** " * 12 + "*…"),
        ("\ud800 half a character", "half a character"),
        ("", ""),
    ],
)
def test_it_is_one_short_line_without_secrets(said: str, shown: str) -> None:
    redaction.know(["s3cret-token", "abc"])
    assert printable(said, longest=50) == shown
