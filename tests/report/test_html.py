"""The HTML report, parsed: it loads nothing, can be read by everybody, and escapes every text."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from browser import Browser, find_browser
from markupsafe import Markup

from metaauto.analysis.curves import diagnose
from metaauto.api import (
    PluginSettings,
    ReportContent,
    ReportFigure,
    ReportSection,
    ReportTable,
    load_plugins,
)
from metaauto.errors import ComponentError
from metaauto.plugins.manager import Bundle
from metaauto.report.html import report_html
from metaauto.report.svg import Chart, ticks
from metaauto.task import Task
from metaauto.text import caller

EVIL = (
    "<script>alert('x')</script>",
    "</svg></style><img src=x onerror=alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "\U0001f336\ufe0f\U0001f600 emoji & \"quotes\" 'too'",
    "long_name_" * 20,
    "new\nline\ttab",
    "",
)
EMPTY = {"meta", "link", "br", "img", "input"}


class Page(HTMLParser):
    """Elements in order, and whether they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.words: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self._places: list[int] = []
        self.feed(text)
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in EMPTY:
            self._open.append(tag)
            self._places.append(len(self.texts) - 1)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self._open)))
        self.texts.append("")

    def handle_endtag(self, tag):
        assert self._open, tag
        assert self._open.pop() == tag
        self._places.pop()

    def handle_data(self, data):
        self.words.append((self._open[-1] if self._open else "", data))
        for place in self._places:
            self.texts[place] += data

    def all(self, *tags):
        return [(attrs, inside) for tag, attrs, inside in self.elements if tag in tags]


def manifest(kind: str, names=EVIL, **facts: Any) -> dict[str, Any]:
    """What a model file says of a model, with odd names wherever there are names."""
    k = {"binary": 2, "multiclass": 30, "regression": 0}[kind]
    labels = tuple(f"{names[i % len(names)]}{i}" for i in range(k)) or None
    random = np.random.default_rng(0)
    y = random.integers(0, k, 400) if k else random.normal(size=400)
    p = random.dirichlet(np.ones(k), 400) if k else y + random.normal(size=400)
    task = Task(kind, names[0], (), "m", 400, labels, (20,) * k if k else None)
    columns = [
        {"name": name, "role": "numeric", "dtype": "float64", "n_unique": 9, "missing": 0.1,
         "reason": "numbers", "categories": None, "format": ""}
        for name in names
    ]  # fmt: skip
    columns[-1] = {**columns[-1], "role": "constant"}
    trial = {"rank": 1, "name": names[1], "score": 0.5, "weight": 1.0, "status": "success",
             "source": "smac", "seconds": 1.0, "memory": 1.0, "error": names[0],
             "configuration": None}  # fmt: skip
    history = [
        {"name": names[i % len(names)], "source": source, "at": float(i), "status": "success",
         "score": 0.1 * i if i % 3 else None, "why": names[1]}
        for i, source in enumerate(["baseline", "knowledge", "portfolio", "smac", "random"] * 3)
    ]  # fmt: skip
    line = {"score": 0.5, "low": 0.4, "high": 0.6}
    record = {
        "out_of_fold": {
            "intervals": {"ensemble": line, names[1]: line, "baseline": line},
            "beats": {names[1]: 0.8, "baseline": 1.0},
            "diagnosis": diagnose(task, y, p),
            "folds": 3,
        },
        "history": history,
        "warm_start": {"datasets": 5, "configurations": 9, "skipped": {names[0]: 2},
                       "similar": [{"dataset": name, "weight": 0.1} for name in names]},
        "options": {"seed": 0, "metric": names[0]},
        "command": f"metaauto fit {names[0]}",
    }  # fmt: skip
    return {
        "task": {**task.to_json(), "columns": columns},
        "metric": names[2],
        "created": "2026-01-01",
        "versions": {"metaauto": "0.1.0", "python": "3.12"},
        "members": [{"name": names[1], "model": "knn", "values": {"n": 1.5, "how": names[0]},
                     "weight": 1.0, "distribution": names[0], "version": "1", "packages": {}}],
        "calibrator": {"kind": "temperature", "values": [1.1]},
        "decision": {"kind": "threshold", "values": [0.3]},
        "leaderboard": [trial] * 20 + [{**trial, "score": None, "rank": None}],
        "facts": {
            "score": 0.5, "single_score": 0.45, "baseline_score": 0.1, "greater_is_better": True,
            "notes": [names[0]], "findings": [*names], "validation": names[0], "stages": {"read": 1.0},
            "seconds": 10.0, "work_seconds": 8.0, "cores": 2, "budget": 9.0, "seed": 0, "rows": 400,
            "report": record, "fingerprint": "ab" * 32, **facts,
        },
    }  # fmt: skip


