"""Exceptions of client libraries at answers that violate the protocol."""

from __future__ import annotations

MALFORMED_ANSWER: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""Raised besides the documented errors: for numbers of 5,000 digits, deeply nested lists, invalid UTF-8."""


def described(error: Exception) -> str:
    """Return the text of a message about such an error."""
    return f"answered with something that can't be understood ({type(error).__name__}: {error})"[:300]
