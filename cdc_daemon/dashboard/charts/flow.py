"""The flow: tables on the left, feeds in the middle, sinks on the right, with rates on the lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from markupsafe import Markup

from cdc_daemon.dashboard.charts.svg import element, joined, number, shortened

ROW, PAD, TOP = 26.0, 4.0, 26.0
BOX = 176.0
GAP = 210.0
WIDTH = 3 * BOX + 2 * GAP

FEW = 6
"""Up to so many lines to sinks each has its words. Words of more lines would lie on each other.

Then each feed has the sum at its end; the words of a line stand in the table and under the pointer.
"""


@dataclass(frozen=True)
class Node:
    """A table, feed or sink.

    Attributes:
        name: what its box says; `title` says more to the pointer and to screen readers.
        tone: `good`, `busy`, `held`, `bad` or `idle`.
        state: the word for its state; None for a table.
        address: of its page.
        incoming, outgoing: what flows into it and out of it, in words, for the ends of its lines.
    """

    name: str
    tone: str = "idle"
    state: str | None = None
    address: str | None = None
    title: str | None = None
    incoming: str = ""
    outgoing: str = ""


@dataclass(frozen=True)
class Line:
    """A line from a table to a feed, or from a feed to a sink.

    Attributes:
        source, target: names of its ends.
        tone: as of `Node`.
        rate: what flows, a second; None if nobody measures it.
        words: the rate as it is written on the line; empty for none.
    """

    source: str
    target: str
    tone: str = "idle"
    rate: float | None = None
    words: str = ""
    title: str | None = None


@dataclass(frozen=True)
class Flow:
    """The picture's content.

    Attributes:
        captures: lines from tables to feeds.
        deliveries: lines from feeds to sinks.
    """

    tables: Sequence[Node]
    feeds: Sequence[Node]
    sinks: Sequence[Node]
    captures: Sequence[Line]
    deliveries: Sequence[Line]


def flow(picture: Flow, *, name: str = "flow") -> Markup:
    """Return the picture as a figure, with its lines as a table that can be unfolded.

    Feeds keep their order. Tables and sinks stand at the height of their feeds, so that lines cross little.

    Args:
        name: its ID on the page.
    """
    span = ROW * max(len(picture.tables), len(picture.feeds), len(picture.sinks))
    feeds = _spread(picture.feeds, span)
    tables = _spread(_beside(picture.tables, _ends(picture.captures, of_source=True), feeds), span)
    sinks = _spread(_beside(picture.sinks, _ends(picture.deliveries, of_source=False), feeds), span)
    height = TOP + span + ROW / 2
    middle, right = BOX + GAP, 2 * (BOX + GAP)
    few = len(picture.deliveries) <= FEW
    drawn = element(
        "svg",
        element("title", "Flow from tables through feeds to sinks", id=f"{name}-title"),
        *(
            element("text", words, x=x, y=14.0, class_="column")
            for words, x in (("Tables", 0.0), ("Feeds", middle), ("Sinks", right))
        ),
        *(_line(each, (BOX, tables), (middle, feeds), kinds="table feed") for each in picture.captures),
        *(
            _line(each, (middle + BOX, feeds), (right, sinks), kinds="feed sink", words_at=place)
            for each, place in _with_places(picture)
        ),
        *(_ends_of(node, middle, feeds[node.name], named=few) for node in picture.feeds),
        *(_box(node, 0.0, tables[node.name], "table") for node in picture.tables),
        *(_box(node, middle, feeds[node.name], "feed") for node in picture.feeds),
        *(_box(node, right, sinks[node.name], "sink") for node in picture.sinks),
        viewBox=f"-1 0 {number(WIDTH + 2)} {number(height)}",
        width=WIDTH,
        height=height,
        role="group",
        aria_labelledby=f"{name}-title",
    )
    return element(
        "figure",
        element("div", drawn, class_="wide picture", tabindex="0", role="region", aria_label="Flow"),
        _table(picture, name),
        class_="flow",
        id=name,
    )


def _ends(lines: Sequence[Line], *, of_source: bool) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        node, feed = (line.source, line.target) if of_source else (line.target, line.source)
        found.setdefault(node, []).append(feed)
    return found


def _beside(
    nodes: Sequence[Node], feeds_of: Mapping[str, Sequence[str]], feeds: Mapping[str, float]
) -> list[Node]:
    """Return the nodes in the order of the middle height of their feeds."""

    def height(node: Node) -> float:
        return mean([feeds[feed] for feed in feeds_of.get(node.name, ()) if feed in feeds] or [math.inf])

    return sorted(nodes, key=height)


def _spread(nodes: Sequence[Node], span: float) -> Mapping[str, float]:
    """Return the height of each node: all the same distance apart, in this order."""
    step = span / max(len(nodes), 1)
    return {node.name: TOP + n * step + (step - ROW) / 2 for n, node in enumerate(nodes)}


def _with_places(picture: Flow) -> Iterator[tuple[Line, float | None]]:
    """Yield each line to a sink, and where its words stand: those of one feed further and further along."""
    several = len(picture.deliveries) <= FEW
    seen: dict[str, int] = {}
    for line in picture.deliveries:
        n = seen[line.source] = seen.get(line.source, -1) + 1
        yield line, 0.22 + 0.17 * (n % 4) if several else None


def _ends_of(node: Node, x: float, y: float, *, named: bool) -> Markup:
    """Return what flows into a feed and out of it, beside its box."""
    ends = [(node.incoming, x - 5, "end")]
    if not named:
        ends.append((node.outgoing, x + BOX + 5, "start"))
    texts = [
        element("text", words, x=at, y=y + (ROW - PAD) / 2 - 3, text_anchor=anchor, class_="rate")
        for words, at, anchor in ends
        if words
    ]
    return joined(texts)


def _box(node: Node, x: float, y: float, kind: str) -> Markup:
    tone = f" {node.tone}"
    words = f"{node.name}, {node.state}" if node.state else node.name
    mark = element("text", _MARKS[node.tone], x=x + 8, y=y + 15, class_=f"mark{tone}") if node.state else ""
    left = 22.0 if node.state else 8.0
    box = element(
        "g",
        element("title", node.title or words),
        element("rect", x=x, y=y, width=BOX, height=ROW - PAD, rx=4),
        mark,
        element("text", shortened(node.name, BOX - left - 6), x=x + left, y=y + 15),
        class_=f"node {kind}{tone}",
        data_node=f"{kind}:{node.name}",
    )
    if node.address is None:
        return box
    return element("a", box, href=node.address, aria_label=words)


_MARKS: Mapping[str, str] = {"good": "●", "busy": "◐", "held": "▲", "bad": "✕", "idle": "○"}
"""As the style sheet marks a state: a colour alone would not do."""


def _line(
    line: Line,
    source: tuple[float, Mapping[str, float]],
    target: tuple[float, Mapping[str, float]],
    *,
    kinds: str,
    words_at: float | None = None,
) -> Markup:
    if line.source not in source[1] or line.target not in target[1]:
        return Markup("")
    half = (ROW - PAD) / 2
    x1, y1 = source[0], source[1][line.source] + half
    x2, y2 = target[0], target[1][line.target] + half
    bend = (x2 - x1) / 2
    # A hundred times the rate is twice as thick: a quiet line is seen beside a busy one.
    width = 1.2 + min(4.0, math.log10(1 + (line.rate or 0.0)) * 1.2)
    pieces = [
        element("title", line.title or f"{line.source} → {line.target}"),
        element(
            "path",
            d=f"M{number(x1)} {number(y1)}C{number(x1 + bend)} {number(y1)} {number(x2 - bend)} {number(y2)}"
            f" {number(x2)} {number(y2)}",
            stroke_width=width,
        ),
    ]
    if line.words and words_at is not None:
        x, y = _along(words_at, (x1, y1), (x2, y2))
        pieces.append(element("text", line.words, x=x, y=y - 3, text_anchor="middle", class_="rate"))
    flowing = " flowing" if line.rate else ""
    return element(
        "g",
        *pieces,
        class_=f"link {line.tone}{flowing}",
        data_from=line.source,
        data_to=line.target,
        data_kinds=kinds,
    )


def _along(share: float, start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Return a point of the curve, whose middle points stand at half of the width."""
    (x1, y1), (x2, y2) = start, end
    t, rest = share, 1 - share
    half = (x1 + x2) / 2
    x = rest**3 * x1 + 3 * rest**2 * t * half + 3 * rest * t**2 * half + t**3 * x2
    y = y1 + (y2 - y1) * (3 * t**2 - 2 * t**3)
    return x, y


def _table(picture: Flow, name: str) -> Markup:
    rows = [
        element(
            "tr",
            element("td", line.source),
            element("td", line.target),
            element("td", line.words or "–", class_="n"),
            element("td", line.title or ""),
        )
        for line in (*picture.captures, *picture.deliveries)
    ]
    head = (
        element("th", "From", scope="col"),
        element("th", "To", scope="col"),
        element("th", "Rate", scope="col", class_="n"),
        element("th", "Meaning", scope="col"),
    )
    table = element("table", element("thead", element("tr", *head)), element("tbody", *rows))
    return element(
        "details",
        element("summary", "The flow as a table"),
        element("div", table, class_="wide figures"),
        id=f"{name}-figures",
    )