def examined(kind: str, names=EVIL, has_target: bool = True) -> dict[str, Any]:
    """What was found on a table."""
    file = manifest(kind, names)
    columns = [{"column": n, "importance": 0.1, "low": 0.0, "high": 0.2} for n in names]
    columns.append({"column": "odd", "importance": None, "low": None, "high": None})
    curve = {"class": names[0], "mean": [0.1, 0.2], "low": [0.0, 0.1], "high": [0.2, 0.3]}
    found: dict[str, Any] = {
        "untried": [names[0]], "rows": 400, "dropped_rows": 0, "has_target": has_target, "is_training": False,
        "importance": {"columns": columns, "measure": names[0] if has_target else "", "rows": 400,
                       "repeats": 5, "screened": [names[0]], "missed": [names[1]]},
        "dependence": [
            {"column": name, "role": role, "values": values, "curves": [curve] * count}
            for name, role, values, count in [
                (names[0], "numeric", [1.0, 2.0], 1),
                (names[4], "categorical", [names[0], names[4]], 1),
                (names[1], "categorical", [names[0], names[3]], 3),
                (names[3], "datetime", ["2024-01-01", "2024-02-01"], 1),
            ]
        ],
    }  # fmt: skip
    if has_target:
        kept = file["facts"]["report"]["out_of_fold"]
        line = {"score": 0.5, "low": 0.4, "high": 0.6}
        found |= {
            "metric": names[0], "scores": {names[0]: 0.5}, "greater_is_better": {names[0]: True},
            "intervals": {"ensemble": line, "baseline": line}, "beats": {"baseline": 1.0},
            "diagnosis": kept["diagnosis"],
            "slices": {"overall": 0.2, "compared": 9, "groups": [
                {"column": n, "value": n, "rows": 50, "error": 0.4} for n in names]},
        }  # fmt: skip
    return found


KINDS = ("binary", "multiclass", "regression")


@pytest.fixture(params=[(kind, what) for kind in KINDS for what in ("bare", "rows", "blind")],
                ids="-".join)  # fmt: skip
def text(request) -> str:
    kind, what = request.param
    looked = None if what == "bare" else examined(kind, has_target=what == "rows")
    return report_html(manifest(kind), looked)


def test_nothing_is_loaded_from_elsewhere(text):
    page = Page(text)
    scripts = [words for tag, words in page.words if tag == "script"]
    assert scripts == [(files("metaauto.report") / "templates" / "report.js").read_text("utf-8")]
    for tag, attrs, _ in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        assert not {name for name in attrs if name.startswith("on")}
        for name in ("src", "srcset", "data", "action", "xlink:href", "poster"):
            assert name not in attrs
        if "href" in attrs:
            assert attrs["href"].startswith("#")
        assert "url(" not in (attrs.get("style") or "")
    assert "@import" not in text
    assert "url(" not in "".join(words for tag, words in page.words if tag == "style")
    (policy,) = [a["content"] for a, _ in page.all("meta") if a.get("http-equiv")]
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )


def test_odd_names_are_shown_as_they_are(text):
    words = " ".join(words for _, words in Page(text).words)
    for name in (EVIL[0], EVIL[1], EVIL[2], EVIL[3]):
        assert name in words
    assert text.count("<style>") == text.count("</style>") == 1


def test_everybody_can_find_the_way(text):
    page = Page(text)
    ((html, _),) = page.all("html")
    assert html["lang"] == "en"
    assert [a for a, _ in page.all("meta") if a.get("name") == "viewport"]
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    wanted = {a["href"][1:] for a, _ in page.all("a")}
    wanted |= {a["aria-labelledby"] for _, a, _ in page.elements if "aria-labelledby" in a}
    assert wanted <= set(ids)


def test_pictures_have_words(text):
    pictures = Page(text).all("svg")
    told = [a for a, _ in pictures if a.get("aria-hidden") != "true"]
    assert told
    for attrs in told:
        assert attrs["role"] == "img"
        assert len(attrs["aria-label"]) > 15
    titles = [inside for _, inside in Page(text).all("title") if inside and inside[-1] == "svg"]
    assert len(titles) == len(told)


