"""What another system said, as it is stored and shown."""

from __future__ import annotations

import pytest

from cdc_daemon.redaction import printable


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("price must be positive", "price must be positive"),
        ("two\r\nlines\tand a\x00NUL \x1b[31mred\x1b[0m", "two lines and a NUL [31mred [0m"),
        ("your token s3cret-token is old", "your token *** is old"),
        ("at https://me:hush@host/x", "at https://me:***@host/x"),
        ("x" * 60, "x" * 49 + "…"),
        ("s3cret-token" * 20, "*" * 49 + "…"),
        ("\ud800 half a character", "half a character"),
        ("", ""),
    ],
)
def test_it_is_one_short_line_without_secrets(said: str, shown: str) -> None:
    assert printable(said, secrets=["s3cret-token", "abc"], longest=50) == shown


def test_a_short_secret_does_not_tear_words_apart() -> None:
    assert printable("a cab", secrets=["ab"], longest=50) == "a cab"
