"""A line of a word's size: how a number went."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from cdc_daemon.dashboard.charts.svg import element, number

WIDTH, HEIGHT = 96.0, 22.0


def sparkline(values: Sequence[float | None], *, label: str) -> Markup:
    """Return a picture of columns, the latest value last. A gap stands where there is no value.

    Args:
        label: what the picture says, for screen readers and the pointer.
    """
    greatest = max((value for value in values if value is not None), default=0.0)
    width = WIDTH / max(len(values), 1)
    path = "".join(
        _column(n * width, width, value / greatest if greatest else 0.0)
        for n, value in enumerate(values)
        if value is not None
    )
    return element(
        "svg",
        element("title", label),
        element("path", d=f"M0 {number(HEIGHT - 0.5)}h{number(WIDTH)}", class_="ground"),
        element("path", d=path, class_="columns-of"),
        viewBox=f"0 0 {number(WIDTH)} {number(HEIGHT)}",
        role="img",
        aria_label=label,
        class_="sparkline",
    )


def _column(left: float, width: float, share: float) -> str:
    # A value of zero is a sample, too: it gets a line of its own height.
    height = max(1.0, share * (HEIGHT - 2))
    across = f"{max(width - 0.3, 0.4):.2f}"
    return f"M{left:.2f} {number(HEIGHT - 1)}v-{number(height)}h{across}v{number(height)}Z"