def test_tables_have_headers_and_captions(text):
    page = Page(text)
    tables = len(page.all("table"))
    assert tables >= 5
    assert len(page.all("caption")) == len(page.all("thead")) == tables
    assert all(a.get("scope") in ("col", "row") for a, _ in page.all("th"))
    # What scrolls sideways can be reached by keys and has a name.
    for attrs, _ in page.all("div"):
        if attrs.get("class") == "scroll":
            assert attrs["tabindex"] == "0"
            assert attrs["aria-label"]


def test_whatever_shows_something_has_a_name(text):
    page = Page(text)
    for position, (tag, attrs, _) in enumerate(page.elements):
        if attrs.get("role") in ("img", "region") or tag in ("nav", "figure", "img"):
            assert attrs.get("aria-label") or tag == "figure", (tag, attrs)
        if tag in ("a", "summary", "h1", "h2", "h3", "title", "caption", "figcaption", "dt"):
            assert page.texts[position].strip(), (tag, attrs)
        if tag == "th" and attrs["scope"] == "col":
            assert page.texts[position].strip() or "title" in attrs
        assert attrs.get("tabindex", "0") == "0"
    for one in ("main", "header", "nav", "h1"):
        assert len(page.all(one)) == 1
    assert len(page.all("details")) == len(page.all("summary"))
    assert len(page.all("figure")) == len(page.all("figcaption"))
    # What is no more than drawn, such as a bar in a cell, says its size.
    bars = [attrs for attrs, _ in page.all("span") if attrs.get("class") == "track"]
    assert bars
    assert all(attrs["aria-label"].endswith("% of the maximum") for attrs in bars)


def test_numbers_are_drawn_inside_the_picture(text):
    for points in re.findall(r'points="([^"]+)"', text):
        for pair in points.split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= 400
            assert 0 <= y <= 290
    assert (
        "nan" not in " ".join(re.findall(r'(?:points|d|x|y|height|width)="([^"]*)"', text)).lower()
    )


def colours(css: str) -> dict[str, dict[str, str]]:
    blocks = re.findall(r"(@media [^{]+)?\{?\s*:root \{([^}]+)\}", css)
    assert len(blocks) == 3
    return {
        scheme or "light": dict(re.findall(r"--(\w[\w-]*): (#[0-9a-f]{6})", body))
        for scheme, body in blocks
    }


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_told_from_the_page_in_light_dark_and_print():
    css = (files("metaauto.report") / "templates" / "report.css").read_text("utf-8")
    for scheme, found in colours(css).items():
        for page in ("page", "card"):
            for ink in ("text", "quiet", "s0", "s1", "s2", "s3", "s4"):
                assert contrast(found[ink], found[page]) >= 4.5, (scheme, ink, page)
        assert contrast(found["text"], found["note"]) >= 4.5, scheme
        # Cells of the confusion matrix are at most 45 % of the first colour.
        assert contrast(found["text"], mixed(found["s0"], found["page"], 0.45)) >= 4.5, scheme
        # Words in a picture may lie on its band.
        for band in ("s0", "s1", "s2", "s3", "s4"):
            behind = mixed(found[band], found["card"], 0.2)
            for ink in ("text", "quiet"):
                assert contrast(found[ink], behind) >= 4.5, (scheme, ink, band)


