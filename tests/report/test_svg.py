from __future__ import annotations

import re
from itertools import pairwise

import pytest

from metaauto.report.svg import Chart

DATES = [f"2026-01-{day:02d}" for day in range(1, 15)]
SLANTED = re.compile(r'translate\(([\d.]+) ([\d.]+)\) rotate\(-28\)" text-anchor="end">([^<]*)<')


def drawn(names) -> str:
    chart = Chart("a chart", ("when", -0.5, len(names) - 0.5), ("price", 0, 1), names)
    return str(chart.point(0, 0.0).svg("some points"))


def test_names_that_have_room_lie_side_by_side():
    svg = drawn(["flat", "house", "loft"])
    assert not SLANTED.findall(svg)
    assert all(f">{name}<" in svg for name in ("flat", "house", "loft"))


@pytest.mark.parametrize("names", [DATES, ["x" * 200, "y" * 200, "z" * 200, "w" * 200, "v" * 200]])
def test_slanted_names_lie_neither_on_each_other_nor_on_the_label(names):
    svg = drawn(names)
    found = [(float(x), float(y), text) for x, y, text in SLANTED.findall(svg)]
    assert len(found) >= 5
    places = [x for x, _, _ in found]
    assert min(b - a for a, b in pairwise(places)) >= 26
    label = float(re.search(r'class="label" x="[\d.]+" y="([\d.]+)"', svg)[1])
    for x, y, text in found:
        assert x - 0.88 * 7 * len(text) > -4, "leaves the picture"
        assert y + 0.47 * 7 * len(text) < label - 8, "lies on the label of the axis"


def test_dates_are_written_out():
    texts = [text for _, _, text in SLANTED.findall(drawn(DATES))]
    assert texts == DATES[::2]


def test_points_stand_on_the_axis_where_names_are_slanted():
    svg = drawn(DATES)
    axis = re.search(r'class="axis" d="M\d+ \d+V([\d.]+)H', svg)[1]
    assert re.search(rf'class="point s0" d="M[\d.]+ {axis}\.0a', svg)


@pytest.mark.parametrize(("y", "arrow"), [(-3, "l-5 -6h3"), (9, "l-5 6h3"), (0.5, "a3.5 3.5")])
def test_points_beyond_the_axis_are_arrows(y, arrow):
    chart = Chart("a chart", ("when", 0, 1), ("price", 0, 1))
    assert arrow in str(chart.point(0.5, y).svg("some points"))
