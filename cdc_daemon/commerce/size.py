"""How large a made-up shop is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """How much of everything there is.

    Attributes:
        store_views: spread over the websites in turn.
        customer_groups: with the one of those who are not logged in.
        seed: of everything that looks like chance: the same seed, the same rows.
    """

    products: int
    store_views: int = 4
    websites: int = 2
    customer_groups: int = 4
    orders: int = 0
    seed: int = 1

    @property
    def categories(self) -> int:
        """Below the roots, one root a website."""
        return max(12, self.products // 100)

    def website_of_view(self, view: int) -> int:
        """Views are numbered from 1, as websites are."""
        return (view - 1) % self.websites + 1

    def views_of_website(self, website: int) -> list[int]:
        return [view for view in range(1, self.store_views + 1) if self.website_of_view(view) == website]
