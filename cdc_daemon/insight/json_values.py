"""JSON of documents as it is spelled: for people, without values of masked fields, searched by value.

A usual parser would turn 1.00 into 1.0 and drop one of two fields of the same name.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from cdc_daemon.errors import CdcError
from cdc_daemon.workers.payload_log import HIDDEN


class Literal(str):
    """A number as it is spelled, or `true`, `false`, `null`."""

    __slots__ = ()


@dataclass(frozen=True)
class Fields:
    """A JSON object: its fields in their order, also if several have one name."""

    fields: tuple[tuple[str, Value], ...] = field(default=())


Value: TypeAlias = "Fields | list[Value] | str | Literal"
"""JSON: an object, an array, a string or a `Literal`."""

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode


def parse(text: str) -> Value:
    """Return JSON with its spelling of numbers.

    Raises:
        CdcError: it nests too deep.
    """
    try:
        return _value(_DECODER.decode(text))
    except RecursionError:
        raise CdcError("nests too deep to be shown", where="document") from None


def masked(value: Value, mask: Collection[str]) -> Value:
    """Return JSON without the values of some fields, at any depth."""
    if isinstance(value, Fields):
        return Fields(
            tuple((name, HIDDEN if name in mask else masked(inner, mask)) for name, inner in value.fields)
        )
    if isinstance(value, list):
        return [masked(inner, mask) for inner in value]
    return value


def written(value: Value) -> str:
    """Return JSON as text on one line."""
    if isinstance(value, Fields):
        return "{" + ",".join(f"{_ENCODE(name)}:{written(inner)}" for name, inner in value.fields) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return str(value) if isinstance(value, Literal) else _ENCODE(value)


def masked_text(text: str, mask: Collection[str]) -> str:
    """Return the text of JSON without the values of some fields; the same text if there are no such fields.

    Raises:
        CdcError: it nests too deep.
    """
    return written(masked(parse(text), mask)) if mask else text


def found_in(value: Value, text: str, *, of: str | None = None, mask: Collection[str] = ()) -> bool:
    """Whether a value contains a text: a string in its middle too, a number as it is spelled.

    Args:
        of: only values of fields of this name, at any depth, with all that is in them.
        mask: names of fields whose values are not looked at.
    """
    return any(text in each for each in _scalars(value, of, mask, inside=of is None))


def _scalars(value: Value, of: str | None, mask: Collection[str], *, inside: bool) -> Iterator[str]:
    if isinstance(value, Fields):
        for name, inner in value.fields:
            if name not in mask:
                yield from _scalars(inner, of, mask, inside=inside or name == of)
    elif isinstance(value, list):
        for each in value:
            yield from _scalars(each, of, mask, inside=inside)
    elif inside:
        yield value


def _value(parsed: Any) -> Value:
    """Return what the decoder made, with `Literal` for true, false and null."""
    if isinstance(parsed, Fields):
        return Fields(tuple((name, _value(inner)) for name, inner in parsed.fields))
    if isinstance(parsed, list):
        return [_value(inner) for inner in parsed]  # pyright: ignore[reportUnknownVariableType]
    if parsed is None or isinstance(parsed, bool):
        return Literal(json.dumps(parsed))
    return cast("str", parsed)


_DECODER = json.JSONDecoder(
    object_pairs_hook=lambda pairs: Fields(tuple(pairs)), parse_int=Literal, parse_float=Literal, strict=False
)
