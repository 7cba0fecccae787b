from __future__ import annotations

import pytest

from metaauto.model.fit_record import FinishedTrial
from metaauto.report.figures import diagnosis_figures, history_figure


@pytest.mark.parametrize("sign", [1, -1])
def test_trials_beyond_the_axis_are_counted(sign):
    scores = [0.85, 0.86, 0.85, 0.85, 0.86, 0.855, 0.2]
    history = [
        FinishedTrial(
            name=f"lda-{n}", source="knowledge", at=float(n), status="success", score=sign * score
        )
        for n, score in enumerate(scores)
    ]
    figure = history_figure(history, "auc", None, sign > 0)
    assert figure.caption.endswith("Arrows: 1 trial beyond the axis.")
    assert "beyond" not in history_figure(history[:6], "auc", None, sign > 0).caption


def test_a_long_name_leaves_room_for_its_figure():
    curve = {"class": "species number 01 of the northern family " * 3, "auc": 0.978, "share": 0.1,
             "average_precision": 0.935, "roc": [[0, 1], [0, 1]], "pr": [[0, 1], [1, 0]]}  # fmt: skip
    roc, precision_recall = diagnosis_figures({"curves": [curve, curve]}, "kind")
    for figure, ending in ((roc, ": AUC 0.978"), (precision_recall, "precision 0.935")):
        for _, name in figure.legend:
            assert name.startswith("species number 01")
            assert name.endswith(ending)
            assert len(name) <= 60
