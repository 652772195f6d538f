"""The charts of a feed, from its history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from markupsafe import Markup

from cdc_daemon.dashboard.charts.time_chart import Series, TimeChart, time_chart
from cdc_daemon.dashboard.formats import rate, seconds
from cdc_daemon.dashboard.views.feed import History
from cdc_daemon.insight.rates import DeliverySample, FeedSample

NOTHING = "Nothing happened in this time."
NO_LAG = "No captured change in this time. First syncs and resyncs have no lag."


def feed_charts(history: History) -> Mapping[str, Markup]:
    """Return the charts of a feed by their IDs."""
    made = (
        _of_feed(
            "captured",
            "Changed rows captured",
            history,
            ("rows",),
            lambda s: (s.captured / history.elapsed(s),),
        ),
        _of_feed(
            "documents",
            "Documents",
            history,
            ("recomputed", "changed", "unchanged"),
            lambda s: tuple(n / history.elapsed(s) for n in (s.recomputed, s.changed, s.unchanged)),
        ),
        _delivered(history),
        _of_feed(
            "lag",
            "Lag from capture to the end of the pass",
            history,
            ("half within", "99 % within"),
            lambda s: (s.lag_p50, s.lag_p99),
            durations=True,
            empty=NO_LAG,
        ),
        _of_feed(
            "pass-time",
            "Duration of a pass",
            history,
            ("half within", "99 % within"),
            lambda s: (s.pass_p50, s.pass_p99),
            durations=True,
        ),
        _delivery_lag(history),
    )
    return {chart.name: time_chart(chart) for chart in made}


def _of_feed(
    name: str,
    title: str,
    history: History,
    names: Sequence[str],
    values: Callable[[FeedSample], Sequence[float | None]],
    *,
    durations: bool = False,
    empty: str = NOTHING,
) -> TimeChart:
    found = _aligned(history, {each.began_at: values(each) for each in history.samples}, len(names))
    series = [
        Series(each, column, filled=not durations and n < 2)
        for n, (each, column) in enumerate(zip(names, found, strict=True))
    ]
    show = seconds if durations else rate
    return TimeChart(
        name,
        title,
        history.began_at,
        history.seconds,
        series,
        show,
        durations=durations,
        band=durations,
        empty=empty,
    )


def _delivered(history: History) -> TimeChart:
    return _of_sinks("delivered", "Records delivered", history, lambda s: s.delivered / history.elapsed(s))


def _delivery_lag(history: History) -> TimeChart:
    title = "Lag from capture to delivery, 99 % within"
    return _of_sinks("delivery-lag", title, history, lambda s: s.lag_p99, durations=True, empty=NO_LAG)


def _of_sinks(
    name: str,
    title: str,
    history: History,
    value: Callable[[DeliverySample], float | None],
    *,
    durations: bool = False,
    empty: str = NOTHING,
) -> TimeChart:
    series = [
        Series(sink, _aligned(history, {each.began_at: (value(each),) for each in samples}, 1)[0])
        for sink, samples in history.deliveries.items()
    ]
    show = seconds if durations else rate
    return TimeChart(
        name, title, history.began_at, history.seconds, series, show, durations=durations, empty=empty
    )


def _aligned(
    history: History, found: Mapping[datetime, Sequence[float | None]], width: int
) -> list[list[float | None]]:
    """Return a column for each value, with one place for each step; None where there is no sample."""
    columns: list[list[float | None]] = [[None] * history.steps for _ in range(width)]
    for moment, values in found.items():
        step = int((moment - history.began_at).total_seconds()) // history.seconds
        if 0 <= step < history.steps:
            for column, value in zip(columns, values, strict=True):
                column[step] = value
    return columns
