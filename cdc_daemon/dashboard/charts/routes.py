"""The routes of a feed: from each table that its query reads, over the tables between, to the documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cdc_daemon.dashboard.charts.svg import element, number, shortened

ROW, BOX, VISIT, ARROW, END, TOP = 50.0, 190.0, 170.0, 46.0, 190.0, 24.0


@dataclass(frozen=True)
class Stop:
    """A table that a route visits.

    Attributes:
        columns: by which it is looked up.
        indexed: whether an index serves; None if nobody knows.
    """

    table: str
    columns: str
    indexed: bool | None


@dataclass(frozen=True)
class Way:
    """One route from a table.

    Attributes:
        table, alias: as the query names it.
        kind: `direct`, `join`, `partial` or `all`.
        links: columns that the trigger captures.
        reach: how many entities a changed row reaches, in words.
        reason: why the route is no better; None if it is as good as can be.
    """

    table: str
    alias: str
    kind: str
    links: str
    stops: Sequence[Stop]
    reach: str
    reason: str | None = None


def routes(ways: Sequence[Way], *, feed: str, name: str = "routes") -> Markup:
    """Return the picture as a figure: a row for each route.

    Args:
        feed: name of the feed.
        name: its ID on the page.
    """
    most = max((len(way.stops) for way in ways), default=0)
    end = BOX + most * (ARROW + VISIT) + 2 * ARROW
    width, height = end + END, TOP + len(ways) * ROW
    drawn = element(
        "svg",
        element("title", f"Routes from changed rows to the documents of {feed}", id=f"{name}-title"),
        element("text", "Changed row", x=0.0, y=14.0, class_="column"),
        element("text", "looked up in" if most else "", x=BOX + ARROW, y=14.0, class_="column"),
        element("text", f"Documents of {feed}", x=end, y=14.0, class_="column"),
        *(_row(way, TOP + n * ROW, end) for n, way in enumerate(ways)),
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-figures",
    )
    return element(
        "figure",
        element("div", drawn, class_="wide picture", tabindex="0", role="region", aria_label="Routes"),
        class_="routes",
        id=name,
    )


def _row(way: Way, y: float, end: float) -> Markup:
    middle = y + (ROW - 10) / 2
    shown = way.table if way.alias == way.table.rpartition(".")[2] else f"{way.table} {way.alias}"
    pieces = [_box(shown, f"by {way.links}" if way.links else way.kind, 0.0, y, BOX, "table")]
    x = BOX
    for stop in way.stops:
        pieces.append(_arrow(x, x + ARROW, middle))
        x += ARROW
        tone = "bad" if stop.indexed is False else "good" if stop.indexed else "idle"
        words = f"✕ {stop.columns}: no index" if stop.indexed is False else f"by {stop.columns}"
        pieces.append(_box(stop.table, words, x, y, VISIT, f"stop {tone}"))
        x += VISIT
    pieces.append(_arrow(x, end, middle))
    pieces.append(_box(way.reach, way.kind, end, y, END, "feed bad" if way.kind == "all" else "feed"))
    title = f"{way.table}: {way.kind}, {way.reach}" + (f". {way.reason}" if way.reason else "")
    bold = " every" if way.kind == "all" else ""
    return element("g", element("title", title), *pieces, class_=f"way {way.kind}{bold}")


def _box(first: str, second: str, x: float, y: float, width: float, kind: str) -> Markup:
    return element(
        "g",
        element("rect", x=x, y=y, width=width, height=ROW - 10, rx=4),
        element("text", shortened(first, width - 14), x=x + 8, y=y + 16),
        element("text", shortened(second, width - 14), x=x + 8, y=y + 32, class_="second"),
        class_=f"node {kind}",
    )


def _arrow(start: float, end: float, y: float) -> Markup:
    tip = (
        f"M{number(end - 7)} {number(y - 4)}L{number(end - 1)} {number(y)}L{number(end - 7)} {number(y + 4)}"
    )
    return element("path", d=f"M{number(start)} {number(y)}H{number(end - 2)}{tip}", class_="arrow")
