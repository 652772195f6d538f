"""RFC 7396 patches: right for every document that the receiver may have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.sinks.merge_patch import merge_patch


def applied(target: Any, patch: Any) -> Any:
    """The pseudo-code of RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = applied(result.get(name), value)
    return result


class Number(str):
    """A number by its digits."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and str(self) == str(other)

    __hash__ = str.__hash__


def read(text: bytes) -> Any:
    return json.loads(text, parse_float=Number, parse_int=Number)


def written(value: Any) -> bytes:
    """JSON with numbers as their digits."""
    if isinstance(value, dict):
        return b"{" + b",".join(json.dumps(k).encode() + b":" + written(v) for k, v in value.items()) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(written, value)) + b"]"
    return str(value).encode() if isinstance(value, Number) else json.dumps(value).encode()


# Few names and values, so that members meet; numbers that differ in digits alone.
_names = st.sampled_from(["a", "b", "c", ""])
_scalars = st.sampled_from([True, False, "", "1", "ä", *map(Number, ("1", "1.0", "1.00", "-0", "1e400"))])


def _values(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars,
        # Within an array a null is a value as any other, for an array is replaced whole.
        lambda below: st.lists(below | st.none(), max_size=3) | st.dictionaries(_names, below, max_size=3),
        max_leaves=6,
    )


_documents = st.dictionaries(_names, _values(_scalars), max_size=4)
_documents_with_nulls = st.dictionaries(_names, _values(_scalars | st.none()), max_size=4)


@given(_documents, st.lists(_documents_with_nulls, min_size=1, max_size=4))
def test_a_document_without_nulls_has_a_patch_that_is_right_for_every_previous_one(
    document: dict[str, Any], previous: list[dict[str, Any]]
) -> None:
    patch = merge_patch(written(document), [written(one) for one in previous])
    assert patch is not None
    for one in previous:
        assert applied(one, read(patch)) == document


@given(_documents_with_nulls, st.lists(_documents_with_nulls, min_size=1, max_size=4))
def test_a_patch_of_a_document_with_nulls_is_right_if_there_is_one(
    document: dict[str, Any], previous: list[dict[str, Any]]
) -> None:
    patch = merge_patch(written(document), [written(one) for one in previous])
    if patch is not None:
        for one in previous:
            assert applied(one, read(patch)) == document


@given(_documents_with_nulls, _documents_with_nulls)
def test_a_patch_names_no_member_that_is_right_already(
    document: dict[str, Any], previous: dict[str, Any]
) -> None:
    patch = merge_patch(written(document), [written(previous)])
    if patch is not None:
        for name in read(patch):
            assert name not in document or name not in previous or document[name] != previous[name]


@pytest.mark.parametrize(
    ("document", "previous", "patch"),
    [
        (b'{"a":1}', [b'{"a":1}'], b"{}"),
        (b'{"a":1.00}', [b'{"a":1.0}'], b'{"a":1.00}'),
        (b'{"a":"1"}', [b'{"a":1}'], b'{"a":"1"}'),
        (b'{"a":true}', [b'{"a":1}'], b'{"a":true}'),
        (b'{"a":1}', [b'{"a":1,"b":2}', b'{"a":1,"c":2}'], b'{"b":null,"c":null}'),
        (b'{"a":1,"b":2}', [b'{"a":1,"b":2}', b'{"a":0,"b":2}'], b'{"a":1}'),
        (b'{"a":{"x":1,"y":2}}', [b'{"a":{"x":1}}'], b'{"a":{"y":2}}'),
        (b'{"a":{"x":1}}', [b'{"a":{"x":1,"y":2}}', b'{"a":"text"}', b"{}"], b'{"a":{"x":1,"y":null}}'),
        (b'{"a":{}}', [b'{"a":[1]}'], b'{"a":{}}'),
        (b'{"a":[{"x":null}]}', [b'{"a":[]}'], b'{"a":[{"x":null}]}'),
        (b'{"a":null,"b":2}', [b'{"a":null,"b":1}'], b'{"b":2}'),
    ],
)
def test_a_patch_says_what_differs(document: bytes, previous: list[bytes], patch: bytes) -> None:
    assert merge_patch(document, previous) == patch


@pytest.mark.parametrize(
    ("document", "previous"),
    [
        (b'{"a":null}', [b"{}"]),
        (b'{"a":null}', [b'{"a":null}', b'{"a":1}']),
        (b'{"a":{"b":null}}', [b'{"a":{"b":1}}']),
        (b'{"a":"\\ud800"}', [b"{}"]),
        (b'{"a":%s1%s}' % (b"[" * 600, b"]" * 600), [b"{}"]),
        (b'{"a":%s1%s}' % (b"[" * 100_000, b"]" * 100_000), [b"{}"]),
        (b'{"a":1}', []),
    ],
)
def test_what_a_patch_can_not_say_has_none(document: bytes, previous: list[bytes]) -> None:
    assert merge_patch(document, previous) is None
