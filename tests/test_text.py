from __future__ import annotations

import inspect
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import metaauto
from metaauto.cli.fit import command as fit_command
from metaauto.cli.report import command as report_command
from metaauto.model import FinalModel
from metaauto.text import argument, caller, counted, format_interval, printable, shortened


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (0, ["row"], "0 rows"),
        (1, ["row"], "1 row"),
        (2, ["row"], "2 rows"),
        (12_345, ["row"], "12,345 rows"),
        (1, ["class", "classes"], "1 class"),
        (3, ["class", "classes"], "3 classes"),
    ],
)
def test_one_is_singular_and_all_else_plural(count, words, text):
    assert counted(count, *words) == text


@given(
    st.floats(-1e6, 1e6, allow_nan=False), st.floats(1e-4, 1e6), st.sampled_from([1.0, 1e-3, 1e3])
)
def test_the_ends_of_an_interval_have_the_digits_of_its_width(low, width, scale):
    low, high = low * scale, (low + width) * scale
    shown = [float(end) for end in format_interval(low, high).split(" to ")]
    assert shown == sorted(shown)
    assert abs(shown[0] - low) <= 0.051 * (high - low)
    assert abs(shown[1] - high) <= 0.051 * (high - low)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(0.8, 0.9, "0.80 to 0.90"), (0.5, 0.5, "0.5 to 0.5"), (-0.04, 0.01, "-0.040 to 0.010"),
     (float("-inf"), 2.0, "-inf to 2"), (0.001, 0.0042, "0.0010 to 0.0042")],
)  # fmt: skip
def test_format_interval_of_few_digits(low, high, text):
    assert format_interval(low, high) == text


@given(st.text(), st.integers(1, 40))
def test_a_shortened_text_is_one_line_that_fits(text, width):
    short = shortened(text, width)
    assert len(short) <= width
    assert short == " ".join(short.split()) or "…" in short


@pytest.mark.parametrize("width", [7, 10, 16])
def test_names_that_differ_at_the_end_still_do(width):
    names = [f"species number {number:02d}" for number in range(30)]
    assert len({shortened(name, width) for name in names}) == 30


def test_what_fits_is_left_alone():
    assert shortened("two\nwords", 9) == "two words"
    assert shortened(7, 3) == "7"


@given(st.text())
def test_printable_has_no_control_character(text):
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(letter) == "Cc" for letter in shown)
    assert printable(shown) == shown


def test_printable_keeps_other_characters():
    assert printable("Größe [m²] \\ 日本 🙂") == "Größe [m²] \\ 日本 🙂"
    assert printable("a\u202eb\u2066c") == r"a\u202eb\u2066c"
    assert printable("a\x1b]0;title\x07\x9b\x7f\nb") == r"a\x1b]0;title\x07\x9b\x7f\nb"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("python", ["task='regression'", "budget", "roles={'a b': 'text'}", "cores", "resume='r'"]),
        (
            "estimator",
            [
                "AutoRegressor",
                "budget",
                "roles={'a b': 'text'}",
                "n_jobs",
                "metaauto.fit(resume='r')",
            ],
        ),
        ("shell", ["--task regression", "--budget", "--role 'a b=text'", "--cores", "--resume r"]),
    ],
)
def test_arguments_are_named_as_the_caller_writes_them(kind, words) -> None:
    with caller(kind):
        found = [
            argument("task", "regression"),
            argument("budget"),
            argument("roles", {"a b": "text"}),
            argument("cores"),
            argument("resume", "r"),
        ]
    assert found == words
    assert argument("run_dir") == "run_dir"
    with caller("shell"), pytest.raises(ZeroDivisionError), caller("estimator"):
        raise ZeroDivisionError
    assert argument("cores") == "cores"


def test_every_named_argument_is_an_option_of_its_caller() -> None:
    """A misspelt name would send the reader to an option that does not exist."""
    names = set()
    for file in Path(metaauto.__file__).parent.rglob("*.py"):
        if file.parent.name != "cli":  # where click.argument declares arguments
            names |= set(re.findall(r"\bargument\(\s*[\"'](\w+)", file.read_text("utf-8")))
    # The first are of explain, in Python and in the shell; the last is in the docstring.
    names -= {"label", "explainer", "no_knowledge"}
    assert len(names) > 10
    commands = (fit_command, report_command)
    options = {option for cmd in commands for param in cmd.params for option in param.opts}
    known = {
        "python": {
            *inspect.signature(metaauto.fit).parameters,
            *inspect.signature(FinalModel.report).parameters,
            "predict_proba",
        },
        "estimator": {
            *inspect.signature(metaauto.AutoClassifier).parameters,
            *inspect.signature(metaauto.AutoClassifier.fit).parameters,
            *inspect.signature(metaauto.AutoClassifier.evaluate).parameters,
            *("AutoClassifier", "predict_proba", "metaauto.fit(resume)", "plugins"),
        },
        "shell": options | {"--proba"},
    }
    for kind, accepted in known.items():
        with caller(kind):
            assert {argument(name) for name in names} <= accepted
