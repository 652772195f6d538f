"""The shop of these tests is in the states that the pages are to show."""

from __future__ import annotations

from tests.browser.living_shop import STATES, LivingShop


def test_the_shop_has_one_of_each_trouble(shop: LivingShop) -> None:
    status = shop.read_status()
    print(status)
    assert {feed.feed: feed.state for feed in status.feeds} == STATES
