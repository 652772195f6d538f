"""Values that follow from a product's number alone."""

from __future__ import annotations

from cdc_daemon.commerce.kinds import BLOCK, Kind, is_variant, kind_of
from cdc_daemon.commerce.size import Size
from cdc_daemon.commerce.words import ADJECTIVES, NOUNS


def sku(product: int) -> str:
    """Return the SKU of a product."""
    return f"SKU-{product:07}"


def moment(number: int) -> str:
    """Return the time of creation and last change, as a timestamp of PostgreSQL."""
    day, minute = divmod(number * 37 % 500_000, 1440)
    return f"2024-{day // 30 % 12 + 1:02}-{day % 28 + 1:02} {minute // 60:02}:{minute % 60:02}:00"


def name(product: int, size: Size) -> str:
    """Return the product's name. The names of a family's variants differ only in the number."""
    kind = kind_of(product, size.products)
    alike = kind is Kind.CONFIGURABLE or is_variant(product, size.products)
    family = (product - 1) // BLOCK
    position = 0 if alike else product
    adjective = ADJECTIVES[(family * 7 + position) % len(ADJECTIVES)]
    return f"{adjective} {NOUNS[(family * 3 + position) % len(NOUNS)]} {product}"


def url_key(name: str) -> str:
    """Return the URL key of a product's name."""
    return name.lower().replace(" ", "-")


def websites_of(product: int, size: Size) -> list[int]:
    """Return the websites that sell the product. The first website sells everything, the others a part."""
    return [n for n in range(1, size.websites + 1) if n == 1 or (product * 31 + n * 17) % 10 < 7]
