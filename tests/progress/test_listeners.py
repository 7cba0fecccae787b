from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import metaauto
from metaauto.events import Event
from metaauto.progress.notebook import NotebookView, in_kernel
from metaauto.task import Task

TASK = Task("binary", "a<b", (), "roc_auc", 100, ("no", "yes"), (50, 50))
TABLE = Event("table", 1.0, "", {"task": TASK})


class Output:
    """One output of a cell."""

    def __init__(self, page) -> None:
        self.pages = [page]

    def update(self, page) -> None:
        self.pages.append(page)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[Output]:
    """Outputs of the cell, in what looks like the kernel of a notebook."""
    outputs: list[Output] = []

    def display(page, display_id=False):
        assert display_id is True
        outputs.append(Output(page))
        return outputs[-1]

    ipython, shown = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    shown.HTML, shown.display = str, display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    return outputs


def finished(number: int) -> Event:
    data = {"number": number, "name": f"lda-{number}", "status": "success", "best": 0.8}
    return Event("trial_finished", 2.0, "", data)


def test_a_notebook_has_one_output_that_is_updated(kernel: list[Output]) -> None:
    view = metaauto.show_progress()
    assert isinstance(view, NotebookView)
    view(TABLE)
    view(Event("stage", 1.5, "Searching", {"left": 9.0, "models": ["lda"]}))
    for number in range(50):
        view(finished(number))
    view(Event("finished", 3.0, "The model is ready.", {"summary": ["Score  <b>"]}))
    (output,) = kernel
    assert 3 <= len(output.pages) < 10
    assert "left of 0:10" in output.pages[1]
    assert "a&lt;b" in output.pages[0]
    assert "<table" not in output.pages[-1]
    assert "100 rows" in output.pages[-1]
    assert "Score  &lt;b&gt;" in output.pages[-1]


def test_what_a_table_is_named_cannot_change_the_page(kernel: list[Output]) -> None:
    view = metaauto.show_progress()
    view(Event("warning", 1.0, "<script>alert(1)</script>"))
    view(finished(1))
    view(Event("stage", 2.0, "<b>Searching</b>", {"left": None}))
    assert not any("<script" in page or "<b>" in page for page in kernel[0].pages)


def test_elsewhere_lines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert not in_kernel()
    listen = metaauto.show_progress()
    listen(TABLE)
    listen(Event("trial_started", 1.0, "lda-1 (smac: new)", {"number": 1}))
    assert "100 rows; target 'a<b'" in capsys.readouterr().out
    listen = metaauto.show_progress(verbose=2)
    listen(Event("trial_started", 1.0, "lda-1 (smac: new)", {"number": 1}))
    assert capsys.readouterr().out == "     1.0 s  lda-1 (smac: new)\n"


def test_an_interactive_shell_is_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    ipython = ModuleType("IPython")
    ipython.get_ipython = SimpleNamespace
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert not in_kernel()
    ipython.get_ipython = lambda: None
    assert not in_kernel()


def test_a_fit_that_is_shown_ends_with_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    X = np.arange(80.0).reshape(40, 2)
    estimator = metaauto.AutoRegressor(
        budget="1 trial", include=["ridge"], n_jobs=1, knowledge=False, random_state=0
    )
    with pytest.raises(NotFittedError):
        metaauto.summary(estimator)
    estimator.set_params(verbose=1).fit(X, X[:, 0])
    assert capsys.readouterr().out.endswith(f"\n{metaauto.summary(estimator)}\n")
    assert metaauto.summary(estimator) == metaauto.summary(estimator.model_)
    assert "rmse" in metaauto.summary(estimator)


def test_fit_shows_its_progress_and_calls_the_listener(capsys: pytest.CaptureFixture[str]) -> None:
    X, seen = np.arange(80.0).reshape(40, 2), []
    model = metaauto.fit(
        *(X, X[:, 0]),
        trials=1,
        include=["ridge"],
        cores=1,
        knowledge=False,
        verbose=1,
        on_event=seen.append,
    )
    printed = capsys.readouterr().out
    assert "\n40 rows; target 'target': numeric (regression)\n" in printed
    assert printed.endswith(f"\n{metaauto.summary(model)}\n")
    assert {event.kind for event in seen} >= {"table", "trial_finished", "finished"}