def mixed(one: str, other: str, share: float) -> str:
    """A share of one colour over another."""
    parts = [(int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in parts)


def test_every_colour_of_the_page_is_one_that_was_checked():
    css = (files("metaauto.report") / "templates" / "report.css").read_text("utf-8")
    rules = re.sub(r"(@media [^{]+\{\s*)?:root \{[^}]+\}", "", css)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", rules)
    inks = set(re.findall(r"(?<![\w-])color: ([^;]+)", rules))
    assert inks == {"var(--text)", "var(--quiet)", "var(--s0)"}
    # Faint elements are not text.
    faint = {
        rule.split("{")[0].strip() for rule in re.findall(r"[^{}]+\{[^}]*opacity:[^}]*", rules)
    }
    assert faint == {".band"}
    for scheme, found in colours(css).items():
        # Borders of controls and bars are told from what lies behind them.
        assert contrast(found["s0"], found["note"]) >= 3, scheme
        assert contrast(found["note-rule"], found["page"]) >= 3, scheme


def test_without_rows_it_says_how_to_get_what_is_missing():
    text = report_html(manifest("binary"))
    assert "model.report(PATH, TEST)" in text
    assert "Partial dependence" not in text
    with caller("shell"):
        assert "metaauto report MODEL --data TEST" in report_html(manifest("binary"))


@pytest.mark.parametrize("made", [None, "binary", "regression"])
def test_a_report_made_in_python_names_no_option_of_the_command(made):
    kind = made or "binary"
    looked = None
    if made is not None:
        looked = {**examined(kind), "untried": ["size"], "is_training": made == "binary"}
        looked["importance"] |= {"missed": ["size"]}
    text = report_html(manifest(kind), looked)
    before, _, again = text.partition('<section aria-labelledby="again">')
    assert not re.findall(r"--(?:data|budget|holdout|role|target)\b", before)
    assert "Reproducibility" in again


@pytest.mark.parametrize("found", [True, False])
def test_one_is_not_said_as_if_it_were_many(found):
    one = manifest("regression", names=("size", "rooms", "rmse", "day", "zip"), cores=1)
    one["task"]["n_rows"] = one["facts"]["rows"] = one["facts"]["dropped_rows"] = 1
    one["task"]["columns"] = one["task"]["columns"][:1]
    one["facts"] |= {"holdout_score": 0.4, "holdout_rows": 1}
    one["facts"]["report"]["warm_start"] |= {"datasets": 1, "configurations": 1}
    one["leaderboard"] = [*one["leaderboard"][:15], one["leaderboard"][-1]]
    looked = examined("regression", names=("size", "rooms", "rmse", "day", "zip"))
    looked["rows"] = looked["importance"]["rows"] = looked["slices"]["compared"] = 1
    if not found:
        looked["slices"]["groups"] = []
    text = report_html(one, looked)
    words = re.sub(r"\s+", " ", " ".join(part for _, part in Page(text).words))
    nouns = "rows|columns|trials|configurations|datasets|subgroups|comparisons|cores"
    assert not re.findall(rf"(?<![\d.,])1 (?:more |other )?(?:{nouns})\b", words)
    assert not re.findall(r"(?<![\d.,])1 \w+ (?:that )?(?:were|have)\b", words)
    compared = "1 comparison " if found else "1 subgroup "
    for said in ("1 more trial ", "1 configuration ", "1 other dataset ", "1 core.", compared):
        assert said in words


def test_the_most_honest_rows_come_first():
    words = "on a holdout of 50 unseen rows"
    held = {"holdout_score": 0.4, "holdout_rows": 50}
    assert words in report_html(manifest("binary", **held))
    assert words not in report_html(manifest("binary"))
    given = report_html(manifest("binary", **held), examined("binary"))
    assert words not in given
    assert "the 400 given rows" in given


def test_training_rows_are_not_taken_for_new_ones():
    looked = {**examined("binary"), "is_training": True}
    text = report_html(manifest("binary"), looked)
    assert "The given rows are the training rows" in text
    assert "out-of-fold: each row was predicted by" in text


def test_a_model_that_records_nothing_still_has_a_report():
    old = manifest("multiclass")
    old["facts"] = {}
    old["leaderboard"] = []
    text = report_html(old)
    assert "has no summary of predictions" in text
    Page(text)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0.93061, 0.93065), (-5e6, 3e7), (0, 1e-9), (-1, -0.5), (3, 3)]
)
def test_ticks_are_few_and_lie_inside(low, high):
    found = ticks(low, high)
    assert 1 <= len(found) <= 11
    assert all(low - 1e-9 * abs(low) <= value <= high + 1e-9 * abs(high) for value in found)


def test_a_range_without_width_is_drawn_all_the_same():
    chart = Chart("t", ("x", 2.0, 2.0), ("y", 0.0, 0.0)).line([2.0], [0.0]).point(2.0, 0.0)
    assert "nan" not in chart.svg("d")


def test_the_phases_of_the_search_are_marked():
    text = report_html(manifest("binary"))
    assert "start of SMAC" in text
    assert "warm start: similar datasets" in text
    bare = manifest("binary")
    for trial in bare["facts"]["report"]["history"]:
        trial["source"] = "portfolio"
    assert "start of SMAC" not in report_html(bare)


def report(section: ReportSection, **facts) -> str:
    registry = load_plugins(PluginSettings(only=()), [Bundle([section])]).registry
    return report_html(manifest("binary", **facts), None, registry)


