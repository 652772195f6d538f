"""JSON keeps its spelling when fields are masked, and is searched by the values that people see."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.errors import CdcError
from cdc_daemon.insight.json_values import found_in, masked_text, parse, written

DOCUMENT = (
    '{"sku": "A-1", "price": 1.00, "n": 12345678901234567890,'
    ' "who": {"mail": "a@b.c", "tags": ["x\\ny", null]}}'
)

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@given(ANY_JSON)
def test_what_is_written_is_the_same_json(value: object) -> None:
    assert json.loads(written(parse(json.dumps(value)))) == value


def test_numbers_and_repeated_names_stay_as_they_are() -> None:
    text = '{"a":1.00,"a":-0,"b":[1e5,true,false,null,"é"]}'
    assert written(parse(text)) == text


def test_without_a_mask_the_text_is_the_same_text() -> None:
    assert masked_text(DOCUMENT, ()) is DOCUMENT


def test_masked_fields_have_no_value_at_any_depth() -> None:
    assert masked_text(DOCUMENT, {"mail", "price"}) == (
        '{"sku":"A-1","price":"***","n":12345678901234567890,"who":{"mail":"***","tags":["x\\ny",null]}}'
    )


@pytest.mark.parametrize(
    ("text", "of", "found"),
    [
        ("A-", None, True),
        ("1.00", None, True),
        ("1.0", "price", True),
        ("x\ny", None, True),
        ("null", "tags", True),
        ("a@b", "who", True),
        ("a@b", "sku", False),
        ("mail", None, False),
        ("***", None, False),
    ],
)
def test_values_are_found_and_names_are_not(text: str, of: str | None, found: bool) -> None:
    assert found_in(parse(DOCUMENT), text, of=of) is found
    assert found_in(parse(DOCUMENT), text, of=of, mask={"sku", "price", "who"}) is False


def test_json_that_nests_too_deep_is_an_error_of_ours() -> None:
    with pytest.raises(CdcError, match="nests too deep"):
        parse("[" * 100_000 + "]" * 100_000)
