"""Which addresses of each view tests look at: those on which the shop's troubles show."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from cdc_daemon.dashboard.routes import VIEWS
from tests.browser.living_shop import HOSTILE, LONG_FEED

FEED_NAMES = ("products", "listings", "pages", "coupons", LONG_FEED)
SINK_NAMES = ("catalog", "warehouse", "archive")

DEAR = frozenset({"resync_preview", "feed_estimate"})
"""Views that compute documents: they are looked at for one feed alone."""

_PLACE = re.compile(r"\{(\w+)(?::\w+)?\}")


def key(**columns: object) -> str:
    """A document's key as addresses have it."""
    return quote(json.dumps(columns, ensure_ascii=False, separators=(",", ":")), safe="")


KEYS = (
    ("products", key(sku="sku-1")),
    (LONG_FEED, key(**{"<i>label</i>": HOSTILE})),
    (LONG_FEED, key(**{"<i>label</i>": "a/b?c#d%2F e"})),
)
"""Documents that are looked at: one that a sink refused, and two whose keys are hostile."""


def addresses() -> Sequence[tuple[str, str]]:
    """Each view of the route table with an address of it.

    Raises:
        LookupError: a path has a part that is not known here.
    """
    return [
        (view.name, filled(view.path, {_word(view.path): row}))
        for view in VIEWS
        for row in (_rows(view.path)[:1] if view.name in DEAR else _rows(view.path))
    ]


def filled(path: str, values: Mapping[str, Sequence[str]]) -> str:
    """A path with the parts that belong to its first word."""
    return _PLACE.sub("{}", path).format(*values.get(_word(path), ()))


def _word(path: str) -> str:
    return path.split("/")[1]


def _rows(path: str) -> Sequence[Sequence[str]]:
    if not (places := _PLACE.findall(path)):
        return [()]
    rows = _VALUES.get((_word(path), len(places)))
    if rows is None:
        raise LookupError(f"{path}: say in tests/browser/addresses.py which addresses of it are looked at")
    return rows


_VALUES: Mapping[tuple[str, int], Sequence[Sequence[str]]] = {
    ("feeds", 1): [(name,) for name in FEED_NAMES],
    ("feeds", 2): KEYS,
    ("sinks", 1): [(name,) for name in SINK_NAMES],
}
"""Values of a path's parts, by its first word and how many parts it has."""
