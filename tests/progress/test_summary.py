from __future__ import annotations

from types import SimpleNamespace

from metaauto.model.fit_record import FitRecord
from metaauto.progress.summary import SUMMARY_INDENT, summary_lines

BOARD = [
    {"rank": 1, "name": "ensemble", "status": "success"},
    {"rank": 2, "name": "svm-4", "status": "success"},
    {"rank": None, "name": "mlp-2", "status": "dropped"},
    {"rank": None, "name": "knn-3", "status": "timeout"},
]


def lines_of(members=(("lda-1", 1.0), ("svm-4", 3.0)), metric="roc_auc", **known) -> list[str]:
    model = SimpleNamespace(
        metric_label=metric,
        record=FitRecord.from_json(known),
        leaderboard_rows=BOARD,
        members=[
            SimpleNamespace(name=name, weight=weight, all_rows=()) for name, weight in members
        ],
    )
    return summary_lines(model)


def test_the_end_is_summed_up() -> None:
    lines = lines_of(
        metric="log_loss",
        score=0.2,
        single_score=0.25,
        baseline_score=0.7,
        seconds=12.34,
        greater_is_better=False,
        interval={"low": 0.15, "high": 0.26, "level": 0.95, "rows": 1200, "over": "out-of-fold"},
        roles={"numeric": 7, "text": 1, "identifier": 1, "constant": 1},
        left_out=[
            {"name": "id", "role": "identifier", "reason": ""},
            {"name": "land", "role": "constant", "reason": ""},
        ],
    )
    assert lines == [
        "Score        log_loss 0.2, lower is better (95% interval 0.15 to 0.26, 1,200 out-of-fold "
        "rows)",
        "Best single  log_loss 0.25  svm-4",
        "Baseline     log_loss 0.7",
        "Ensemble     svm-4 75%, lda-1 25%",
        "Columns      8 used: 7 numeric, 1 text; 2 excluded: 'id' (identifier), 'land' (constant)",
        "Trials       3 in 12.3 s: 1 successful, 1 pruned, 1 timed out",
    ]


def test_a_holdout_comes_first() -> None:
    interval = {"low": 0.8, "high": 0.9, "level": 0.95, "rows": 1000, "over": "holdout"}
    lines = lines_of(score=0.9, holdout_score=0.85, holdout_rows=1000, holdout_interval=interval)
    assert lines[0] == ("Holdout      roc_auc 0.85 (95% interval 0.80 to 0.90, 1,000 unseen rows)")
    assert lines[1] == "Score        roc_auc 0.9 over out-of-fold rows"


def test_what_to_mind_and_to_do_stands_at_the_end() -> None:
    considered = {"code": "leak", "message": "Column 'a' gives it away.", "advice": "Leave it out."}
    lines = lines_of(
        warnings=[considered, considered], next_steps=["Wait."], notes=["mlp stopped early."]
    )
    assert lines[-4:] == [
        "Warnings     - Column 'a' gives it away. Leave it out.",
        "             - Column 'a' gives it away. Leave it out.",
        "Next steps   - Wait.",
        "             - mlp stopped early.",
    ]
    assert lines[-4].index("-") == SUMMARY_INDENT


def test_many_members_and_columns_are_cut_short() -> None:
    left_out = [{"name": f"c{n}", "role": "constant", "reason": ""} for n in range(9)]
    lines = lines_of(
        members=[(f"lda-{n}", 1.0) for n in range(10)],
        roles={"numeric": 1, "constant": 9},
        left_out=left_out,
    )
    assert lines[3].endswith("lda-5 10%, 4 more 40%")
    assert lines[4].endswith("'c5' (constant), 3 more")
