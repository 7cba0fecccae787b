from __future__ import annotations

from metaauto.report.figures import diagnosis_figures


def test_a_long_name_leaves_room_for_its_figure():
    curve = {"class": "species number 01 of the northern family " * 3, "auc": 0.978, "share": 0.1,
             "average_precision": 0.935, "roc": [[0, 1], [0, 1]], "pr": [[0, 1], [1, 0]]}  # fmt: skip
    roc, precision_recall = diagnosis_figures({"curves": [curve, curve]}, "kind")
    for figure, ending in ((roc, ": AUC 0.978"), (precision_recall, "precision 0.935")):
        for _, name in figure.legend:
            assert name.startswith("species number 01")
            assert name.endswith(ending)
            assert len(name) <= 60
