"""The size of a generated shop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Amounts of everything in the shop.

    Attributes:
        store_views: number of store views, spread over the websites in turn.
        customer_groups: number of groups, including that of visitors who are not logged in.
        seed: seed of all random choices. The same seed makes the same rows.
    """

    products: int
    store_views: int = 4
    websites: int = 2
    customer_groups: int = 4
    orders: int = 0
    seed: int = 1

    @property
    def categories(self) -> int:
        """Number of categories below the roots. Each website has one root."""
        return max(12, self.products // 100)

    def website_of_view(self, view: int) -> int:
        """Return the website of a store view. Both are numbered from 1."""
        return (view - 1) % self.websites + 1

    def views_of_website(self, website: int) -> list[int]:
        """Return the store views of a website."""
        return [view for view in range(1, self.store_views + 1) if self.website_of_view(view) == website]
