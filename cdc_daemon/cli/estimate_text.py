"""Prints an estimate as a table, with a row for each feed and each sink that takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cdc_daemon.estimate import Estimate, FeedEstimate, SinkEstimate
from cdc_daemon.estimate.arithmetic import Range

_TITLES = ("feed", "documents", "bytes", "recompute", "sink", "requests", "time")
_TO_THE_RIGHT = {"documents"}
_BYTES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0))
_SECONDS = (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3))

_Row = tuple[str, ...]


def lines_of_estimate(found: Estimate) -> Iterator[str]:
    """Yield the lines of the table. With several feeds, rows `all` show the sums for each sink."""
    rows: list[_Row] = [_TITLES]
    for name, feed in found.feeds.items():
        rows += _rows((name, *_columns(feed)), feed.sinks)
    if len(found.feeds) > 1:
        for name, taken in found.sinks.items():
            all_feeds = ("all", f"{taken.documents:,}", size(taken.bytes), seconds(found.recompute_seconds))
            rows += _rows(all_feeds, {name: taken})
    widths = [max(len(row[n]) for row in rows) for n in range(len(_TITLES))]
    for row in rows:
        yield _line(row, widths)


def _columns(feed: FeedEstimate) -> _Row:
    return f"{feed.documents:,}", size(feed.bytes), seconds(feed.recompute_seconds)


def _rows(first: _Row, sinks: Mapping[str, SinkEstimate]) -> list[_Row]:
    if not sinks:
        return [(*first, "-", "-", "-")]
    taken = [(name, count(each.requests), seconds(each.seconds)) for name, each in sinks.items()]
    blank = ("",) * len(first)
    return [(*(blank if n else first), *columns) for n, columns in enumerate(taken)]


def _line(row: _Row, widths: Sequence[int]) -> str:
    cells = (
        cell.rjust(width) if title in _TO_THE_RIGHT else cell.ljust(width)
        for title, cell, width in zip(_TITLES, row, widths, strict=True)
    )
    return "  ".join(cells).rstrip()


def count(number: Range) -> str:
    """Return a count with its range as text."""
    return _with_range(f"{number.likely:,.0f}", f"{number.low:,.0f}", f"{number.high:,.0f}")


def size(number: Range) -> str:
    """Return a size in bytes as text, with its range in the same unit."""
    return _in_unit(number, _BYTES)


def seconds(number: Range) -> str:
    """Return a duration in seconds as text, with its range in the same unit."""
    return _in_unit(number, _SECONDS)


def _in_unit(number: Range, units: Sequence[tuple[str, float]]) -> str:
    unit, factor = next((each for each in units if number.likely >= each[1]), units[-1])
    likely, low, high = (_short(each / factor) for each in (number.likely, number.low, number.high))
    return _with_range(f"{likely} {unit}", low, high)


def _short(number: float) -> str:
    """Return two digits, or all digits before the point: an estimate is not more precise."""
    return f"{number:,.0f}" if number >= 9.95 or number == 0 else f"{number:.1f}"


def _with_range(likely: str, low: str, high: str) -> str:
    return likely if low == high else f"{likely} ({low}–{high})"
