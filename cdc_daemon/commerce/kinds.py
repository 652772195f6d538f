"""The kind of each product. Every block of twenty has a family with its configurable parent."""

from __future__ import annotations

from enum import Enum

BLOCK = 20
CHILDREN = range(6)
"""Positions of the variants in a block. Their parent has the position `PARENT`."""
PARENT = 6
PARTS = (10, 11, 12)
"""Positions in a block of the parts of its bundle or grouped product."""


class Kind(Enum):
    """The `type_id` of a product."""

    SIMPLE = "simple"
    CONFIGURABLE = "configurable"
    VIRTUAL = "virtual"
    DOWNLOADABLE = "downloadable"
    BUNDLE = "bundle"
    GROUPED = "grouped"
    GIFTCARD = "giftcard"


_RARE = {
    PARENT: (Kind.CONFIGURABLE,),
    7: (Kind.VIRTUAL,),
    8: (Kind.DOWNLOADABLE, Kind.SIMPLE),
    9: (Kind.BUNDLE, Kind.GROUPED, Kind.SIMPLE),
    13: (Kind.GIFTCARD, Kind.SIMPLE, Kind.SIMPLE, Kind.SIMPLE, Kind.SIMPLE),
}
"""The kinds that take turns at each position of a block."""


def kind_of(product: int, products: int) -> Kind:
    """Return the kind of product number `product`, from 1.

    A last block that is not full has only simple products.
    """
    block, position = divmod(product - 1, BLOCK)
    kinds = _RARE.get(position)
    if kinds is None or (block + 1) * BLOCK > products:
        return Kind.SIMPLE
    return kinds[block % len(kinds)]


def is_variant(product: int, products: int) -> bool:
    """Whether the product is a variant of its block's configurable product."""
    block, position = divmod(product - 1, BLOCK)
    return position in CHILDREN and (block + 1) * BLOCK <= products
