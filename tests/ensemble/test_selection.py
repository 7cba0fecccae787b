"""Greedy selection: deterministic, within its deadline, not led by luck on few rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaauto.components import Deadline
from metaauto.ensemble import AnytimeEnsemble, Selection, blend, select_ensemble
from metaauto.ensemble.folds import stratified_folds, stratified_rows
from metaauto.ensemble.objectives import objective_for
from metaauto.ensemble.selection import FEW_ROWS, _initial_members
from metaauto.ensemble.thresholds import quick_loss
from metaauto.errors import SettingError
from metaauto.metrics import METRICS, quantile

KINDS = {
    "binary": ["roc_auc", "log_loss", "neg_log_loss", "brier", "accuracy", "f1", "mcc"],
    "multiclass": ["roc_auc", "log_loss", "brier", "balanced_accuracy", "f1_macro"],
    "regression": ["rmse", "mse", "mae", "r2", "median_ae", "max_error"],
}
CASES = [(kind, name) for kind, names in KINDS.items() for name in names]


def candidates(kind, n, members, seed):
    """Noisy predictions of a made-up target, each with errors of its own, and weights."""
    random = np.random.default_rng(seed)
    weights = random.uniform(0.5, 2.0, n)
    if kind == "regression":
        y = random.normal(size=n)
        noise = random.normal(size=(members, n)) * random.uniform(0.3, 2.0, (members, 1))
        return y, list((y + noise).astype(np.float32)), weights
    k = 2 if kind == "binary" else 3
    y = np.concatenate([np.arange(k), random.integers(0, k, n - k)])
    predictions = []
    for spread in random.uniform(0.5, 2.0, members):
        odds = np.eye(k)[y] + spread * random.normal(size=(n, k))
        share = np.exp(odds)
        predictions.append((share / share.sum(axis=1, keepdims=True)).astype(np.float32))
    return y, predictions, weights


@pytest.mark.parametrize(("kind", "name"), CASES)
@given(
    seed=st.integers(0, 10_000),
    n=st.sampled_from([12, 80, FEW_ROWS]),
    members=st.integers(1, 6),
    weighted=st.booleans(),
)
@settings(max_examples=12, deadline=None)
def test_says_its_loss_and_is_never_worse_than_the_best_alone_on_enough_rows(
    kind, name, seed, n, members, weighted
):
    y, predictions, weights = candidates(kind, n, members, seed)
    weight = weights if weighted else None
    metric = METRICS[name]
    selection = select_ensemble(predictions, y, metric, weight, size=12)
    alone = min(metric.loss(y, p, weight) for p in predictions)
    mixed = blend((predictions[i] for i in selection.weights), list(selection.weights.values()))
    assert selection.loss <= alone or n < FEW_ROWS
    assert selection.single_loss == alone
    assert selection.loss == metric.loss(y, mixed, weight)
    assert sum(selection.weights.values()) == pytest.approx(1.0, abs=1e-12)
    assert all(weight > 0 for weight in selection.weights.values())
    assert list(selection.weights) == sorted(selection.weights)


@pytest.mark.parametrize(
    ("kind", "name"), [("binary", "log_loss"), ("multiclass", "brier"), ("regression", "rmse")]
)
@given(seed=st.integers(0, 10_000), order=st.permutations(range(6)))
@settings(max_examples=15, deadline=None)
def test_order_of_members_does_not_change_the_loss(kind, name, seed, order):
    y, predictions, _ = candidates(kind, 700, 6, seed)
    metric = METRICS[name]
    first = select_ensemble(predictions, y, metric)
    second = select_ensemble([predictions[i] for i in order], y, metric)
    assert second.loss == pytest.approx(first.loss, rel=1e-6)


@pytest.mark.parametrize(("kind", "name"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_objectives_judge_mixtures_as_the_metric_does(kind, name, weighted):
    y, predictions, weights = candidates(kind, 300, 4, 3)
    weight = weights if weighted else None
    metric = METRICS[name]
    objective = objective_for(predictions, y, metric, weight, seed=0, decide=False)
    wide = [p.astype(np.float64) for p in predictions]
    for added in ([], [1], [1, 2], [1, 2, 2]):
        objective.start()
        for index in added:
            objective.add(index)
        expected = [
            metric.loss(y, np.mean([wide[i] for i in [*added, extra]], axis=0), weight)
            for extra in range(4)
        ]
        found = objective.losses(range(4), Deadline())
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_finds_the_mean_that_cancels_the_errors():
    y = np.random.default_rng(0).normal(size=1000)
    error = np.random.default_rng(1).normal(size=1000)
    selection = select_ensemble([y + 3, y + error, y - error], y, METRICS["rmse"])
    assert selection.weights == {1: 0.5, 2: 0.5}
    assert selection.loss < 1e-6
    assert selection.single_loss > 0.9


def test_repeats_and_seeds():
    y, predictions, _ = candidates("binary", 400, 10, 0)
    first = select_ensemble(predictions, y, METRICS["roc_auc"], seed=4)
    assert select_ensemble(predictions, y, METRICS["roc_auc"], seed=4) == first
    assert select_ensemble(predictions, y, METRICS["roc_auc"], seed=4).trajectory == (
        first.trajectory
    )


def test_ties_go_to_the_lower_index():
    y = np.arange(600.0)
    same = y + np.random.default_rng(0).normal(size=600)
    assert select_ensemble([same + 9, same, same, same], y, METRICS["rmse"]).weights == {1: 1.0}


@pytest.mark.parametrize("n", [200, 900])
def test_most_members(n):
    y, predictions, _ = candidates("regression", n, 12, 5)
    for most in (1, 2, 3):
        selection = select_ensemble(predictions, y, METRICS["rmse"], max_members=most)
        assert len(selection.weights) <= most
    assert len(select_ensemble(predictions, y, METRICS["rmse"]).weights) > 3


def off_by(errors, n):
    """A target, and predictions that are off by so much everywhere."""
    y = np.linspace(0.0, 1.0, n)
    return y, [y + error for error in errors]


def test_few_rows_do_not_say_that_the_best_alone_is_better_than_the_best_few():
    errors = [0.1, 0.11, 0.12, 0.125, 0.2, *[5.0] * 15]
    y, predictions = off_by(errors, FEW_ROWS - 1)
    selection = select_ensemble(predictions, y, METRICS["rmse"])
    assert selection.members == (0, 1, 2, 3)
    assert selection.loss > selection.single_loss == pytest.approx(0.1)
    y, predictions = off_by(errors, FEW_ROWS)
    assert select_ensemble(predictions, y, METRICS["rmse"]).members == (0,)


@pytest.mark.parametrize(("candidates", "expected"), [(3, 1), (8, 2), (12, 3), (40, 5)])
def test_the_fewer_candidates_the_fewer_begin(candidates, expected):
    y, predictions = off_by(np.linspace(0.1, 0.11, candidates), 200)
    assert len(select_ensemble(predictions, y, METRICS["rmse"]).weights) == expected


@pytest.mark.parametrize("size", [2, 3])
def test_on_few_rows_too_there_are_no_more_additions_than_asked_for(size):
    y, predictions = off_by(np.linspace(0.1, 0.11, 40), 200)
    selection = select_ensemble(predictions, y, METRICS["rmse"], size=size)
    assert min(selection.weights.values()) >= 1 / size


def test_few_rows_get_no_fine_weights():
    y, predictions, _ = candidates("regression", 600, 30, 5)
    selection = select_ensemble(predictions, y, METRICS["rmse"], size=200)
    assert min(selection.weights.values()) >= 1 / 25
    y, predictions, _ = candidates("regression", FEW_ROWS, 30, 5)
    selection = select_ensemble(predictions, y, METRICS["rmse"], size=200)
    assert min(selection.weights.values()) < 1 / 25


def test_pool_takes_the_best():
    y, predictions, _ = candidates("regression", 800, 12, 5)
    losses = [METRICS["rmse"].loss(y, p) for p in predictions]
    best = {int(i) for i in np.argsort(losses)[:3]}
    selection = select_ensemble(predictions, y, METRICS["rmse"], pool=3)
    assert set(selection.weights) <= best


def test_broken_candidates_are_left_out():
    y, predictions, _ = candidates("regression", 600, 4, 0)
    predictions[2] = np.full(600, np.nan, dtype=np.float32)
    predictions[1][5] = np.inf
    assert set(select_ensemble(predictions, y, METRICS["rmse"]).weights) <= {0, 3}


def test_passed_deadline_still_answers_with_the_best_alone():
    y, predictions, _ = candidates("binary", 600, 5, 0)
    losses = [METRICS["roc_auc"].loss(y, p) for p in predictions]
    selection = select_ensemble(predictions, y, METRICS["roc_auc"], deadline=Deadline.after(-1))
    assert selection.weights == {int(np.argmin(losses)): 1.0}


class Ticks(Deadline):
    """Passes after it was asked a number of times."""

    asked = 0

    def passed(self):
        type(self).asked += 1
        return self.asked > 40


def test_deadline_within_the_search_keeps_what_is_there():
    y, predictions, _ = candidates("binary", 900, 8, 0)
    full = select_ensemble(predictions, y, METRICS["roc_auc"])
    cut = select_ensemble(predictions, y, METRICS["roc_auc"], deadline=Ticks())
    assert 0 < len(cut.trajectory) < len(full.trajectory)
    assert cut.trajectory == full.trajectory[: len(cut.trajectory)]


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([], "from no candidate"),
        ([np.zeros(3), np.zeros(4)], "Candidate 1"),
        ([np.zeros(5)], "rows"),
    ],
)
def test_candidates_that_do_not_fit(predictions, message):
    with pytest.raises(SettingError, match=message):
        select_ensemble(predictions, np.zeros(3), METRICS["rmse"])
    with pytest.raises(SettingError, match="2 losses"):
        select_ensemble([np.zeros(3)], np.zeros(3), METRICS["rmse"], losses=[1, 2])


def test_large_tables_are_searched_on_a_sample_and_judged_on_all_rows():
    y, predictions, _ = candidates("binary", 30_000, 4, 1)
    metric = METRICS["roc_auc"]
    selection = select_ensemble(predictions, y, metric, size=10)
    mixed = blend((predictions[i] for i in selection.weights), list(selection.weights.values()))
    assert selection.loss == metric.loss(y, mixed) < selection.single_loss
    assert selection.trajectory[-1] != selection.loss


def test_labels_judged_at_their_quick_decision():
    random = np.random.default_rng(0)
    y = (random.uniform(size=3000) < 0.1).astype(int)
    predictions = []
    for _ in range(4):
        positive = np.clip(0.1 + 0.15 * y + 0.1 * random.normal(size=3000), 0.001, 0.45)
        predictions.append(np.column_stack([1 - positive, positive]))
    plain = select_ensemble(predictions, y, METRICS["f1"])
    tuned = select_ensemble(predictions, y, METRICS["f1"], decide=True)
    assert plain.loss == 1.0
    assert tuned.loss < tuned.single_loss < 0.9
    assert len(tuned.weights) > 1
    for p in predictions:
        assert quick_loss(p, y, METRICS["f1"]) < METRICS["f1"].loss(y, p)


def test_quantile_and_custom_functions_are_searched_too():
    y, predictions, _ = candidates("regression", 600, 5, 2)
    selection = select_ensemble(predictions, y, quantile(0.8))
    assert selection.loss < selection.single_loss


def test_anytime_has_an_answer_at_once_and_improves():
    y, predictions, _ = candidates("regression", 600, 6, 1)
    metric = METRICS["rmse"]
    losses = [metric.loss(y, p) for p in predictions]
    ensemble = AnytimeEnsemble(y, metric)
    assert ensemble.current is None
    assert not ensemble.update()
    for key, (prediction, loss) in enumerate(zip(predictions, losses, strict=True)):
        assert ensemble.add(key, prediction, loss)
        assert ensemble.current.loss == min(losses[: key + 1])
    assert ensemble.update()
    assert not ensemble.update()
    assert ensemble.current.loss < min(losses)
    assert ensemble.current.weights == select_ensemble(predictions, y, metric).weights


def test_anytime_does_not_depend_on_the_order_of_arrival():
    y, predictions, _ = candidates("regression", 600, 9, 1)
    metric = METRICS["rmse"]
    found = []
    for order in (range(9), reversed(range(9)), [4, 0, 8, 2, 6, 1, 3, 5, 7]):
        ensemble = AnytimeEnsemble(y, metric, pool=5)
        for key in order:
            ensemble.add(key, predictions[key], metric.loss(y, predictions[key]), f"f{key % 2}")
            if key == 4:
                ensemble.update()
        ensemble.update()
        found.append((ensemble.current, ensemble.keys))
    assert found[0] == found[1] == found[2]
    assert len(found[0][1]) == 5


def test_anytime_keeps_the_best_of_each_family():
    y = np.zeros(600)
    ensemble = AnytimeEnsemble(y, METRICS["mae"], pool=3)
    for key in range(6):
        assert ensemble.add(key, y + 1 + key, 1.0 + key, "tree") == (key < 3)
    assert ensemble.add(10, y + 50, 50.0, "linear")
    assert ensemble.keys == {0, 1, 10}


def test_anytime_leaves_out_what_takes_too_long():
    y, predictions, _ = candidates("binary", 600, 4, 1)
    metric = METRICS["roc_auc"]
    ensemble = AnytimeEnsemble(y, metric)
    for key in (0, 1):
        ensemble.add(key, predictions[key], metric.loss(y, predictions[key]))
    assert ensemble.update(Deadline.after(60))
    ensemble.add(2, predictions[2], metric.loss(y, predictions[2]))
    assert not ensemble.update(Deadline.after(-1))
    before = ensemble.current
    assert ensemble.update(Deadline.after(-1), force=True)
    assert ensemble.current.loss <= before.loss
    # What the deadline cut short is done again as soon as there is time.
    assert ensemble.update()


def test_anytime_says_what_a_new_member_would_gain():
    y = np.arange(2000.0)
    ensemble = AnytimeEnsemble(y, METRICS["mae"])
    rows = np.arange(1500, 500, -2)
    assert ensemble.relative_gain(rows, y[rows]) == np.inf
    ensemble.add(3, y + 1, 1.0)
    assert ensemble.relative_gain(rows, y[rows]) == pytest.approx(1.0)
    # Errors that cancel out, the same errors, and more of them.
    assert ensemble.relative_gain(rows, y[rows] - 1) == pytest.approx(1.0)
    assert ensemble.relative_gain(rows, y[rows] + 1) == pytest.approx(0.0, abs=1e-6)
    assert ensemble.relative_gain(rows, y[rows] + 2) == 0.0


def test_anytime_knows_no_gain_where_the_metric_has_no_value():
    y = np.repeat([0, 1], 600)
    given = np.column_stack([1 - 0.2 * y, 0.2 * y])
    ensemble = AnytimeEnsemble(y, METRICS["roc_auc"])
    ensemble.add(0, given, 0.0)
    assert ensemble.relative_gain(np.arange(600), given[:600]) == np.inf


def test_anytime_says_nothing_by_few_rows_or_easy_ones():
    """A fold without errors leaves nothing to gain on it, whatever a member brings elsewhere."""
    y = np.zeros(2000)
    answer = np.where(np.arange(2000) < 600, 0.0, 2.0)
    ensemble = AnytimeEnsemble(y, METRICS["mae"])
    ensemble.add(0, answer, 1.4)
    easy, hard, few = np.arange(600), np.arange(600, 1200), np.arange(600, 1099)
    assert ensemble.relative_gain(easy, answer[easy]) == np.inf
    assert ensemble.relative_gain(hard, answer[hard]) == 0.0
    assert ensemble.relative_gain(few, answer[few]) == np.inf


def test_anytime_falls_back_on_an_answer_that_it_never_mixes_in():
    y = np.array([1.0, 2.0, 3.0])
    ensemble = AnytimeEnsemble(y, METRICS["mae"])
    ensemble.set_fallback(0, 0.5)
    assert ensemble.current.weights == {0: 1.0}
    assert not ensemble.update()
    ensemble.add(1, y + 1, 1.0)
    assert ensemble.current.weights == {0: 1.0}
    assert ensemble.current.loss == ensemble.current.single_loss == 0.5
    assert ensemble.keys == {1}
    ensemble.add(2, y - 1, 1.0)
    assert ensemble.update()
    assert ensemble.current.weights == {1: 0.5, 2: 0.5}
    ensemble.set_fallback(0, 0.0)
    assert ensemble.current.weights == {1: 0.5, 2: 0.5}, "as good is good enough"


def test_anytime_refuses_broken_predictions_and_other_rows():
    ensemble = AnytimeEnsemble(np.zeros(3), METRICS["mae"])
    assert not ensemble.add(0, np.full(3, np.nan), 1.0)
    assert not ensemble.add(1, np.zeros(3), float("nan"))
    assert ensemble.current is None
    with pytest.raises(SettingError, match="2 rows"):
        ensemble.add(2, np.zeros(2), 1.0)


def test_blend():
    a, b = np.array([1.0, 2.0]), np.array([3.0, 6.0])
    assert blend([a, b]).tolist() == [2.0, 4.0]
    assert blend([a, b], [1.0, 0.0]).tolist() == [1.0, 2.0]
    assert blend(iter([a])).dtype == np.float64
    assert blend([np.full((2, 2), 0.5)]).dtype == np.float32
    assert blend([a + 1.7e9 + 0.25, b + 1.7e9]).tolist() == [1.7e9 + 2.125, 1.7e9 + 4.125]
    for predictions, weights in (([], None), ([a], [1, 1]), ([a, b], [1]), ([a], [0])):
        with pytest.raises(SettingError, match=r"blend|weights"):
            blend(predictions, weights)


@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
@settings(deadline=None)
@given(offset=st.floats(-1e12, 1e12), exponent=st.integers(-60, 60), seed=st.integers(0, 2**32 - 1))
def test_losses_follow_the_offset_and_scale_of_values(name, offset, exponent, seed):
    random = np.random.default_rng(seed)
    y = random.normal(size=80)
    predictions = [y + random.normal(size=80) * 0.3 for _ in range(3)]
    scale = 10.0**exponent
    unit = 1.0 if name == "r2" else scale
    metric = METRICS[name]
    # The values themselves are rounded to float64 when they are moved.
    rounding = 1e-9 + 10 * np.finfo(np.float64).eps * abs(offset)
    moved, truth = [(p + offset) * scale for p in predictions], (y + offset) * scale
    for plain, other in zip(predictions, moved, strict=True):
        expected = metric.loss(y, plain)
        assert metric.loss(truth, other) / unit == pytest.approx(expected, rel=0, abs=rounding)
    # The selection may differ within rounding, but its loss must be right.
    selected = select_ensemble(moved, truth, metric)
    mixed = blend([predictions[k] for k in selected.weights], list(selected.weights.values()))
    expected = metric.loss(y, mixed)
    assert selected.loss / unit == pytest.approx(expected, rel=0, abs=rounding)
    assert len(selected.weights) > 1


def test_folds_and_samples_of_rows():
    y = np.repeat([0, 1, 2], [900, 90, 10])
    folds = stratified_folds(y, 5, 0)
    assert np.array_equal(np.sort(np.concatenate(folds)), np.arange(1000))
    assert all(np.bincount(y[rows]).tolist() == [180, 18, 2] for rows in folds)
    few = stratified_rows(y, 100, 0, classes=True)
    assert np.bincount(y[few]).tolist() == [90, 9, 1]
    even = stratified_rows(y, 100, 0, classes=True, balanced=True)
    assert np.bincount(y[even]).tolist() == [45, 45, 10]
    assert len(stratified_rows(y, 100, 0, classes=False)) == 100
    assert len(stratified_rows(y, 5000, 0, classes=True)) == 1000


def test_a_selection_without_some_members_has_the_loss_of_the_others():
    y, predictions, _ = candidates("binary", 2_000, 12, 0)
    metric = METRICS["log_loss"]
    ensemble = AnytimeEnsemble(y, metric)
    for key, prediction in enumerate(predictions):
        ensemble.add(key, prediction, metric.loss(y, prediction))
    ensemble.update()
    selection = ensemble.current
    assert len(selection.weights) > 2
    assert ensemble.restricted_to(selection, set(selection.weights)) is selection
    kept = list(selection.weights)[:2]
    narrow = ensemble.restricted_to(selection, kept)
    assert list(narrow.weights) == kept
    assert sum(narrow.weights.values()) == pytest.approx(1.0)
    first, second = kept
    ratio = selection.weights[first] / selection.weights[second]
    assert narrow.weights[first] / narrow.weights[second] == pytest.approx(ratio)
    mixed = blend([predictions[k] for k in kept], list(narrow.weights.values()))
    assert narrow.loss == metric.loss(y, mixed)
    assert narrow.loss > selection.loss


def test_a_selection_without_some_members_is_the_best_of_the_others_if_that_is_better_alone():
    """The heaviest may be of no use without what is gone."""
    y = np.tile([0.0, 1.0], 50)
    ensemble = AnytimeEnsemble(y, METRICS["rmse"])
    good, worse = y + 0.1, y + 5.0
    ensemble.add(1, good, METRICS["rmse"].loss(y, good))
    ensemble.add(2, worse, METRICS["rmse"].loss(y, worse))
    narrow = ensemble.restricted_to(Selection({1: 0.2, 2: 0.4, 3: 0.4}, 0.0, 0.1), [1, 2])
    assert narrow.weights == {1: 1.0}
    assert narrow.loss == pytest.approx(0.1)


def losses_over_time(seed: int, n: int = FEW_ROWS, **options) -> list[float]:
    """Loss of the answer after each of twelve candidates."""
    y, predictions, _ = candidates("binary", n, 12, seed)
    metric = METRICS["roc_auc"]
    ensemble = AnytimeEnsemble(y, metric, pool=4, **options)
    found = []
    for key, prediction in enumerate(predictions):
        ensemble.add(key, prediction, metric.loss(y, prediction))
        ensemble.update()
        found.append(ensemble.current.loss)
        assert set(ensemble.current.weights) <= ensemble.keys
        rows = np.arange(len(y))
        if options:
            assert ensemble.relative_gain(rows, predictions[0]) < np.inf
        single = ensemble.restricted_to(ensemble.current, list(ensemble.current.weights)[:1])
        assert single.loss >= ensemble.current.loss
    return found


def test_anytime_keeps_a_better_answer_if_it_is_asked_to():
    """More candidates lead a greedy search astray now and then."""
    astray = 0
    for seed in range(12):
        plain = losses_over_time(seed)
        kept = losses_over_time(seed, keep_incumbent=True)
        astray += any(np.diff(plain) > 0)
        assert (np.diff(kept) <= 0).all()
    assert astray > 0


def test_of_few_rows_the_newest_answer_counts():
    """The best of many would be a lucky one."""
    few = FEW_ROWS // 2
    for seed in range(3):
        assert losses_over_time(seed, few, keep_incumbent=True) == losses_over_time(seed, few)


@pytest.mark.parametrize("discarded", [[1], [2], [1, 2], [3, 1], [1, 2, 3]])
def test_discarded_candidates_are_replaced_by_the_best_of_the_others(discarded):
    truth = np.arange(20.0)
    ensemble = AnytimeEnsemble(truth, METRICS["rmse"])
    for number, error in ((1, 1.0), (2, -1.0), (3, 5.0)):
        ensemble.add(number, truth + error, abs(error))
    ensemble.set_fallback(0, 9.0)
    ensemble.update()
    assert set(ensemble.current.weights) == {1, 2}
    for number in discarded:
        ensemble.discard(number)
    ensemble.update(force=True)
    left = {1, 2, 3} - set(discarded)
    assert set(ensemble.current.weights) <= (left or {0})
    assert ensemble.current.loss <= min([{1: 1.0, 2: 1.0, 3: 5.0}[n] for n in left] or [9.0])


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([1.0, 1.3, 1.31], [0, 1]),
        ([-1.0, -0.75, -0.6], [0, 1]),
        ([0.0, 0.1, 0.2], [0]),
        ([2.0, 1.0, 1.2], [1, 2]),
    ],
    ids=["positive", "negative", "zero", "not in order"],
)
def test_initial_members_are_close_to_the_lowest_loss(losses, expected):
    alone = np.array(losses)
    assert _initial_members(np.argsort(alone, kind="stable"), alone, 5) == expected
