"""The script of charts: figures under the pointer, zoom, keys, and what is connected in the flow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from cdc_daemon.dashboard.charts.flow import Flow, Line, Node, flow
from cdc_daemon.dashboard.charts.time_chart import (
    LEFT,
    PLOT_WIDTH,
    WIDTH,
    Series,
    TimeChart,
    time_chart,
)
from cdc_daemon.dashboard.formats import rate
from cdc_daemon.dashboard.rendering import STATIC
from tests.browser.browser import viewer

START = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
VALUES = [float(n) if n % 10 else None for n in range(60)]


@pytest.fixture(scope="module")
def window() -> Iterator[Page]:
    with viewer("about:") as found:
        yield found.window()


@pytest.fixture
def page(window: Page) -> Page:
    """A page with a chart and a flow, and nothing of a server."""
    chart = time_chart(TimeChart("work", "Work", START, 60, [Series("changed", VALUES)], rate))
    lines = [Line("a", "f", words="1/s"), Line("b", "g")]
    picture = flow(Flow([Node("a"), Node("b")], [Node("f"), Node("g")], [Node("f")], lines, [Line("f", "f")]))
    window.goto("about:blank")  # forgets the script of the test before
    styles = "".join(f"<style>{(STATIC / name).read_text('utf-8')}</style>" for name in STYLES)
    window.set_content(
        f"<!doctype html><title>x</title>{styles}<main><section>{chart}</section>{picture}</main>"
    )
    window.add_script_tag(path=STATIC / "charts.js")
    return window


STYLES = ("dashboard.css", "charts.css")


def place(page: Page, share: float) -> tuple[float, float]:
    """A point of the chart, this far from the left edge of its lines to the right one."""
    box = page.locator(".chart > svg").bounding_box()
    assert box is not None
    x = box["x"] + box["width"] * (LEFT + PLOT_WIDTH * share) / WIDTH
    return x, box["y"] + box["height"] / 2


def test_the_figures_under_the_pointer_are_told(page: Page) -> None:
    page.mouse.move(*place(page, 25.5 / 60))
    expect(page.locator(".tip")).to_contain_text("11-29 12:25")
    expect(page.locator(".tip")).to_contain_text("changed25/s")
    page.mouse.move(*place(page, 20.5 / 60))
    expect(page.locator(".tip")).to_contain_text("no sample")
    page.mouse.move(5, 5)
    expect(page.locator(".tip")).to_have_count(0)


def test_the_keyboard_reads_a_chart(page: Page) -> None:
    page.locator(".chart > svg").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tip")).to_contain_text("12:01")
    page.keyboard.press("End")
    expect(page.locator(".tip")).to_contain_text("12:59")
    page.keyboard.press("+")
    expect(page.get_by_role("button", name="Show all")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Show all")).to_have_count(0)


def test_a_drag_zooms_and_the_zoom_outlives_a_new_fragment(page: Page) -> None:
    page.mouse.move(*place(page, 0.5))
    page.mouse.down()
    page.mouse.move(*place(page, 0.75), steps=3)
    page.mouse.up()
    expect(page.get_by_role("button", name="Show all")).to_be_visible()
    page.mouse.move(*place(page, 0.01))
    expect(page.locator(".tip")).to_contain_text("12:30")
    page.evaluate(
        """() => {
            const fragment = document.querySelector("section");
            const fresh = fragment.cloneNode(true);
            fresh.querySelector(".zoom").remove();
            fragment.replaceWith(fresh);
            document.dispatchEvent(new CustomEvent("fragment", { detail: fresh }));
        }"""
    )
    page.mouse.move(*place(page, 0.02))
    expect(page.locator(".tip").last).to_contain_text("12:30")
    page.get_by_role("button", name="Show all").click()
    page.mouse.move(*place(page, 0.01))
    expect(page.locator(".tip").last).to_contain_text("12:00")


def test_a_box_of_the_flow_shows_what_it_is_connected_with(page: Page) -> None:
    page.hover('[data-node="feed:f"]')
    near = page.locator(".flow .near[data-node]").evaluate_all("all => all.map(each => each.dataset.node)")
    assert sorted(near) == ["feed:f", "sink:f", "table:a"]  # a sink may have the name of a feed
    page.mouse.move(5, 5)
    expect(page.locator(".flow .near")).to_have_count(0)
