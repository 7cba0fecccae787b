"""The section has the failed trials, and is left out without any."""

from types import SimpleNamespace

from metaauto_example import failed_trials

from metaauto.api import ReportInput, ReportTable


def given(*scores: float | None) -> ReportInput:
    """Return the input of a section with trials of these scores."""
    trials = [
        SimpleNamespace(name=f"knn-{number}", source="portfolio", at=1.0, score=score)
        for number, score in enumerate(scores, 1)
    ]
    record = SimpleNamespace(report=SimpleNamespace(history=trials))
    return ReportInput(record, {}, "rmse")


def test_failed_trials_are_listed() -> None:
    """The table has the trials without a score alone."""
    content = failed_trials(given(0.5, None))
    assert content is not None
    (table,) = content.tables
    assert isinstance(table, ReportTable)
    assert table.rows == [("knn-2", "portfolio", 1.0)]


def test_without_failed_trials_there_is_no_section() -> None:
    """None leaves the section out."""
    assert failed_trials(given(0.5)) is None
