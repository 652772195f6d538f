"""Which product is of which kind: in every twenty a family with its configurable parent."""

from __future__ import annotations

from enum import Enum

BLOCK = 20
CHILDREN = range(6)
"""Places in a block of the variants, whose parent stands at `PARENT`."""
PARENT = 6
PARTS = (10, 11, 12)
"""Places in a block of what its bundle or grouped product consists of."""


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
"""By place in a block: the kinds that take turns there."""


def kind_of(product: int, products: int) -> Kind:
    """The kind of a product, numbered from 1; a last block that is not full has simple ones only."""
    block, place = divmod(product - 1, BLOCK)
    kinds = _RARE.get(place)
    if kinds is None or (block + 1) * BLOCK > products:
        return Kind.SIMPLE
    return kinds[block % len(kinds)]


def is_variant(product: int, products: int) -> bool:
    """Whether it is sold as a variant of its block's configurable product."""
    block, place = divmod(product - 1, BLOCK)
    return place in CHILDREN and (block + 1) * BLOCK <= products
