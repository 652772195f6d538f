"""Ratings, and reviews of a part of the products."""

from __future__ import annotations

import random

from cdc_daemon.commerce.lines import Lines
from cdc_daemon.commerce.naming import moment
from cdc_daemon.commerce.size import Size
from cdc_daemon.commerce.words import FIRST_NAMES, SENTENCES

RATINGS = ("Quality", "Value")


def write(lines: Lines, size: Size) -> None:
    """Add all ratings and reviews: one review for ten products."""
    chance = random.Random(f"{size.seed}/reviews")  # noqa: S311 # the same rows for the same seed
    lines.into("review_entity", "entity_id", "entity_code")(1, "product")
    lines.into("rating_entity", "entity_id", "entity_code")(1, "product")
    rating = lines.into("rating", "rating_id", "entity_id", "rating_code", "position", "is_active")
    option = lines.into("rating_option", "option_id", "rating_id", "code", "value", "position")
    shown = lines.into("rating_store", "rating_id", "store_id")
    title = lines.into("rating_title", "rating_id", "store_id", "value")
    for n, code in enumerate(RATINGS, start=1):
        rating(n, 1, code, n, 1)
        for value in range(1, 6):
            option(n * 10 + value, n, str(value), value, value)
        for view in range(size.store_views + 1):
            shown(n, view)
        title(n, size.store_views, f"{code} ({size.store_views})")
    review = lines.into("review", "review_id", "created_at", "entity_id", "entity_pk_value", "status_id")
    detail = lines.into(
        "review_detail", "review_id", "store_id", "title", "detail", "nickname", "customer_id"
    )
    visible = lines.into("review_store", "review_id", "store_id")
    vote = lines.into(
        "rating_option_vote", "option_id", "rating_id", "review_id", "entity_pk_value", "percent", "value"
    )
    for number in range(1, size.products // 10 + 1):
        product, view = chance.randint(1, size.products), chance.randint(1, size.store_views)
        review(number, moment(number), 1, product, chance.choices((1, 2, 3), (90, 8, 2))[0])
        detail(number, view, "As described", chance.choice(SENTENCES), chance.choice(FIRST_NAMES), None)
        visible(number, 0)
        visible(number, view)
        for n in range(1, len(RATINGS) + 1):
            value = chance.choices((1, 2, 3, 4, 5), (3, 5, 12, 30, 50))[0]
            vote(n * 10 + value, n, number, product, value * 20, value)
