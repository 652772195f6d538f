"""A defect of the analysis is told with its place and costs precision; no feed stops for it."""

from __future__ import annotations

import importlib
import re

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.failure import attempted
from cdc_daemon.analysis.model.catalogue import FeedQuery, TableName
from cdc_daemon.analysis.model.plan import Analysis, RouteKind
from cdc_daemon.errors import FeedError
from tests.support.analysis_fixtures import CATALOGUE, feed_query

QUERY = "SELECT p.id, c.name FROM shop.product p JOIN shop.category c ON c.id = p.category_id"


def broken(module: str, name: str, query: FeedQuery | None = None) -> Analysis:
    """The analysis with one of its functions raising, as a defect in it would."""

    def defect(*_: object, **__: object) -> None:
        raise KeyError(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module(f"cdc_daemon.analysis.{module}"), name, defect)
        return analyse(query or feed_query(QUERY), CATALOGUE)


def reads_all(analysis: Analysis, name: str) -> None:
    found = {each.table: each for each in analysis.occurrences}
    assert TableName("shop", "product") in found
    assert TableName("shop", "category") in found
    for each in found.values():
        assert each.kind is RouteKind.ALL
        assert each.links == ()
        assert each.row_filter is None
        assert re.fullmatch(
            rf"the analysis failed at cdc_daemon\.analysis\.[\w.]+:\d+ \(KeyError: '{name}'\): "
            "this is a defect of cdc-daemon, please report it with the query",
            each.reason or "",
        )


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("analyse", "parse_with_reading"),
        ("analyse", "walk"),
        ("analyse", "row_filter"),
        ("read.build", "make_strict"),
        ("derive.walk", "routes_of"),
        ("derive.source_order", "rank_sources"),
    ],
)
def test_every_table_is_read_whole_with_the_place_of_the_defect(module: str, name: str) -> None:
    if (module, name) == ("derive.source_order", "rank_sources"):
        module = "derive.scope_plan"  # which has imported it
    reads_all(broken(module, name), name)


def test_a_check_that_fails_refuses_the_query() -> None:
    (verdict,) = (each for each in broken("lint.time_dependence", "_literals").verdicts if each.refusal)
    assert verdict.name == "unjudged"
    assert "please report it" in verdict.what


def test_a_warning_that_fails_refuses_nothing() -> None:
    verdicts = broken("lint.missing_order", "_unordered").verdicts
    assert [each.name for each in verdicts] == ["unadvised"]


def test_a_proof_that_fails_proves_nothing() -> None:
    analysis = broken("completed", "proved_unique")
    assert not analysis.unique_key
    assert [each.kind for each in analysis.occurrences] == [RouteKind.DIRECT, RouteKind.JOIN]


def test_an_error_of_the_query_stays_one() -> None:
    with pytest.raises(FeedError, match="not a column of any source table"):
        broken("completed", "lookups", feed_query("SELECT p.id, p.xmin AS x FROM shop.product p"))


def test_too_deep_an_expression_reads_all() -> None:
    deep = " AND ".join(f"p.id <> {n}" for n in range(1500))
    analysis = importlib.import_module("cdc_daemon.analysis.analyse").analyse(
        feed_query(f"{QUERY} WHERE {deep}"), CATALOGUE
    )
    assert {each.kind for each in analysis.occurrences} == {RouteKind.ALL}


def test_the_sentence_is_one_line() -> None:
    def fail() -> str:
        raise ValueError("a first line\nand a second")

    assert attempted(fail, str).count("\n") == 0
    assert "a first line)" in attempted(fail, str)
