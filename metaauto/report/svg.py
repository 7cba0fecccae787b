"""Charts as small SVG texts in the colours of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup, escape

from metaauto.text import shortened

__all__ = ["Chart", "swatch", "ticks"]

_WIDTH, _HEIGHT = 400, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 10, 46
# From the left edge to the tick labels, where the label of the axis stands; to the axis.
_LABEL_WIDTH, _TICK_GAP = 20, 6
_TICKS = 5
_DIGITS = 11
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_WITH_UNIT = (1e5, 1e15)
_NAME = 14
_CHARACTER = 7
# Slanted names: maximum length, required height and distance.
_SLANTED_NAME, _SLANTED_HEIGHT, _SLANTED_APART = 10, 28, 26
_LINE_ALONE = 9


def ticks(low: float, high: float, count: int = _TICKS) -> list[float]:
    """Return about `count` round numbers between two numbers."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(place * step, 12) + 0.0 for place in range(first, last + 1)]


def _tick_texts(values: Sequence[float]) -> list[str]:
    """Return short texts of round numbers that differ where the numbers do."""
    largest, power, unit = max(map(abs, values), default=0.0), 1.0, ""
    if _WITH_UNIT[0] <= largest < _WITH_UNIT[1]:
        power, unit = next(item for item in _UNITS if largest >= item[0])
    return [f"{value / power:.{_DIGITS}g}{unit if value else ''}" for value in values]


def _labelled(values: Sequence[float]) -> list[tuple[float, str]]:
    return list(zip(values, _tick_texts(values), strict=True))


def _inside(x: float, text: str) -> float:
    """Return the middle of a text, moved so that it does not leave the figure."""
    half = _CHARACTER * len(text) / 2
    return min(x, _WIDTH - half)


class Chart:
    """Two axes and the marks between them.

    Parameters
    ----------
    title : str
        Title for screen readers.
    x, y : (str, float, float)
        Label and range of each axis.
    names : sequence of str
        Names of the positions 0, 1, ... on the x axis, in place of numbers.
    """

    def __init__(
        self,
        title: str,
        x: tuple[str, float, float],
        y: tuple[str, float, float],
        names: Sequence[str] = (),
    ) -> None:
        self._title = title
        self._x, self._y = _wide(x), _wide(y)
        self._names = list(names)
        self._y_ticks = _labelled(ticks(*self._y[1:]))
        longest = max(len(text) for _, text in self._y_ticks)
        self._left = max(_LEFT, _LABEL_WIDTH + _CHARACTER * longest + _TICK_GAP)
        self._bottom = _HEIGHT - _BOTTOM - (_SLANTED_HEIGHT if self._is_slanted else 0)
        self._parts: list[Markup] = []

    def line(
        self, xs: Sequence[float], ys: Sequence[float], series: int = 0, style: str = ""
    ) -> Chart:
        """Draw a line; ``style`` may be ``"dashed"`` or ``"step"``."""
        points = [(self._at_x(x), self._at_y(y)) for x, y in zip(xs, ys, strict=True)]
        if style == "step":
            corners = [points[0]] if points else []
            for (_, before), (x, y) in pairwise(points):
                corners += [(x, before), (x, y)]
            points = corners
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = " dashed" if style == "dashed" else ""
        self._parts.append(
            Markup('<polyline class="line s{}{}" points="{}"/>').format(series, dashed, path)
        )
        return self

    def band(
        self, xs: Sequence[float], low: Sequence[float], high: Sequence[float], series: int = 0
    ) -> Chart:
        """Fill between two lines."""
        there = [f"{self._at_x(x):.1f},{self._at_y(y):.1f}" for x, y in zip(xs, low, strict=True)]
        back = [f"{self._at_x(x):.1f},{self._at_y(y):.1f}" for x, y in zip(xs, high, strict=True)]
        path = " ".join([*there, *reversed(back)])
        self._parts.append(Markup('<polygon class="band s{}" points="{}"/>').format(series, path))
        return self

    def point(self, x: float, y: float, series: int = 0, title: str = "") -> Chart:
        """Draw a point, beyond the y axis an arrow; series differ in shape as well as in colour."""
        _, low, high = self._y
        draw = _shape if low <= y <= high else _arrow_down if y < low else _arrow_up
        self._parts.append(
            Markup('<path class="point s{}" d="{}"><title>{}</title></path>').format(
                series, draw(series, self._at_x(x), self._at_y(y)), title
            )
        )
        return self

    def whisker(self, x: float, low: float, high: float, series: int = 0) -> Chart:
        """Draw a vertical interval."""
        self._parts.append(
            Markup('<path class="whisker s{}" d="M{:.1f} {:.1f}V{:.1f}"/>').format(
                series, self._at_x(x), self._at_y(low), self._at_y(high)
            )
        )
        return self

    def bar(self, left: float, right: float, height: float, title: str = "") -> Chart:
        """Draw a bar from the bottom."""
        x, end = self._at_x(left), self._at_x(right)
        top, bottom = self._at_y(height), self._at_y(self._y[1])
        self._parts.append(
            Markup(
                '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
                "<title>{}</title></rect>"
            ).format(x + 0.5, top, max(end - x - 1, 0.5), max(bottom - top, 0), title)
        )
        return self

    def mark(self, x: float, text: str) -> Chart:
        """Draw a vertical line with a label."""
        at = self._at_x(x)
        is_left = at < _WIDTH * 0.7
        self._parts.append(
            Markup(
                '<path class="mark" d="M{0:.1f} {1}V{2}"/>'
                '<text class="words" x="{3:.1f}" y="{4}" text-anchor="{5}">{6}</text>'
            ).format(
                at, _TOP, self._bottom, at + (4 if is_left else -4), _TOP + 12,
                "start" if is_left else "end", text,
            )
        )  # fmt: skip
        return self

    def svg(self, description: str) -> Markup:
        """Return the chart as SVG, with a description for screen readers."""
        body = Markup("").join([*self._axes(), *self._parts])
        return Markup(
            '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">'
            "<title>{}</title><desc>{}</desc>{}</svg>"
        ).format(_WIDTH, _HEIGHT, f"{self._title}. {description}", self._title, description, body)

    def _axes(self) -> list[Markup]:
        bottom, right = self._bottom, _WIDTH - _RIGHT
        parts = []
        for value, text in self._y_ticks:
            y = self._at_y(value)
            parts.append(
                Markup(
                    '<path class="grid" d="M{0} {1:.1f}H{2}"/>'
                    '<text x="{3}" y="{4:.1f}" text-anchor="end">{5}</text>'
                ).format(self._left, y, right, self._left - _TICK_GAP, y + 4, text)
            )
        if self._names:
            parts += [self._name(place) for place in self._named_places()]
        else:
            parts += [
                Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                    _inside(self._at_x(value), text), bottom + 16, text
                )
                for value, text in _labelled(ticks(*self._x[1:]))
            ]
        parts.append(
            Markup(
                '<path class="axis" d="M{0} {1}V{2}H{3}"/>'
                '<text class="label" x="{4}" y="{5}" text-anchor="middle">{6}</text>'
                '<text class="label" transform="translate(13 {7}) rotate(-90)" '
                'text-anchor="middle">{8}</text>'
            ).format(
                self._left, _TOP, bottom, right, (self._left + right) / 2, _HEIGHT - 8,
                _cut(self._x[0], 52), (_TOP + bottom) / 2, _cut(self._y[0], 36),
            )
        )  # fmt: skip
        return parts

    @property
    def _is_slanted(self) -> bool:
        """Whether the names do not fit side by side."""
        longest = min(max(map(len, self._names), default=0), _NAME)
        return longest * _CHARACTER > self._room()

    def _room(self) -> float:
        return (_WIDTH - self._left - _RIGHT) / max(len(self._names), 1)

    def _named_places(self) -> range:
        """Return the positions to name: all, or few enough that slanted names do not overlap."""
        step = math.ceil(_SLANTED_APART / self._room()) if self._is_slanted else 1
        return range(0, len(self._names), step)

    def _name(self, place: int) -> Markup:
        x, words = self._at_x(place), self._names[place]
        if not self._is_slanted:
            return Markup(
                '<text x="{:.1f}" y="{}" text-anchor="middle">{}<title>{}</title></text>'
            ).format(x, self._bottom + 16, _cut(words, _NAME), words)
        # Slanted names end at their tick, and are shortened to stay inside the figure.
        return Markup(
            '<text transform="translate({:.1f} {}) rotate(-28)" text-anchor="end">{}'
            "<title>{}</title></text>"
        ).format(x + 4, self._bottom + 13, _cut(words, _SLANTED_NAME), words)

    def _at_x(self, value: float) -> float:
        _, low, high = self._x
        share = (min(max(value, low), high) - low) / (high - low)
        return self._left + share * (_WIDTH - self._left - _RIGHT)

    def _at_y(self, value: float) -> float:
        _, low, high = self._y
        share = (min(max(value, low), high) - low) / (high - low)
        return self._bottom - share * (self._bottom - _TOP)


