"""The line that `systemctl status` shows tells how many feeds and deliveries stand still, and which."""

from __future__ import annotations

import pytest

from cdc_daemon.workers.status_line import status_line


@pytest.mark.parametrize(
    ("feeds", "stopped", "deliveries", "failing", "line"),
    [
        (13, [], 26, [], "13 feeds, 26 deliveries"),
        (1, [], 1, [], "1 feed, 1 delivery"),
        (13, ["prices", "products"], 26, [], "2 of 13 feeds stopped (prices, products), 26 deliveries"),
        (1, [], 2, ["sink a, feed b"], "1 feed, 1 of 2 deliveries failing (sink a, feed b)"),
        (9, list("abcdefg"), 0, [], "7 of 9 feeds stopped (a, b, c, d, e, …), 0 deliveries"),
    ],
)
def test_the_line_counts_and_names(
    feeds: int, stopped: list[str], deliveries: int, failing: list[str], line: str
) -> None:
    assert status_line(feeds, stopped, deliveries, failing) == line
