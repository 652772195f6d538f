"""What client libraries raise over an answer that follows no protocol."""

from __future__ import annotations

MALFORMED_ANSWER: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""Beside the errors that they document: of 5,000 digits, lists in lists, bytes that are no UTF-8."""


def described(error: Exception) -> str:
    """The error as the words of a message."""
    return f"answered with something that can't be understood ({type(error).__name__}: {error})"[:300]
