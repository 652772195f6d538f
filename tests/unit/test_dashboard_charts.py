"""Charts are exact, say the same in words and as a table, and can't be broken by a name."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise
from xml.etree import ElementTree

import orjson
import pytest

from cdc_daemon.dashboard.charts.axes import amounts, durations, moments
from cdc_daemon.dashboard.charts.flow import Flow, Line, Node, flow
from cdc_daemon.dashboard.charts.routes import Stop, Way, routes
from cdc_daemon.dashboard.charts.sparkline import sparkline
from cdc_daemon.dashboard.charts.time_chart import Series, TimeChart, time_chart
from cdc_daemon.dashboard.formats import rate, seconds

START = datetime(2026, 11, 29, 22, 0, tzinfo=UTC)
NASTY = "<script>&\"'"


def parsed(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html)  # noqa: S314 - made by the code under test


def chart(*series: Series, band: bool = False) -> TimeChart:
    show = seconds if band else rate
    return TimeChart("work", "Work", START, 600, series, show, durations=band, band=band)


@pytest.mark.parametrize(
    ("greatest", "ticks"),
    [
        (0, (0, 1)),
        (0.03, (0, 0.01, 0.02, 0.03)),
        (1, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        (7, (0, 2, 4, 6, 8)),
        (12, (0, 5, 10, 15)),
        (4321, (0, 1000, 2000, 3000, 4000, 5000)),
    ],
)
def test_an_axis_of_amounts_has_round_ticks(greatest: float, ticks: tuple[float, ...]) -> None:
    assert amounts(greatest).ticks == pytest.approx(ticks)


def test_an_axis_of_durations_spans_milliseconds_to_hours() -> None:
    assert durations([0.02, 30.0]).ticks == (0.01, 0.1, 1.0, 10.0, 60.0)
    assert durations([0.02, 30.0]).fraction(0.01) == 0.0
    assert durations([1.0]).ticks == (1.0, 10.0)
    assert durations([7200.0 * 20]).ticks == (3600.0, 36_000.0)
    assert len(durations([0.0001]).ticks) == 2


def test_moments_are_whole_and_midnight_has_its_date() -> None:
    end = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)
    assert [words for _, words in moments(START, end)] == [
        *("22:00", "23:00", "Nov 30", "01:00", "02:00", "03:00", "04:00")
    ]


def test_a_line_has_a_gap_where_there_is_no_sample() -> None:
    html = time_chart(chart(Series("changed", [1.0, 2.0, None, 4.0], filled=True)))
    _legend, line = re.findall(r'<path d="([^"]+)" class="line s0"></path></svg>', html)
    assert line.count("M") == 2
    assert line.startswith("M0 ")
    assert "None" not in html


def test_a_chart_says_the_same_in_words_and_as_a_table() -> None:
    found = parsed(
        time_chart(chart(Series("changed", [1.0, None, 4.0]), Series("captured", [None, None, 2.0])))
    )
    description = found.find(".//desc")
    assert description is not None
    assert description.text == (
        "changed: at most 4.0/s at 2026-11-29 22:20, last 4.0/s. "
        "captured: at most 2.0/s at 2026-11-29 22:20, last 2.0/s."
    )
    rows = [["".join(cell.itertext()) for cell in row] for row in found.findall(".//tbody/tr")]
    assert rows == [["2026-11-29 22:20", "4.0/s", "2.0/s"], ["2026-11-29 22:00", "1.0/s", "–"]]
    data = orjson.loads(found.attrib["data-chart"])
    assert data["series"][0] == {"name": "changed", "shown": ["1.0/s", None, "4.0/s"]}


def test_percentiles_are_a_band() -> None:
    series = Series("half within", [0.1, None, 0.2]), Series("99 % within", [1.0, None, 5.0])
    html = time_chart(chart(*series, band=True))
    (band,) = re.findall(r'<path d="([^"]+)" class="band">', html)
    assert band.count("Z") == 2


def test_a_chart_without_samples_says_so() -> None:
    html = time_chart(chart(Series("changed", [None, None])))
    assert "Nothing happened in this time." in html
    assert "<svg" not in html


def test_names_can_not_break_out_of_a_picture() -> None:
    pictures = [
        time_chart(chart(Series(NASTY, [1.0]))),
        sparkline([1.0], label=NASTY),
        flow(Flow([Node(NASTY)], [Node("f")], [], [Line(NASTY, "f", words=NASTY, title=NASTY)], [])),
        routes([Way(NASTY, NASTY, "join", NASTY, [Stop(NASTY, NASTY, False)], NASTY, NASTY)], feed=NASTY),
    ]
    for picture in pictures:
        assert "<script" not in picture
        assert " style=" not in picture  # the content security policy would drop it
        parsed(picture)


def test_a_sparkline_shows_a_gap_and_a_zero_differently() -> None:
    html = sparkline([None, 0.0, 5.0], label="changed")
    assert html.count("v-") == 2


def test_forty_feeds_stand_apart_and_every_line_ends_at_its_boxes() -> None:
    names = [f"feed_{n:02}" for n in range(40)]
    picture = flow(
        Flow(
            [Node(f"public.table_{n}") for n in range(60)],
            [Node(name, "good", "live", f"/feeds/{name}") for name in names],
            [Node("search", "bad", "down", "/sinks/search"), Node("cache", "good", "live", "/sinks/cache")],
            [Line(f"public.table_{n}", names[n % 40], rate=float(n), words=f"{n}/s") for n in range(60)],
            [
                Line(name, sink, "bad" if sink == "search" else "good")
                for name in names
                for sink in ("search", "cache")
            ],
        )
    )
    found = parsed(picture)
    for kind, count in (("table", 60), ("feed", 40), ("sink", 2)):
        boxes = [each for each in found.iter("g") if each.attrib.get("class", "").startswith(f"node {kind}")]
        heights = sorted(float(each.find("rect").attrib["y"]) for each in boxes)  # type: ignore[union-attr]
        assert len(heights) == count
        assert all(below - above >= 17 for above, below in pairwise(heights))
    assert len([each for each in found.iter("g") if each.attrib.get("class", "").startswith("link")]) == 140
    assert {each.attrib["href"] for each in found.iter("a")} >= {"/feeds/feed_00", "/sinks/search"}


def test_a_missing_index_is_named_in_the_picture_of_the_routes() -> None:
    ways = [
        Way("public.category", "c", "join", "id", [Stop("public.product", "category_id", False)], "about 12"),
        Way("public.setting", "s", "all", "", [], "every document", "no condition leads to it"),
    ]
    html = routes(ways, feed="products")
    assert "✕ category_id: no index" in html
    assert "no condition leads to it" in html
