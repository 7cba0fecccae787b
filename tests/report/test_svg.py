from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

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


Y_TICK = re.compile(r'<text x="(\d+)" y="[\d.]+" text-anchor="end">([^<]*)<')
X_TICK = re.compile(r'<text x="([\d.]+)" y="\d+" text-anchor="middle">([^<]*)<')


@given(
    st.one_of(st.floats(-1e7, 1e7), st.floats(0.9, 1.0)),
    st.sampled_from([1e-4, 0.003, 0.1, 1.0, 30.0, 9e3, 1e5, 4e6, 1e10]),
)
def test_tick_labels_differ_and_lie_beside_the_label_of_the_axis(low, width):
    assume(width > 1e-7 * abs(low))
    chart = Chart("a chart", ("when", low, low + width), ("price", low, low + width))
    svg = str(chart.svg("some points"))
    ends, words = zip(*Y_TICK.findall(svg), strict=True)
    assert len(set(words)) == len(words) >= 2
    axis = int(re.search(r'class="axis" d="M(\d+)', svg)[1])
    for end, text in zip(ends, words, strict=True):
        assert int(end) < axis
        assert int(end) - 7 * len(text) >= 18, "lies on the label of the axis"
    for middle, text in X_TICK.findall(svg):
        assert float(middle) + 3.5 * len(text) <= 400, "leaves the picture"
    assert axis < 200


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (100_000, 110_000, ["100k", "102k", "104k", "106k", "108k", "110k"]),
        (0, 2_500_000, ["0", "0.5M", "1M", "1.5M", "2M", "2.5M"]),
        (0.9995, 0.9998, ["0.9995", "0.9996", "0.9997", "0.9998"]),
    ],
)
def test_tick_labels_are_short(low, high, words):
    svg = str(Chart("a chart", ("when", 0, 1), ("price", low, high)).svg("some points"))
    found = [text for _, text in Y_TICK.findall(svg)]
    assert [word for word in words if word in found] == words