def swatch(series: int) -> Markup:
    """Return the symbol of a series for a legend."""
    point = "" if series == _LINE_ALONE else _shape(series, 7, 7)
    return Markup(
        '<svg viewBox="0 0 14 14" aria-hidden="true"><path class="line s{0}" d="M0 7H14"/>'
        '<path class="point s{0}" d="{1}"/></svg>'
    ).format(series, point)


def _wide(axis: tuple[str, float, float]) -> tuple[str, float, float]:
    """Return the axis with a non-empty range."""
    label, low, high = axis
    if not high > low:
        half = abs(low) * 0.05 or 0.5
        low, high = low - half, high + half
    return label, low, high


def _cut(text: str, width: int) -> Markup:
    return escape(shortened(text, width))


def _arrow_down(series: int, x: float, y: float) -> str:
    return f"M{x:.1f} {y - 1:.1f}l-5 -6h3v-5h4v5h3z"


def _arrow_up(series: int, x: float, y: float) -> str:
    return f"M{x:.1f} {y + 1:.1f}l-5 6h3v5h4v-5h3z"


def _shape(series: int, x: float, y: float) -> str:
    """Return the path of a disc, square, diamond, triangle, cross or inverted triangle."""
    kind = series % 6
    if kind == 0:
        return f"M{x - 3.5:.1f} {y:.1f}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0"
    if kind == 1:
        return f"M{x - 3:.1f} {y - 3:.1f}h6v6h-6z"
    if kind == 2:
        return f"M{x:.1f} {y - 4.5:.1f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"
    if kind == 3:
        return f"M{x:.1f} {y - 4:.1f}l4 7h-8z"
    if kind == 5:
        return f"M{x:.1f} {y + 4:.1f}l4 -7h-8z"
    return f"M{x - 4:.1f} {y - 1:.1f}h3v-3h2v3h3v2h-3v3h-2v-3h-3z"
