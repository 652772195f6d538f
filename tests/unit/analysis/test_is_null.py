"""Which expressions an outer join without a match leaves to be NULL."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.derive.membership import is_null
from cdc_daemon.analysis.model.dialect import parse


@pytest.mark.parametrize(
    "text", ["NULL", "(NULL)::date", "coalesce(NULL, (NULL))", "coalesce(coalesce(NULL), NULL::int)"]
)
def test_nothing_but_null_is_null(text: str) -> None:
    assert is_null(parse(f"SELECT {text}").selects[0])


@pytest.mark.parametrize("text", ["a", "coalesce(NULL, a)", "coalesce(a, NULL)", "NULL IS NULL", "0"])
def test_what_may_have_a_value_is_not(text: str) -> None:
    assert not is_null(parse(f"SELECT {text}").selects[0])
