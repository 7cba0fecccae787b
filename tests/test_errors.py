from __future__ import annotations

import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from metaauto import errors
from metaauto.errors import MetaautoError, UnknownName

HOME = Path(errors.__file__).parent.parent

CLASSES = [
    item
    for item in vars(errors).values()
    if inspect.isclass(item) and issubclass(item, Exception) and item.__module__ == errors.__name__
]


def test_every_error_is_exported():
    assert sorted(c.__name__ for c in CLASSES) == sorted(errors.__all__)


@pytest.mark.parametrize("length", [0, 1000, 1001, 100_000])
def test_long_messages_and_hints_lose_their_middle(length):
    text = "a" * (length // 2) + "z" * (length - length // 2)
    for kind in CLASSES:
        error = kind(text, hint=text)
        assert len(error.message) == len(error.hint) <= 1000
        assert (error.message == text) == (length <= 1000)
        assert (error.message[:1], error.message[-1:]) == (text[:1], text[-1:])
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


def drawn_tree() -> dict[str, str]:
    """Parent by name, from the tree at the top of the module."""
    stack: list[tuple[int, str]] = []
    parents = {}
    for line in errors.__doc__.splitlines():
        found = re.match(r"^([│├└─\s]*)([A-Z]\w+)", line)
        if not found or not (stack or found[2] == "MetaautoError"):
            continue
        depth, name = len(found[1]), found[2]
        while stack and stack[-1][0] >= depth:
            stack.pop()
        if stack:
            parents[name] = stack[-1][1]
        stack.append((depth, name))
    return parents


def test_the_tree_at_the_top_is_the_tree_of_classes():
    real = {c.__name__: c.__mro__[1].__name__ for c in CLASSES if c is not MetaautoError}
    assert drawn_tree() == real


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_errors_survive_a_process_boundary(kind):
    error = kind("Column 'a' is odd.", hint="Drop it.", column="a", rows=[1, 2])
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == "Column 'a' is odd. Drop it."
    assert (again.message, again.hint) == (error.message, error.hint)
    assert again.details == {"column": "a", "rows": [1, 2]}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_errors_are_documented_and_need_no_hint(kind):
    assert kind.__doc__
    assert str(kind("It broke.")) == "It broke."


def test_wrong_values_are_value_errors_too():
    assert issubclass(errors.DataError, ValueError)
    assert issubclass(errors.SettingError, ValueError)
    assert not issubclass(errors.RunError, ValueError)


def test_the_nearest_names_are_the_hint():
    error = UnknownName.among("metric", "acuracy", ["accuracy", "auc", "rmse"])
    assert "'acuracy'" in str(error)
    assert "Did you mean 'accuracy'" in error.hint
    assert error.details["name"] == "acuracy"


def test_without_a_near_name_all_are_listed():
    error = UnknownName.among("metric", "xyzzy", ["rmse", "auc"], hint="See the manual.")
    assert error.hint == "Known: auc, rmse. See the manual."
    assert UnknownName.among("metric", "xyzzy", []).hint == "None is installed."


def test_errors_import_nothing_heavy():
    code = (
        "import sys, metaauto.errors, metaauto.task, metaauto.components, metaauto.components.hyperparameters,"
        " metaauto.configuration, metaauto.budget;"
        "print([m for m in ('numpy', 'pandas', 'sklearn', 'psutil') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOME
    )
    assert run.stdout.strip() == "[]"
