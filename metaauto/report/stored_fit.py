"""A fit stored in a model file or run directory, read without loading a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from metaauto.analysis.comparison import Compared, differing_options, of_model, of_run, result
from metaauto.analysis.run_report import run_manifest
from metaauto.model.fit_record import FitRecord
from metaauto.model.manifest import metric_label_of
from metaauto.model.save import read_manifest
from metaauto.report.figures import Figure, history_figure
from metaauto.report.html import report_html
from metaauto.run import read_run

__all__ = ["StoredFit", "compare_fits", "read_fit"]


@dataclass(frozen=True)
class StoredFit:
    """A fit as stored in a model file or a run directory; nothing in it is executed.

    Parameters
    ----------
    state : {'finished', 'running', 'interrupted'}
        Whether a fit is alive that writes the run directory. Without a fit, a run that did not
        finish is interrupted. A model file is always finished.
    scores : Compared
        Metric, target, scores with intervals, members and options; see `compare_fits`.
    record : FitRecord
        Rows, warnings, seconds and history of the trials, like `FinalModel.record`.
    manifest : mapping
        The manifest of the model file, or what a report shows of it for a run.
    """

    state: Literal["finished", "running", "interrupted"]
    scores: Compared
    record: FitRecord
    manifest: Mapping[str, Any]

    @property
    def leaderboard(self) -> list[dict[str, Any]]:
        """The ensemble and the trials, best first; the status of unfinished trials is running."""
        return list(self.manifest.get("leaderboard") or [])

    @property
    def metric_label(self) -> str:
        """Name of the metric, with the positive class if it scores one."""
        return metric_label_of(self.manifest)

    def history_figure(self) -> Figure | None:
        """Return the score of each trial over time as SVG; None without scores."""
        history, is_greater = self.record.report.history, self.record.greater_is_better
        # The record of an unfinished run has the score of its best single model.
        return history_figure(history, self.metric_label, self.scores.score, is_greater)

    def report(self) -> str:
        """Return the HTML report; see `metaauto report`."""
        return report_html(self.manifest)


def read_fit(path: str | Path, name: str = "") -> StoredFit:
    """Read a model file (its manifest only) or a run directory, also of a running fit.

    Parameters
    ----------
    path : str or Path
        The file or directory.
    name : str, default=""
        Name for messages; by default the path.

    Returns
    -------
    StoredFit

    Raises
    ------
    ModelFileError, RunError
        The path is neither, or it is damaged.

    Examples
    --------
    >>> read_fit("house.metaauto").record.score  # doctest: +SKIP
    """
    place, name = Path(path).expanduser(), name or str(path)
    state: Literal["finished", "running", "interrupted"] = "finished"
    if place.is_dir():
        run = read_run(place)
        scores, manifest = of_run(name, run), run_manifest(name, run)
        if run.is_active:
            state = "running"
        elif run.status != "finished":
            state = "interrupted"
    else:
        manifest = read_manifest(place)
        scores = of_model(name, manifest)
    return StoredFit(state, scores, FitRecord.from_json(manifest["facts"]), manifest)


def compare_fits(fits: Sequence[StoredFit]) -> tuple[dict[str, list[Any]], str]:
    """Return the options that differ between fits, and a sentence on which fit is best.

    Parameters
    ----------
    fits : sequence of StoredFit
        Two or more fits.

    Returns
    -------
    options : dict of str to list
        The values of each differing option, in the order of the fits.
    result : str
        The sentence, which says whether the intervals overlap.

    Examples
    --------
    >>> compare_fits([read_fit("a.metaauto"), read_fit("b.metaauto")])  # doctest: +SKIP
    """
    found = [fit.scores for fit in fits]
    return differing_options(found), result(found)
