"""Rendered SQL is what the golden files show, so that one can read a whole function and a whole statement.

The files show the feed of the README. Renew them after a change of `sql/` or of what renders it:
RENEW_RENDERED=1 python -m pytest tests/unit/test_rendered.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from psycopg import sql

from cdc_daemon.analysis.model.catalogue import Output, TableName
from cdc_daemon.capture import body
from cdc_daemon.capture.names import CaptureNames
from cdc_daemon.capture.source import Link, Source
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.recompute import Recompute
from cdc_daemon.pg.statements import rendered

FOLDER = Path(__file__).parents[1] / "fixtures" / "rendered"

PRODUCT = Source(
    table=TableName("public", "product"),
    relation=1,
    names=CaptureNames("changelog_public_product", "capture_public_product"),
    links=(Link("sku", "text", "pg_catalog.text", as_text=False),),
    columns=("id", "name", "price", "sku"),
    primary_key=(("id", False),),
    types=(("id", "pg_catalog.int8"), ("sku", "pg_catalog.text")),
)
EXAMPLE = FeedDefinition(
    "example",
    "SELECT p.sku, p.name, p.price, COALESCE(s.quantity, 0) AS quantity\n"
    "FROM product AS p\n"
    "LEFT JOIN stock AS s ON s.product_id = p.id",
    (
        Output("sku", "text"),
        Output("name", "text"),
        Output("price", "numeric(10,2)"),
        Output("quantity", "integer"),
    ),
    key=("sku",),
    entity=("sku",),
)


def capture_function() -> str:
    text = rendered(
        "capture.function",
        function=sql.Identifier(PRODUCT.function),
        settings=sql.SQL(""),
        body=sql.SQL("$cdc$\n{}\n$cdc$").format(body.render(PRODUCT)),
    )
    return text.as_string()


def recompute_statement() -> str:
    first, _ = Recompute(EXAMPLE).statements()
    return first.decode()


@pytest.mark.parametrize(
    ("name", "render"), [("capture_function", capture_function), ("recompute", recompute_statement)]
)
def test_what_is_rendered_is_what_the_golden_file_shows(name: str, render: object) -> None:
    assert callable(render)
    file, text = FOLDER / f"{name}.sql", f"{render()}\n"
    if os.environ.get("RENEW_RENDERED"):
        file.write_text(text, "utf-8")
    assert file.read_text("utf-8") == text, "renew the file: see the top of this test"
