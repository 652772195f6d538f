"""RFC 7396: the patch that makes a new document out of any that a receiver may have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import orjson

_ABSENT = object()


class _Digits(NamedTuple):
    """A number as it was written: 1.0 and 1.00 differ, and neither becomes a float."""

    text: str


class _Inexpressible(Exception):
    """RFC 7396 has no way to say it: a null in a patch removes."""


def merge_patch(document: bytes, previous: Sequence[bytes]) -> bytes | None:
    """One patch that, applied to any of the previous documents, yields the document.

    After an interrupted delivery a receiver has one of several documents, and nobody here knows which. So a
    member is left out only where every one of them has it already, and is removed where any has it.

    Args:
        document: a JSON object, UTF-8.
        previous: what the receiver may have, each a JSON object.

    Returns:
        The patch, UTF-8; None where there is none (a member is null that was not null in all of them,
        nothing is known of before, a document is too deep or not well-formed Unicode to be read): then the
        document has to go as a whole.
    """
    if not previous:
        return None
    try:
        wanted = _object(document)
        patch = _difference(wanted, [_object(one) for one in previous])
        return orjson.dumps(patch, default=_written)
    except (_Inexpressible, RecursionError, orjson.JSONEncodeError):
        return None


def _difference(wanted: Mapping[str, Any], states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    for name, value in wanted.items():
        before = [state.get(name, _ABSENT) for state in states]
        if all(one == value for one in before):
            continue
        if value is None:
            raise _Inexpressible
        if isinstance(value, dict):
            # To a patch that is an object, whatever else stands there is an empty object (RFC 7396, 2).
            below = [cast("dict[str, Any]", one) if isinstance(one, dict) else {} for one in before]
            patch[name] = _difference(cast("dict[str, Any]", value), below)
        else:
            patch[name] = value
    for state in states:
        for name in state:
            if name not in wanted:
                patch[name] = None
    return patch


def _object(text: bytes) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(text, parse_float=_Digits, parse_int=_Digits))


def _written(value: object) -> orjson.Fragment:
    if isinstance(value, _Digits):
        return orjson.Fragment(value.text)
    raise TypeError(type(value).__name__)
