"""Merge patches (RFC 7396) from any document that a receiver may have to the new one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import orjson

_ABSENT = object()


class _Digits(NamedTuple):
    """A number as it was written: 1.0 and 1.00 differ, and none becomes a float."""

    text: str


class _Inexpressible(Exception):
    """RFC 7396 can't express the difference: a null in a patch removes a member."""


def merge_patch(document: bytes, previous: Sequence[bytes]) -> bytes | None:
    """Return a patch that yields the document from any of the previous documents.

    After an interrupted delivery a receiver has one of several documents, and the daemon does not know which.
    So the patch leaves a member out only if every previous document has it, and removes it if any has it.

    Args:
        document: a JSON object, UTF-8.
        previous: the documents that the receiver may have, each a JSON object.

    Returns:
        The patch, UTF-8; None if there is none, so that the whole document must be sent: a member became
        null, no previous document is known, or a document is nested too deeply or no well-formed Unicode.
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
            # A patch that is an object treats any other value as an empty object (RFC 7396, 2).
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
