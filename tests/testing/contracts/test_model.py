"""The contract of models notices each way of breaking it."""

from __future__ import annotations

import json
import os
import sys
import warnings

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from metaauto.api import Choice, Float, Model, Tags
from metaauto.errors import ComponentError, ModelFileError
from metaauto.testing import ModelContract, default_values, draw_values

CLASSES = ("binary", "multiclass")


def bayes(values, context):
    return GaussianNB()


class Raw(GaussianNB):
    """Takes typed frames."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(self._numbers(X), y, sample_weight)

    def _numbers(self, X):
        return X.select_dtypes("number").to_numpy() if hasattr(X, "columns") else X

    def predict_proba(self, X):
        return super().predict_proba(self._numbers(X))


def contract(build=bayes, fit=None, **settings):
    settings.setdefault("tasks", CLASSES)
    checks = ModelContract()
    checks.model = Model("broken", build, fit=fit, **settings)
    return checks


@pytest.mark.parametrize(
    ("tags", "left_out"),
    [
        (
            Tags(),
            {
                *("test_missing_values", "test_category_codes", "test_sparse_rows"),
                *("test_sparse_rows_with_category_codes", "test_weights_matter"),
                *("test_rows_of_weight_zero", "test_deadline_is_kept"),
                *("test_deadline_that_has_passed", "test_validation_part_is_used"),
                "test_refit_trains_the_rounds_of_early_stopping",
            },
        ),
        (
            Tags(
                accepts_nan=True,
                accepts_categories=True,
                accepts_sparse=True,
                accepts_sample_weight=True,
                keeps_deadline=True,
                uses_early_stopping=True,
            ),
            set(),
        ),
        (
            Tags(
                accepts_dataframe=True,
                accepts_nan=True,
                accepts_categories=True,
                accepts_sample_weight=True,
                keeps_deadline=True,
                uses_early_stopping=True,
            ),
            {
                *("test_one_column", "test_constant_column", "test_missing_values"),
                *("test_category_codes", "test_sparse_rows"),
                "test_sparse_rows_with_category_codes",
            },
        ),
    ],
    ids=["no tags", "all tags", "typed frames"],
)
def test_checks_that_do_not_apply_are_left_out(tags, left_out):
    rounds = "n_iter_" if tags.uses_early_stopping else ""

    class Checks(ModelContract):
        model = Model("some", bayes, tasks=CLASSES, tags=tags, rounds=rounds)

    assert set(Checks.left_out) == left_out
    checks = {name for name in dir(Checks) if name.startswith("test_")}
    assert {name for name in checks if getattr(Checks, name) is None} == left_out


def test_checks_for_many_classes_depend_on_the_limits_of_the_model():
    class Few(ModelContract):
        model = Model("few", bayes, tasks=CLASSES, max_classes=3)

    class Two(ModelContract):
        model = Model("two", bayes, tasks=("binary",))

    classes = {"test_many_classes", "test_class_absent_from_the_training_part"}
    assert classes & set(Few.left_out) == {"test_many_classes"}
    assert classes & set(Two.left_out) == classes


def test_another_model_in_a_subclass_has_its_own_checks():
    class Plain(ModelContract):
        model = Model("plain", bayes, tasks=CLASSES)

        def test_weights_matter(self):
            """A check of the subclass itself."""

    class Weighted(Plain):
        model = Model("weighted", bayes, tasks=CLASSES, tags=Tags(accepts_sample_weight=True))

    assert Plain.test_rows_of_weight_zero is None
    assert Plain.test_weights_matter is not None
    assert Weighted.test_rows_of_weight_zero is ModelContract.test_rows_of_weight_zero
    assert Weighted.test_weights_matter is Plain.test_weights_matter


@pytest.mark.parametrize(
    ("found", "again", "message"),
    [
        (lambda context: 0, lambda context: context.rounds, "n_iter_ is 0 after early stopping"),
        (lambda context: 7, lambda context: 7, "It trained 7 rounds with context.rounds=10"),
    ],
    ids=["no rounds", "other rounds than asked for"],
)
def test_wrong_rounds_are_found(found, again, message):
    def fit(estimator, X, y, context):
        estimator.fit(X, y)
        estimator.n_iter_ = (again if context.X_validation is None else found)(context)
        return estimator

    checks = contract(fit=fit, rounds="n_iter_")
    with pytest.raises(AssertionError, match=message):
        checks.test_refit_trains_the_rounds_of_early_stopping("binary")


def test_models_of_typed_frames_keep_the_contract():
    checks = contract(
        lambda values, context: Raw(),
        tags=Tags(accepts_dataframe=True, accepts_nan=True, accepts_categories=True),
    )
    for kind in CLASSES:
        checks.test_fits_and_predicts(kind)
        checks.test_one_row_predicts_as_in_a_batch(kind)
    checks.test_class_absent_from_the_training_part()


def fitted_with(act):
    """A `fit` that does something improper first."""

    def fit(estimator, X, y, context):
        act(X, context)
        return estimator.fit(X, y)

    return fit


def test_changed_rows_are_found():
    checks = contract(fit=fitted_with(lambda X, context: X.__setitem__((0, 0), 99.0)))
    with pytest.raises(AssertionError, match="It changed X"):
        checks.test_keeps_input("binary")


def test_a_generator_of_ones_own_is_no_trace():
    checks = contract(fit=fitted_with(lambda X, context: np.random.default_rng(0).random()))
    checks.test_keeps_global_state("binary")


@pytest.mark.parametrize(
    "act",
    [
        lambda X, context: np.random.rand(),
        lambda X, context: os.environ.__setitem__("LEFT_BEHIND", str(os.urandom(4))),
        lambda X, context: warnings.simplefilter("ignore", category=ImportWarning, append=True),
    ],
    ids=["random state", "environment", "warning filters"],
)
def test_traces_are_found(act, monkeypatch):
    monkeypatch.setenv("LEFT_BEHIND", "")
    calls = []

    def second_time(X, context):
        calls.append(1)
        if len(calls) > 1:
            act(X, context)

    checks = contract(fit=fitted_with(second_time))
    state = np.random.get_state()
    with warnings.catch_warnings():
        warnings.resetwarnings()
        with pytest.raises(AssertionError, match="It changed"):
            checks.test_keeps_global_state("binary")
    np.random.set_state(state)


def test_undeclared_types_are_found():
    checks = contract(lambda values, context: Raw())
    with pytest.raises(
        ModelFileError, match=r"does not declare types as trusted: .*Raw\."
    ) as caught:
        checks.test_model_file_predicts_in_a_new_process()
    assert "trusted=('" in caught.value.hint


def test_a_class_that_another_process_cannot_import_is_found(monkeypatch):
    monkeypatch.setattr(Raw, "__module__", "gone")
    monkeypatch.setitem(sys.modules, "gone", sys.modules[__name__])
    checks = contract(lambda values, context: Raw(), trusted=("gone.Raw",))
    with pytest.raises(
        AssertionError, match="In a new process the model file fails: .*MissingPlugin"
    ):
        checks.test_model_file_predicts_in_a_new_process()


class Bare:
    """A classifier that does not inherit BaseEstimator."""

    def fit(self, X, y):
        self.bayes = GaussianNB().fit(X, y)
        self.classes_ = self.bayes.classes_
        return self

    def predict(self, X):
        return self.bayes.predict(X)

    def predict_proba(self, X):
        return self.bayes.predict_proba(X)


def test_a_missing_base_class_is_found():
    checks = contract(lambda values, context: Bare(), trusted=(f"{__name__}.Bare",))
    with pytest.raises(AssertionError, match=r"must inherit sklearn\.base\.BaseEstimator"):
        checks.test_model_file_predicts_in_a_new_process()


def test_warnings_are_heard(capfd):
    checks = contract(fit=fitted_with(lambda X, context: warnings.warn("look", stacklevel=1)))
    with pytest.raises(AssertionError, match="It warns: look"):
        checks.test_no_output("binary", capfd)


def test_output_is_heard(capfd):
    checks = contract(fit=fitted_with(lambda X, context: os.write(1, b"hello\n")))
    with pytest.raises(AssertionError, match="prints"):
        checks.test_no_output("binary", capfd)


def test_false_claim_of_missing_values():
    with pytest.raises(ValueError, match="NaN"):
        contract(tags=Tags(accepts_nan=True)).test_missing_values("binary")


def test_false_claim_of_sample_weights():
    checks = contract(
        fit=lambda estimator, X, y, context: estimator.fit(X, y),
        tags=Tags(accepts_sample_weight=True),
    )
    with pytest.raises(AssertionError, match="sample weights have no effect"):
        checks.test_weights_matter("binary")


def test_false_claim_of_early_stopping():
    with pytest.raises(AssertionError, match="validation part"):
        contract(tags=Tags(uses_early_stopping=True)).test_validation_part_is_used("binary")


def test_false_claim_of_a_deadline():
    def fit(estimator, X, y, context):
        import time

        time.sleep(0.2)
        return estimator.fit(X, y)

    checks = contract(fit=fit, tags=Tags(keeps_deadline=True))
    checks.deadline_seconds, checks.deadline_bound, checks.large_rows = 0.01, 0.1, 50
    with pytest.raises(AssertionError, match="It took"):
        checks.test_deadline_is_kept("binary")


def test_false_claim_of_determinism():
    checks = contract(
        build=lambda values, context: DecisionTreeClassifier(max_features=1, splitter="random")
    )
    with pytest.raises(AssertionError):
        checks.test_same_seed_same_model("binary")


def test_unclaimed_types_in_a_saved_model():
    class Own(GaussianNB):
        pass

    with pytest.raises(ModelFileError, match="Own"):
        contract(build=lambda values, context: Own()).test_is_saved_and_loaded("binary")


def test_predictions_that_depend_on_company():
    class Ranked(GaussianNB):
        def predict_proba(self, X):
            share = X[:, 0].argsort().argsort() / max(len(X), 1)
            return np.column_stack([share, 1 - share])

    with pytest.raises(AssertionError):
        contract(build=lambda v, c: Ranked()).test_one_row_predicts_as_in_a_batch("binary")


def test_probabilities_that_do_not_sum_to_one():
    class Loud(GaussianNB):
        def predict_proba(self, X):
            return 2 * super().predict_proba(X)

    with pytest.raises(AssertionError, match="sum to 1"):
        contract(build=lambda v, c: Loud()).test_fits_and_predicts("binary")


def test_infinite_predictions():
    class Endless(GaussianNB):
        def predict_proba(self, X):
            return super().predict_proba(X) * np.inf

    with (
        pytest.raises(ComponentError, match="NaN or infinity"),
        np.errstate(invalid="ignore"),
    ):
        contract(build=lambda v, c: Endless()).test_fits_and_predicts("binary")


def test_a_configuration_that_cannot_be_built_is_named():
    def build(values, context):
        if values["depth"] != "one":
            raise ValueError("no such depth")
        return GaussianNB()

    checks = contract(build, space={"depth": Choice(("one", "two"))})
    with pytest.raises(AssertionError, match="'depth': 'two'"):
        checks.test_random_configurations("binary")


def test_portfolio_outside_the_space():
    checks = contract(space={"x": Float(0, 1, 0.5)}, portfolio=({"x": 3.0},))
    with pytest.raises(AssertionError, match=r"x=3\.0"):
        checks.test_portfolio_lies_in_the_space()


def test_heavy_imports_are_named(tmp_path, monkeypatch):
    (tmp_path / "heavy_plugin.py").write_text("import scipy\ndef build(values, context): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    from heavy_plugin import build

    with pytest.raises(AssertionError, match="scipy"):
        contract(build=build).test_imports_no_heavy_library()


def test_values_follow_conditions_and_survive_json():
    space = {
        "kernel": Choice(("rbf", "linear"), "linear"),
        "gamma": Float(1e-3, 1e3, 1.0, log=True, when={"kernel": ("rbf",)}),
    }
    assert default_values(space) == {"kernel": "linear"}
    drawn = [draw_values(space, seed) for seed in range(30)]
    assert {len(values) for values in drawn} == {1, 2}
    assert all(("gamma" in v) == (v["kernel"] == "rbf") for v in drawn)
    assert json.loads(json.dumps(drawn)) == drawn
    assert draw_values(space, 7) == draw_values(space, 7)
