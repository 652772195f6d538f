"""A chart over time: areas, lines, and bands between two percentiles, with the same figures as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import orjson
from markupsafe import Markup

from cdc_daemon.dashboard.charts import axes
from cdc_daemon.dashboard.charts.axes import Axis
from cdc_daemon.dashboard.charts.svg import element, number

_T = TypeVar("_T")

WIDTH, HEIGHT = 640.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 8.0, 8.0, 24.0
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        values: one for each step of the chart; None where there is no sample.
        filled: whether the area below the line is filled.
    """

    name: str
    values: Sequence[float | None]
    filled: bool = False


@dataclass(frozen=True)
class TimeChart:
    """A chart over time.

    Attributes:
        name: its ID on the page.
        start, seconds: when the first step begins, and the width of a step.
        show: writes a value with its unit.
        durations: whether values are seconds, on a logarithmic axis.
        band: whether the first two series are the edges of a band, the lower one first.
        empty: what a person reads if there is no sample at all.
    """

    name: str
    title: str
    start: datetime
    seconds: int
    series: Sequence[Series]
    show: Callable[[float | None], str]
    durations: bool = False
    band: bool = False
    empty: str = "Nothing happened in this time."

    @property
    def steps(self) -> int:
        """Number of steps."""
        return max((len(each.values) for each in self.series), default=0)

    @property
    def end(self) -> datetime:
        """When the last step ends."""
        return self.start + timedelta(seconds=self.seconds * self.steps)

    @property
    def known(self) -> list[float]:
        """Every value."""
        return [value for each in self.series for value in each.values if value is not None]


def time_chart(chart: TimeChart) -> Markup:
    """Return the chart as a figure: a picture, and a table of its figures that can be unfolded."""
    caption = element(
        "figcaption",
        element("span", chart.title, class_="chart-title"),
        _legend(chart) if chart.known else "",
    )
    if not chart.known:
        return element(
            "figure", caption, element("p", chart.empty, class_="empty"), class_="chart", id=chart.name
        )
    axis = _axis(chart)
    title, description = f"{chart.name}-title", f"{chart.name}-description"
    picture = element(
        "svg",
        element("title", chart.title, id=title),
        element("desc", _summary(chart), id=description),
        _grid(chart, axis),
        _plot(chart, axis),
        viewBox=f"0 0 {number(WIDTH)} {number(HEIGHT)}",
        role="img",
        aria_labelledby=f"{title} {description}",
        tabindex="0",
    )
    return element(
        "figure",
        caption,
        picture,
        _table(chart),
        class_="chart",
        id=chart.name,
        data_chart=_for_script(chart),
    )


def _axis(chart: TimeChart) -> Axis:
    return axes.durations(chart.known) if chart.durations else axes.amounts(max(chart.known))


def _legend(chart: TimeChart) -> Markup:
    keys = (
        element(
            "li",
            element(
                "svg",
                element("path", d="M0 4H16", class_=f"line s{n}"),
                viewBox="0 0 16 8",
                class_="key",
                aria_hidden="true",
            ),
            each.name,
        )
        for n, each in enumerate(chart.series)
    )
    return element("ul", *keys, class_="legend")


def _summary(chart: TimeChart) -> str:
    """Return what the picture says, in words."""
    told: list[str] = []
    for each in chart.series:
        known = [(value, n) for n, value in enumerate(each.values) if value is not None]
        if not known:
            continue
        greatest, at = max(known, key=lambda pair: pair[0])
        moment = chart.start + timedelta(seconds=at * chart.seconds)
        last = chart.show(known[-1][0])
        told.append(f"{each.name}: at most {chart.show(greatest)} at {_moment(moment)}, last {last}.")
    return " ".join(told)


def _grid(chart: TimeChart, axis: Axis) -> Markup:
    lines: list[Markup] = []
    for tick in axis.ticks:
        y = TOP + PLOT_HEIGHT * (1 - axis.fraction(tick))
        lines.append(element("path", d=f"M{number(LEFT)} {number(y)}h{number(PLOT_WIDTH)}"))
        lines.append(element("text", chart.show(tick), x=LEFT - 6, y=y + 4, text_anchor="end"))
    for n, (moment, words) in enumerate(axes.moments(chart.start, chart.end)):
        x = LEFT + PLOT_WIDTH * _share(chart, moment)
        lines.append(element("path", d=f"M{number(x)} {number(TOP + PLOT_HEIGHT)}v4"))
        anchor = "middle" if x < WIDTH - 20 else "end"
        lines.append(
            element(
                "text",
                words,
                x=x,
                y=HEIGHT - 6,
                text_anchor=anchor,
                class_=f"moment{' second' if n % 2 else ''}",
            )
        )
    return element("g", *lines, class_="grid", aria_hidden="true")