def evil_content(given) -> ReportContent:
    table = ReportTable(EVIL[1], EVIL[:3], [(EVIL[0], 3.25, None), (Markup(EVIL[0]), -7, "12 %")])
    line = ([0.0, 1.0, 2.0], [1.0, 3.0, 2.0])
    figure = ReportFigure(EVIL[0], EVIL[1], EVIL[2], {EVIL[0]: line, Markup(EVIL[1]): line})
    return ReportContent([*EVIL, Markup(EVIL[0])], [table], [figure])


def test_what_a_plugin_shows_is_escaped_and_the_policy_stays():
    page = Page(report(ReportSection("mine", EVIL[0], evil_content, after="card")))
    plain = Page(report(ReportSection("mine", "Mine", lambda given: None)))
    (policy,) = [a["content"] for a, _ in page.all("meta") if "http-equiv" in a]
    assert policy in [a["content"] for a, _ in plain.all("meta") if "http-equiv" in a]
    assert len(page.all("script")) == len(plain.all("script")) == 1
    assert not [a for a, _ in page.all("img")]
    assert not [a for tag, a, _ in page.elements if any(name.startswith("on") for name in a)]
    headings = [words for tag, words in page.words if tag == "h2"]
    assert headings[headings.index("Model card") + 1] == EVIL[0]
    assert {"3.25", "-7", "12 %", "-"} <= {words for tag, words in page.words if tag == "td"}
    assert len(page.all("svg")) > len(plain.all("svg"))


def test_numbers_are_aligned_right_and_texts_are_not():
    rows = [("a", "12 %", "x", 3), ("b", None, "y", 4)]
    content = ReportContent(tables=[ReportTable("t", ("n", "s", "w", "c"), rows)])
    text = report(ReportSection("mine", "Mine", lambda given: content))
    assert '<td class="n">12 %</td><td class="name">x</td><td class="n">3</td>' in text


def test_generated_features_are_a_section_of_metaauto_itself():
    one = {"name": "price / area", "weight": 0.5, "importance": 0.125}
    page = Page(report(ReportSection("mine", "Mine", lambda given: None), generated=[one]))
    headings = [words for tag, words in page.words if tag == "h2"]
    assert headings[headings.index("Error analysis") + 1] == "Generated features"
    cells = [words for tag, words in page.words if tag in ("td", "th")]
    place = cells.index("price / area")
    assert cells[place + 1 : place + 3] == ["50 %", "12.5 %"]


def test_a_section_sees_the_record_and_the_task():
    seen = []
    report(ReportSection("mine", "Mine", seen.append), score=0.75)
    (given,) = seen
    assert (given.record.score, given.task["kind"], given.examined) == (0.75, "binary", None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<b>raw</b>", "returned a str"),
        (ReportContent(tables=[ReportTable("t", ("a", "b"), [(1,)])]), "2 cells"),
        (ReportContent(figures=[ReportFigure("f", "x", "y", {"l": ([0.0], [float("nan")])})]), "f"),
        (ReportContent(figures=[ReportFigure("f", "x", "y", {})]), "no points"),
    ],
)
def test_a_section_that_fails_is_reported_and_left_out(content, words, caplog):
    text = report(ReportSection("mine", "My section", lambda given: content))
    assert "My section" not in text
    (told,) = [r.getMessage() for r in caplog.records]
    assert re.match(r"Plugin 'session': the report section 'mine' raised ComponentError: ", told)
    assert words in told


def test_an_unknown_position_is_refused():
    with pytest.raises(ComponentError, match="position 'top'"):
        ReportSection("mine", "Mine", lambda given: None, after="top")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_pages_fit_a_phone(kind, tmp_path):
    """Nothing but tables that can be scrolled is wider than a phone."""
    page = tmp_path / "report.html"
    page.write_text(report_html(manifest(kind), examined(kind)), "utf-8")
    browser = Browser(find_browser(), tmp_path / "profile", width=500)
    try:
        browser.call(
            "Emulation.setDeviceMetricsOverride",
            width=390, height=800, deviceScaleFactor=1, mobile=True,
        )  # fmt: skip
        browser.open(page.as_uri())
        browser.wait_for("h1")
        assert browser.run("document.documentElement.scrollWidth") <= 390
        summary = "document.querySelector('[aria-label=\"Comparison of scores\"]')"
        assert browser.run(f"{summary}.scrollWidth - {summary}.clientWidth") <= 0
        assert browser.messages == []
    finally:
        browser.close()
