"""What the pack makes of the hand-written shop: whole documents, as they are delivered.

`tests/fixtures/commerce/expected` has every document, a file a feed; of `productAttributes`, where store
views differ in a label at most, a table with each attribute once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cdc_daemon.cli.plans import plan_feeds
from cdc_daemon.estimate import estimate
from cdc_daemon.pg.session import connect
from cdc_daemon.service import Service
from cdc_daemon.settings import Settings
from cdc_daemon.sinks.file import FileSettings
from cdc_daemon.workers.installation import install
from tests.commerce import shop
from tests.commerce.pack import settings
from tests.support import servers

# Planning thirteen feeds takes seconds, on a loaded machine a minute.
pytestmark = pytest.mark.timeout(300)

EXPECTED = shop.SHOP.parent / "expected"
FEEDS = sorted(path.stem for path in EXPECTED.iterdir())
STORE_VIEWS = {
    "en": ("main_store", "base"),
    "de": ("main_store", "base"),
    "outlet_en": ("outlet_store", "outlet"),
}

FIELDS: dict[str, dict[str, Any]] = json.loads((EXPECTED.parent / "fields.json").read_text("utf-8"))
"""By feed: each record of the reference with its fields and their types; `document` names the outermost."""

Delivered = dict[str, dict[tuple[Any, ...], Any]]
"""By feed and key."""


def keyed(configuration: Settings, feed: str, documents: list[dict[str, Any]]) -> dict[tuple[Any, ...], Any]:
    return {
        tuple(document[name] for name in configuration.feeds[feed].key): document for document in documents
    }


def expected_documents(feed: str) -> list[dict[str, Any]]:
    if feed == "productAttributes":
        return list(attributes())
    documents: list[dict[str, Any]] = json.loads((EXPECTED / f"{feed}.json").read_text("utf-8"))
    return documents


def attributes() -> Iterator[dict[str, Any]]:
    """The documents that the table of attributes stands for."""
    _, *rows = (
        [cell.strip() for cell in line.split("|")]
        for line in (EXPECTED / "productAttributes.txt").read_text("utf-8").splitlines()
        if not line.startswith("#")
    )
    flags = [
        name
        for name, kind in FIELDS["productAttributes"]["ProductAttributeMetadata"].items()
        if kind == "Boolean"
    ]
    for number, code, backend, widget, labels, flagged in rows:
        true = set(flagged.split())
        assert true <= set(flags), code
        label, *others = labels.split(", ")
        own = dict(other.split(": ") for other in others)
        for view, (store, website) in STORE_VIEWS.items():
            yield {
                "id": number,
                "storeCode": store,
                "websiteCode": website,
                "storeViewCode": view,
                "attributeCode": code,
                "attributeType": "catalog_product",
                "dataType": backend,
                "label": own.get(view, label) or None,
                "frontendInput": widget or None,
                "searchWeight": 3 if code == "color" else 1,
                "modifiedAt": None,
                **{flag: flag in true for flag in flags},
            }


@pytest.fixture(scope="module")
def configuration(
    server: servers.Server, shop_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    with shop.copied(server.dsn, shop_template, f"test_{uuid4().hex[:16]}") as dsn:
        yield settings(dsn, tmp_path_factory.mktemp("documents"))


@pytest.fixture(scope="module")
def delivered(configuration: Settings) -> Delivered:
    """All that one run delivered."""
    dsn = configuration.database.dsn.get_secret_value()
    with connect(dsn) as connection:
        install(
            connection, dsn, configuration, plan_feeds(connection, configuration, list(configuration.feeds))
        )
    Service(configuration, dsn).run_once()
    sink = configuration.sinks["out"]
    assert isinstance(sink, FileSettings)
    found: Delivered = {}
    for feed in configuration.feeds:
        file = Path(str(sink.path).format(feed=feed))
        records = [json.loads(line) for line in file.read_bytes().splitlines()]
        assert records.pop()["op"] == "snapshot_end"
        assert {record["op"] for record in records} == {"upsert"}
        found[feed] = keyed(configuration, feed, [record["data"] for record in records])
        assert len(found[feed]) == len(records)
    return found


@pytest.mark.parametrize("feed", FEEDS)
def test_documents_are_as_the_reference_says(
    configuration: Settings, delivered: Delivered, feed: str
) -> None:
    expected = keyed(configuration, feed, expected_documents(feed))
    found = delivered[feed]
    for key, document in expected.items():
        assert found.get(key) == document, key
    assert found.keys() == expected.keys()


def test_an_estimate_counts_the_documents_that_are_delivered(
    configuration: Settings, delivered: Delivered
) -> None:
    with connect(configuration.database.dsn.get_secret_value()) as connection:
        plans = plan_feeds(connection, configuration, list(configuration.feeds))
        found = estimate(connection, configuration, [plan.definition for plan in plans])
    told = {feed: each.documents for feed, each in found.feeds.items()}
    assert told == {feed: len(documents) for feed, documents in delivered.items()}
    assert found.sinks["out"].documents == sum(told.values())


def test_every_feed_has_expected_documents(configuration: Settings) -> None:
    assert set(FEEDS) == set(configuration.feeds)


def test_a_product_has_a_document_in_the_store_views_of_its_websites_and_none_without_a_status(
    delivered: Delivered,
) -> None:
    in_main = ["LAMP", "SHIRT", "SHIRT-R", "SHIRT-B", "WARRANTY", "KIT", "EBOOK", "GIFT", "SET", "OLD"]
    assert delivered["products"].keys() == {*product(in_main, ["en", "de"]), ("LAMP", "outlet_en")}


def test_an_attribute_of_products_has_a_document_in_every_store_view(delivered: Delivered) -> None:
    keys = delivered["productAttributes"].keys()
    assert {view for _, view in keys} == {"en", "de", "outlet_en"}
    assert len(keys) == 3 * len({code for code, _ in keys})
    assert ("is_active", "en") not in keys


SCALARS: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "ID": (str,),
    "Int": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
}


def faults(records: dict[str, Any], kind: str, value: Any, where: str) -> Iterator[str]:
    """Where a value is not of a kind: a scalar, a record of known fields, or (`[]`) a list of them."""
    if value is None:
        return
    if kind.endswith("[]"):
        if not isinstance(value, list):
            yield f"{where} is no list"
            return
        for each in value:
            yield from faults(records, kind.removesuffix("[]"), each, f"{where}[]")
    elif kind in SCALARS:
        if not isinstance(value, SCALARS[kind]) or (isinstance(value, bool) and kind != "Boolean"):
            yield f"{where} is no {kind}: {value!r}"
    else:
        fields: dict[str, str] = records[kind]
        if unknown := value.keys() - fields.keys():
            yield f"{where} has {sorted(unknown)}"
        for name, inner in fields.items():
            if name in value:
                yield from faults(records, inner, value[name], f"{where}.{name}")


@pytest.mark.parametrize("feed", list(FIELDS))
def test_documents_have_every_field_of_the_reference_and_each_its_type(
    delivered: Delivered, feed: str
) -> None:
    records = FIELDS[feed]
    document = records["document"]
    for key, found in delivered[feed].items():
        assert found.keys() == records[document].keys(), key
        assert list(faults(records, document, found, str(key))) == []
