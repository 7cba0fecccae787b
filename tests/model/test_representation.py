"""What a notebook and a prompt show of a model."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from metaauto.model.fit_record import FitRecord

ODD = '<script>alert("1")</script>\n& more'


class Words(HTMLParser):
    """Tags, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += f"{data}\n"


def scored(model, **known):
    return replace(model, record=FitRecord(score=0.912345678, **known))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_a_model_is_one_line(models, kind):
    line = repr(scored(models[kind]))
    count = len(models[kind].members)
    assert line == f"FinalModel('target', {kind}, test_metric=0.91235, models={count})"


def test_a_model_is_a_small_table(models):
    page = Words(scored(models["multiclass"], holdout_score=0.25)._repr_html_())
    for words in ("target (multiclass, 3 classes)", "test_metric 0.91235", "0.25", "240 rows"):
        assert words in page.text
    assert models["multiclass"].members[0].name in page.text
    assert [tag for tag, _ in page.tags].count("tr") == 5
    # A colour of one side alone could not be read on a page of the other.
    styles = " ".join(attrs.get("style", "") for _, attrs in page.tags)
    assert "color" not in styles
    assert "background" not in styles
    assert all(attrs["scope"] == "row" for tag, attrs in page.tags if tag == "th")


def test_odd_names_are_shown_as_they_are(models):
    odd = replace(
        models["binary"],
        task=replace(models["binary"].task, target=ODD),
        metric_name=ODD,
        members=[replace(member, name=ODD) for member in models["binary"].members],
    )
    page = Words(odd._repr_html_())
    assert {tag for tag, _ in page.tags} == {"table", "tbody", "tr", "th", "td"}
    assert page.text.count('<script>alert("1")</script> & more') >= 3
    assert "\n" not in repr(odd)


def test_what_is_long_or_unknown_is_said_briefly(models):
    member = replace(models["binary"].members[0], weight=1.0)
    many = replace(
        models["binary"],
        task=replace(models["binary"].task, target="t" * 500),
        members=[replace(member, name=f"m-{n}") for n in range(50)],
        record=FitRecord(),
    )
    assert len(repr(many)) < 140
    assert "test_metric=-" in repr(many)
    page = many._repr_html_()
    assert "50: m-0 2%" in page
    assert "45 more" in page
    assert len(page) < 1500
