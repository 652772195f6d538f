"""The demo's proof: a proof that can't fail proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from cdc_daemon.sinks.record import Record
from demo.proof import compare, fold

KEY = ["sku", "storeViewCode"]
HELD = {
    '["A","en"]': b'{"sku":"A","price":7,"updatedAt":"monday"}',
    '["A","de"]': b'{"sku":"A","price":8,"updatedAt":"monday"}',
}


def line(op: str, key: dict[str, object], document: bytes | None, revision: int = 1) -> bytes:
    record = Record(
        feed="products",
        key=orjson.dumps(key),
        op="delete" if op == "delete" else "upsert",
        revision=revision,
        hash=None,
        changed=("name",),
        captured_at="2026-01-01T00:00:00Z",
        data=document,
    )
    return record.encode() + b"\n"


def delivered(folder: Path) -> dict[str, bytes]:
    """HELD, as a receiver of the file that holds it."""
    file = folder / "products.ndjson"
    keys = {name: dict(zip(KEY, orjson.loads(name), strict=True)) for name in HELD}
    file.write_bytes(b"".join(line("upsert", keys[name], document) for name, document in HELD.items()))
    return fold(file, KEY)


def test_the_last_record_of_a_key_wins_and_a_delete_removes(tmp_path: Path) -> None:
    file = tmp_path / "products.ndjson"
    file.write_bytes(
        line("upsert", {"sku": "a"}, b'{"n":1}')
        + line("upsert", {"sku": "b"}, b'{"n":2}')
        + line("upsert", {"sku": "a"}, b'{"n":1.50}', 2)
        + line("delete", {"sku": "b"}, None, 3)
    )
    assert fold(file, ["sku"]) == {'["a"]': b'{"n":1.50}'}


def test_a_document_may_hold_the_names_of_the_record(tmp_path: Path) -> None:
    document = b'{"data":{"captured_at":"x","data":1},"text":",\\"data\\":"}'
    (tmp_path / "products.ndjson").write_bytes(line("upsert", {"data": 1}, document))
    assert fold(tmp_path / "products.ndjson", ["data"]) == {"[1]": document}


def test_what_was_delivered_as_it_is_is_the_same(tmp_path: Path) -> None:
    assert not compare(delivered(tmp_path), HELD)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda held: held.pop('["A","en"]'), "missing"),
        (lambda held: held.update({'["B","en"]': b"{}"}), "surplus"),
        (
            lambda held: held.update({'["A","en"]': held['["A","en"]'].replace(b"7", b"7.0")}),
            "other",
        ),
    ],
)
def test_each_kind_of_difference_is_found(
    tmp_path: Path, spoil: Callable[[dict[str, bytes]], object], found: str
) -> None:
    held = delivered(tmp_path)
    spoil(held)
    for without in ((), ("updatedAt",)):
        difference = compare(held, HELD, without=without)
        assert [what for what in ("missing", "surplus", "other") if getattr(difference, what)] == [found]


def test_a_field_that_alone_is_no_change_may_be_older_in_what_was_delivered(tmp_path: Path) -> None:
    held = delivered(tmp_path)
    now = {name: document.replace(b"monday", b"tuesday") for name, document in HELD.items()}
    assert compare(held, now).other
    assert not compare(held, now, without=("updatedAt",))
