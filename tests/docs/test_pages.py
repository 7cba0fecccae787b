"""The pages agree with the code, the benchmark results and the wording rules."""

from __future__ import annotations

import re
import statistics

import pytest
from pages import DOCS, HOME, PAGES, script, text_of

from metaauto import __all__ as exported
from metaauto.analysis.evaluation import usual_metrics
from metaauto.analysis.leaderboard import LEADERBOARD_COLUMNS
from metaauto.events import Event
from metaauto.metrics import METRICS
from metaauto.search import Status
from metaauto.task import TASK_KINDS, Role

EXAMPLES = script("examples")
EVERY = [*PAGES, *sorted((DOCS / "decisions").glob("*.md"))]


@pytest.fixture(scope="module")
def figures():
    pytest.importorskip("matplotlib")
    return script("figures")


def gains():
    import json

    lines = (HOME / "benchmarks/results/versus_boosting_30s.jsonl").read_text("utf-8").splitlines()
    splits = {}
    for row in map(json.loads, lines):
        splits.setdefault(row["table"], []).append(row)
    found = {}
    for table, rows in splits.items():
        sign = 1 if rows[0]["greater_is_better"] else -1
        ratio = sum(row["score"] for row in rows) / sum(row["boosting"] for row in rows)
        found[table] = 100 * sign * (ratio - 1)
    return found


def test_the_figure_shows_the_results():
    picture = (DOCS / "images" / "versus_boosting_30s.svg").read_text("utf-8")
    for table, gain in gains().items():
        assert f">{table}  (" in picture, f"{table}: run python docs/figures.py"
        assert f">{gain:+.1f} %<" in picture, f"{table}: run python docs/figures.py"


def test_the_figure_can_be_drawn_again(figures, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "IMAGES", tmp_path)
    drawn = figures.versus_boosting().read_text("utf-8")
    kept = (DOCS / "images" / "versus_boosting_30s.svg").read_text("utf-8")
    texts = [sorted(re.findall(r">([^<>]*[a-z%][^<>]*)</text>", svg)) for svg in (drawn, kept)]
    assert texts[0] == texts[1]
    assert len(texts[0]) > 40


@pytest.mark.parametrize("name", ["README.md", "how.md"])
def test_numbers_are_those_of_the_results(name):
    found = list(gains().values())
    text = " ".join(text_of(name).split())
    assert f"better on {sum(g > 0 for g in found)} of {len(found)}" in text
    assert f"median gain {statistics.median(found):+.2f} %" in text


def test_the_picture_of_a_terminal_is_of_the_first_command():
    picture = (DOCS / "images" / "fit.svg").read_text("utf-8").replace("&#160;", " ")
    assert "metaauto fit sklearn:breast_cancer --budget 60s --out model.metaauto" in picture
    assert "font-face" not in picture


def test_a_picture_can_be_drawn():
    pytest.importorskip("rich")
    drawn = (
        script("picture")
        .draw("\x1b[32mScore\x1b[0m  0.99\n", "metaauto fit x")
        .replace("&#160;", " ")
    )
    assert "$ metaauto fit x" in drawn
    assert "Score" in drawn
    assert "font-face" not in drawn


def test_output_is_recorded(monkeypatch):
    record = script("record")
    page = (
        "```console lines=2\n$ printf 'a\\nb\\nc'\nold\n$ echo d\n```\n\n```console\n$ true\n```\n"
    )
    assert record.record(page) == (
        "```console lines=2\n$ printf 'a\\nb\\nc'\na\nb\n...\n$ echo d\nd\n```\n\n"
        "```console\n$ true\n```\n"
    )
    with pytest.raises(SystemExit, match="ended with 3"):
        record.record("```console\n$ exit 3\n```\n")


def test_scores_are_explained():
    text = text_of("scores.md")
    assert [name for name in LEADERBOARD_COLUMNS if f"| `{name}` |" not in text] == []
    assert [str(s) for s in Status if s is not Status.RUNNING and f"`{s}`" not in text] == []


def test_events_are_named():
    kinds = re.findall(r'``"(\w+)"``', Event.__doc__)
    assert len(kinds) >= 9
    assert [kind for kind in kinds if f"`{kind}`" not in text_of("python.md")] == []


def test_metrics_that_are_named_exist():
    table = text_of("shell.md").split("| kind | default |", 1)[1].split("\n\n", 1)[0]
    named = re.findall(r"`([a-z0-9_@.]+)`", table)
    assert len(named) > 10
    assert [name for name in named if name.partition("@")[0] not in {*METRICS, "quantile"}] == []
    assert len({usual_metrics(kind)[0] for kind in TASK_KINDS} & set(named)) >= 2


def test_roles_are_named():
    for role in Role:
        assert str(role) in text_of("how.md")


def test_the_python_reference_has_what_the_package_exports():
    text = text_of("api.md")
    for name in set(exported) - {"__version__", "hookimpl"}:
        assert re.search(rf":: metaauto\.({name}\.)?{name}\n", text), name


@pytest.mark.parametrize("page", EVERY, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", EVERY, ids=lambda page: page.name)
def test_page_has_no_issue_numbers_machine_paths_or_long_lines(page):
    text = page.read_text("utf-8")
    assert not re.search(r"(?<![\w&/`])#\d+", text), "issue numbers"
    assert not re.search(r"/(home|root|work|tmp)/", text), "paths of a machine"
    if page.parent == DOCS and page.name not in EXAMPLES.GENERATED:
        prose = re.sub(r"```.*?```|^\|.*?$|^!\[.*?$|^<!--.*?$", "", text, flags=re.S | re.M)
        long = [line for line in prose.splitlines() if len(line) > 120]
        assert long == []