def _plot(chart: TimeChart, axis: Axis) -> Markup:
    """Return the lines in a picture of their own, which the script stretches to zoom."""
    shapes: list[Markup] = []
    if chart.band:
        low, high = chart.series[:2]
        shapes.append(element("path", d=_band(chart, axis, low.values, high.values), class_="band"))
    for n, each in enumerate(chart.series):
        if each.filled:
            shapes.append(element("path", d=_area(chart, axis, each.values), class_=f"area s{n}"))
        shapes.append(element("path", d=_line(chart, axis, each.values), class_=f"line s{n}"))
    return element(
        "svg",
        *shapes,
        x=LEFT,
        y=TOP,
        width=PLOT_WIDTH,
        height=PLOT_HEIGHT,
        viewBox=f"0 0 {number(PLOT_WIDTH)} {number(PLOT_HEIGHT)}",
        preserveAspectRatio="none",
        class_="plot",
        aria_hidden="true",
    )


def _line(chart: TimeChart, axis: Axis, values: Sequence[float | None]) -> str:
    return "".join(_steps(chart, axis, run, start) for start, run in _runs(values))


def _area(chart: TimeChart, axis: Axis, values: Sequence[float | None]) -> str:
    ground = number(PLOT_HEIGHT)
    return "".join(
        f"{_steps(chart, axis, run, start)}V{ground}H{number(_x(chart, start))}Z"
        for start, run in _runs(values)
    )


def _band(chart: TimeChart, axis: Axis, low: Sequence[float | None], high: Sequence[float | None]) -> str:
    """Return the area between two series: along the upper one, and back along the lower one."""
    both = [None if a is None or b is None else (a, b) for a, b in zip(low, high, strict=True)]
    pieces: list[str] = []
    for start, run in _runs(both):
        pieces.append(_steps(chart, axis, [upper for _, upper in run], start))
        for n in reversed(range(len(run))):
            y = number(PLOT_HEIGHT * (1 - axis.fraction(run[n][0])))
            pieces.append(f"V{y}H{number(_x(chart, start + n))}")
        pieces.append("Z")
    return "".join(pieces)


def _steps(chart: TimeChart, axis: Axis, run: Sequence[float], start: int) -> str:
    """Return a line in steps: a sample holds for its whole width, so that a lone one is seen as well."""
    ys = [number(PLOT_HEIGHT * (1 - axis.fraction(value))) for value in run]
    path = f"M{number(_x(chart, start))} {ys[0]}"
    for n, y in enumerate(ys):
        path += ("" if n == 0 or y == ys[n - 1] else f"V{y}") + f"H{number(_x(chart, start + n + 1))}"
    return path


def _runs(values: Sequence[_T | None]) -> Iterator[tuple[int, list[_T]]]:
    """Yield the place and the values of each run without a gap."""
    run: list[_T] = []
    for n, value in enumerate(values):
        if value is None:
            if run:
                yield n - len(run), run
            run = []
        else:
            run.append(value)
    if run:
        yield len(values) - len(run), run


def _x(chart: TimeChart, step: int) -> float:
    return PLOT_WIDTH * step / chart.steps


def _share(chart: TimeChart, moment: datetime) -> float:
    return (moment - chart.start).total_seconds() / (chart.seconds * chart.steps)


def _table(chart: TimeChart) -> Markup:
    """Return the figures as a table, the latest first."""
    head = element(
        "tr",
        element("th", "From (UTC)", scope="col"),
        *(element("th", each.name, scope="col", class_="n") for each in chart.series),
    )
    # One template for each row: a week has a thousand cells, and an element for each takes much longer.
    template = Markup('<tr><th scope="row">{}</th>') + Markup('<td class="n">{}</td>') * len(chart.series)
    rows: list[Markup] = []
    for n in reversed(range(chart.steps)):
        values = [each.values[n] for each in chart.series]
        if any(value is not None for value in values):
            moment = chart.start + timedelta(seconds=n * chart.seconds)
            rows.append((template + Markup("</tr>")).format(_moment(moment), *map(chart.show, values)))
    table = element(
        "table",
        element("caption", f"{chart.title}, in steps of {_width(chart.seconds)}"),
        element("thead", head),
        element("tbody", *rows),
    )
    return element(
        "details",
        element("summary", "Figures", element("span", f" of {chart.title}", class_="sr")),
        element("div", table, class_="wide figures"),
        id=f"{chart.name}-figures",
    )


def _for_script(chart: TimeChart) -> str:
    """Return the figures for the script that shows one under the pointer, and zooms."""
    series = [
        {"name": each.name, "shown": [None if value is None else chart.show(value) for value in each.values]}
        for each in chart.series
    ]
    place = {"left": LEFT, "top": TOP, "width": PLOT_WIDTH, "height": PLOT_HEIGHT}
    start = int(chart.start.timestamp())
    return orjson.dumps({"start": start, "seconds": chart.seconds, "series": series, "plot": place}).decode()


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _width(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"
